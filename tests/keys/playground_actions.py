"""Helpers about the Playground's key: use it, look at it, change its policy."""

from typing import Any

import pytest

from accounts.audit import Actor
from accounts.models import AuditEntry, Policy, User
from gateway.secret import Secret, token_of
from keys import services
from keys.models import Key
from tests.factories import change_policies
from tests.keys.actions import BY_TEST, again, set_at_gateway
from tests.sandbox_process import Sandbox


def use(owner: User) -> Secret:
    """Return the secret with which the Playground calls models for this person."""
    return services.playground_secret(owner=owner, actor=Actor(user=owner, address="192.0.2.1"))


def the_key() -> Key:
    """Return the one Playground key that is there."""
    return again(Key.objects.get(kind=Key.Kind.PLAYGROUND, state=Key.State.ACTIVE))


def allow(**fields: Any) -> None:
    """Change the policy of interns."""
    change_policies(Policy.objects.filter(group__name="Interns"), **fields)


def row_of(sandbox: Sandbox, secret: str) -> dict[str, Any]:
    """Return what the gateway has of a key."""
    info: dict[str, Any] = sandbox.call("GET", "/key/info", params={"key": token_of(secret)}).json()["info"]
    return info


def spend_at(sandbox: Sandbox, secret: str, usd: float) -> None:
    """Let so much of the key's budget be spent."""
    set_at_gateway(sandbox, token_of(secret), spend=usd)


def said() -> list[tuple[str, str]]:
    """Return what the trail tells, oldest first."""
    return list(AuditEntry.objects.order_by("id").values_list("action", "outcome"))


def refusal_of(owner: User, wait_s: float = 10) -> services.KeyRefused:
    """Use the key where that is refused; return the refusal."""
    with pytest.raises(services.KeyRefused) as refused:
        services.playground_secret(owner=owner, actor=BY_TEST, wait_s=wait_s)
    return refused.value
