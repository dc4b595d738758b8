"""A real gateway for the rehearsal, which other tests use meanwhile: an admin of its own, and nothing is left."""

import os
import secrets
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Final

from keys.services.person_budget import team_id_at
from tests.keys.real_gateway import RealGateway

HAS_REAL_GATEWAY: Final = bool(os.environ.get("REAL_GATEWAY_URL"))


@contextmanager
def own_admin(gateway: RealGateway) -> Iterator[str]:
    """Make a second admin there; yield its key. The gateway's own may be too short for a portal in service."""
    name = f"rehearsal-{secrets.token_hex(4)}"
    made = gateway.call("POST", "/user/new", body={"user_id": name, "user_role": "proxy_admin"})
    made.raise_for_status()
    try:
        yield made.json()["key"]
    finally:
        gateway.call("POST", "/user/delete", body={"user_ids": [name]}).raise_for_status()


def clean(gateway: RealGateway, people: Iterable[str], markers: Iterable[str]) -> None:
    """Delete the keys and teams of people, by their names at the gateway, and what marks it as known to the portal."""
    for name in people:
        query = {"user_id": name, "return_full_object": "true", "size": 100}
        rows = gateway.call("GET", "/key/list", params=query).json()["keys"]
        if tokens := [row["token"] for row in rows]:
            gateway.call("POST", "/key/delete", body={"keys": tokens})
    teams = [*map(team_id_at, people), *markers]
    for team in teams:
        gateway.call("POST", "/team/delete", body={"team_ids": [team]})  # 404 where there is none
