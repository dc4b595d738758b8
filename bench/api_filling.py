"""The programs of the API bench: people with a key and an access token. Needs Django set up."""

from typing import Any

from accounts.audit import Actor
from api.services.tokens import create_token
from keys.identity import identify_gateway
from tests.factories import make_intern
from tests.keys.actions import issue


def make_programs(count: int) -> dict[str, Any]:
    """Create so many people; return the secrets of their keys and of their access tokens."""
    identify_gateway()
    secrets: list[str] = []
    for number in range(count):
        person = make_intern(f"person-{number}")
        _token, secret = create_token(
            owner=person, actor=Actor(user=person), name="bench", scopes=["usage:read"], lifetime_days=1
        )
        secrets += [str(issue(person).secret), str(secret)]
    return {"secrets": secrets}
