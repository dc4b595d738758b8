"""The rows that the periodic comparisons load: 60,000 tokens with key and owner took 203 MB."""

from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection
from django.db.models.signals import post_init
from django.test.utils import CaptureQueriesContext

from accounts.models import User
from gateway.secret import token_of
from keys import services
from keys.models import Key, Token
from tests.factories import make_user
from tests.sandbox_process import Sandbox
from usage.services import compare_with_gateway

MANY = 30


@pytest.fixture
def owners(db: None) -> list[User]:
    return [make_user(f"owner-{number}") for number in range(3)]


@pytest.fixture
def keys(owners: list[User], sandbox: Sandbox) -> list[Key]:
    """Make live keys here and at the gateway, and as many that were deleted."""
    keys = Key.objects.bulk_create(
        Key(owner=owners[number % 3], kind=Key.Kind.TEMPORARY, label=f"key {number}", state=state)
        for number in range(MANY)
        for state in (Key.State.ACTIVE, Key.State.DELETED)
    )
    for key in keys:
        token = f"{key.pk.int:064x}"
        if key.state == Key.State.ACTIVE:
            answer = sandbox.call("POST", "/key/generate", body={"user_id": key.owner.gateway_user_id})
            token = token_of(answer.json()["key"])
        state = Token.State.LIVE if key.state == Key.State.ACTIVE else Token.State.DELETED
        Token.objects.create(key=key, token=token, state=state)
    return keys


def made_by(action: Callable[[], object]) -> tuple[list[str], list[dict[str, str]]]:
    """Return the rows of keys, tokens and people that were made objects of, and what was asked for tokens."""
    made: list[str] = []

    def note(sender: Any, **_: Any) -> None:
        made.append(sender.__name__)

    for model in (Key, Token, User):
        post_init.connect(note, sender=model)
    try:
        with CaptureQueriesContext(connection) as queries:
            action()
    finally:
        for model in (Key, Token, User):
            post_init.disconnect(note, sender=model)
    reading = ("SELECT", "DECLARE")  # a cursor, on PostgreSQL
    return made, [query for query in queries if "keys_token" in query["sql"] and query["sql"].startswith(reading)]


@pytest.mark.parametrize(
    ("compare", "columns"), [(services.sync_keys, 8), (compare_with_gateway, 9)], ids=["sync", "reconcile"]
)
def test_comparing_unchanged_keys_loads_no_instance_and_reads_tokens_once(
    keys: list[Key], compare: Callable[[], object], columns: int
) -> None:
    services.sync_keys()

    made, asked = made_by(compare)

    assert made == []
    tokens = [query["sql"] for query in asked if "'live'" in query["sql"]]
    assert len(tokens) == 1
    assert tokens[0].split(" FROM ")[0].count(",") + 1 <= columns


def test_only_keys_that_differ_are_loaded_as_instances(keys: list[Key], sandbox: Sandbox) -> None:
    services.sync_keys()
    changed = [key for key in keys if key.state == Key.State.ACTIVE][:2]
    for token in Token.objects.filter(key__in=changed):
        sandbox.call("POST", "/key/block", body={"key": token.token}).raise_for_status()

    made, _asked = made_by(services.sync_keys)

    assert made.count("Key") <= len(changed)
    assert made.count("Token") <= len(changed)
    assert Key.objects.filter(blocked=True).count() == len(changed)
