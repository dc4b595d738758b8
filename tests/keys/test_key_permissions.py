"""What our keys may do with keys at the gateway: nothing. Every kind of key, on the sandbox and for real."""

from collections.abc import Callable, Iterator
from typing import Any, Protocol

import pytest
from django.utils import timezone
from pytest_django import Settings

from accounts.models import User
from gateway.secret import token_of
from keys import services
from keys.models import Key
from tests.keys.actions import BY_TEST, again, issue
from tests.keys.real_gateway import real_gateway

ATTEMPTS: list[tuple[str, str, dict[str, Any]]] = [
    ("POST", "/key/generate", {}),
    ("POST", "/key/generate", {"duration": None, "max_budget": None, "models": []}),
    ("POST", "/key/generate", {"user_id": "USER", "key_type": "management"}),
    ("POST", "/key/generate", {"user_id": "somebody-else"}),
    ("POST", "/key/update", {"key": "OWN", "duration": "3650d"}),
    ("POST", "/key/update", {"key": "OWN", "max_budget": 100_000}),
    ("POST", "/key/update", {"key": "OWN", "allowed_routes": ["/*"]}),
    ("POST", "/key/update", {"key": "OTHER", "blocked": True}),
    ("POST", "/key/block", {"key": "OTHER"}),
    ("POST", "/key/unblock", {"key": "OWN"}),
    ("POST", "/key/delete", {"keys": ["OTHER"]}),
    ("POST", "/key/delete", {"keys": ["OWN"]}),
    ("POST", "/key/regenerate", {"key": "OWN"}),
    ("GET", "/key/info?key=OTHER", {}),
    ("GET", "/key/info?key=OWN", {}),
    ("GET", "/key/list", {}),
    ("GET", "/user/info?user_id=USER", {}),
    ("POST", "/user/new", {"user_id": "somebody-else"}),
    ("POST", "/user/update", {"user_id": "USER", "user_role": "proxy_admin"}),
    ("GET", "/user/daily/activity?start_date=2026-01-01&end_date=2026-01-02", {}),
]


class AnyGateway(Protocol):
    """What sandbox and real gateway have in common."""

    def call(self, method: str, path: str, *, key: str | None = None, body: object = None, **more: Any) -> Any:
        """Call it, as admin unless a key is given."""


@pytest.fixture(params=["sandbox", pytest.param("real", marks=pytest.mark.real_gateway)])
def gateway(request: pytest.FixtureRequest, staff: User, settings: Settings) -> Iterator[AnyGateway]:
    """Hand out a gateway that knows the person as a user: there an ordinary key could make and delete others."""
    if request.param == "sandbox":
        sandbox = request.getfixturevalue("sandbox")
        _make_known(sandbox, staff)
        yield sandbox
        return
    with real_gateway(settings, staff) as real:
        _make_known(real, staff)
        yield real
        real.call("POST", "/user/delete", body={"user_ids": [staff.gateway_user_id]}).raise_for_status()


def _make_known(gateway: AnyGateway, person: User) -> None:
    body = {"user_id": person.gateway_user_id, "auto_create_key": False}
    gateway.call("POST", "/user/new", body=body).raise_for_status()


def temporary(owner: User, gateway: AnyGateway) -> str:
    return issue(owner).secret


def personal(owner: User, gateway: AnyGateway) -> str:
    return issue(owner, kind=Key.Kind.PERSONAL).secret


def for_an_intern(owner: User, gateway: AnyGateway) -> str:
    return issue(owner, intern_name="Intern B").secret


def rotated(owner: User, gateway: AnyGateway) -> str:
    return services.rotate_key(key=again(issue(owner).key), actor=BY_TEST).secret


def retiring(owner: User, gateway: AnyGateway) -> str:
    old = issue(owner)
    services.rotate_key(key=again(old.key), actor=BY_TEST)
    return old.secret


def renewed(owner: User, gateway: AnyGateway) -> str:
    fresh = issue(owner)
    Key.objects.filter(pk=fresh.key.pk).update(expires_at=timezone.now())
    services.renew_key(key=again(fresh.key), actor=BY_TEST)
    return fresh.secret


def of_the_playground(owner: User, gateway: AnyGateway) -> str:
    return services.playground_secret(owner=owner, actor=BY_TEST)


MAKERS = [temporary, personal, for_an_intern, rotated, retiring, renewed, of_the_playground]


@pytest.mark.parametrize("make", MAKERS)
def test_a_key_can_call_models_and_nothing_else(
    staff: User, gateway: AnyGateway, make: Callable[[User, AnyGateway], str]
) -> None:
    other = issue(staff, "other").secret
    secret = make(staff, gateway)
    names = {"OWN": token_of(secret), "OTHER": token_of(other), "USER": staff.gateway_user_id}
    before = keys_of(gateway, staff)

    allowed = [
        (method, path, body)
        for method, path, body in ATTEMPTS
        if _status(gateway, secret, method, path, body, names) < 400
    ]

    assert allowed == []
    assert keys_of(gateway, staff) == before
    assert gateway.call("GET", "/v1/models", key=secret).status_code == 200
    assert gateway.call("GET", "/v1/models", key=other).status_code == 200


def _status(
    gateway: AnyGateway, secret: str, method: str, path: str, body: dict[str, Any], names: dict[str, str]
) -> int:
    """Try one thing with a key; return the gateway's status."""
    for name, value in names.items():
        path = path.replace(name, value)
        body = {field: _named(reported, name, value) for field, reported in body.items()}
    answer = gateway.call(method, path, key=secret, body=body if method == "POST" else None)
    return int(answer.status_code)


def _named(reported: Any, name: str, value: str) -> Any:
    if isinstance(reported, list):
        return [_named(entry, name, value) for entry in reported]
    return value if reported == name else reported


def keys_of(gateway: AnyGateway, person: User) -> list[tuple[Any, ...]]:
    """Return what matters of a person's keys at the gateway."""
    query = {"user_id": person.gateway_user_id, "return_full_object": "true", "size": 100, "sort_by": "token"}
    rows = gateway.call("GET", "/key/list", params=query).json()["keys"]
    kept = ("token", "expires", "blocked", "max_budget", "models", "allowed_routes", "user_id")
    return [tuple(row.get(name) for name in kept) for row in rows]
