"""Taking over changes at the gateway."""

from datetime import timedelta

import pytest
from django.core import mail
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from accounts.models import AuditEntry, User
from gateway.errors import GatewayError
from gateway.secret import token_of
from keys import services
from keys.models import Key, Token
from keys.services.sync import run_sync
from tests.keys.actions import BY_TEST, again, delete_at_gateway, issue, live_token, set_at_gateway, tokens_at
from tests.sandbox_process import Sandbox


def make_outside(sandbox: Sandbox, user: User, **settings: object) -> str:
    """Make a key of the person at the gateway, without the portal; return its token."""
    answer = sandbox.call("POST", "/key/generate", body={"user_id": user.gateway_user_id, **settings})
    return token_of(answer.json()["key"])


def test_unchanged_writes_nothing(intern: User, sandbox: Sandbox) -> None:
    issue(intern)

    assert services.sync_keys() == 0
    assert AuditEntry.objects.count() == 1


def test_a_key_deleted_at_the_gateway_is_deleted_here(intern: User, sandbox: Sandbox) -> None:
    key = issue(intern).key
    delete_at_gateway(sandbox, key)

    assert services.sync_keys() == 1

    assert again(key).state == Key.State.DELETED
    assert again(key).problem == Key.Problem.GONE


def test_a_changed_expiry_is_synced(intern: User, sandbox: Sandbox) -> None:
    key = issue(intern).key
    set_at_gateway(sandbox, live_token(key), duration="2d")

    assert services.sync_keys() == 1

    synced = again(key)
    assert synced.expires_at is not None
    assert abs(synced.expires_at - timezone.now() - timedelta(days=2)) < timedelta(minutes=1)
    assert services.sync_keys() == 0


def test_a_block_and_an_unblock_are_synced(intern: User, sandbox: Sandbox) -> None:
    key = issue(intern).key
    sandbox.call("POST", "/key/block", body={"key": live_token(key)})
    services.sync_keys()
    assert again(key).blocked

    sandbox.call("POST", "/key/unblock", body={"key": live_token(key)})
    services.sync_keys()
    assert not again(key).blocked


def test_a_key_made_elsewhere_is_listed_once_and_can_be_deleted(intern: User, sandbox: Sandbox) -> None:
    token = make_outside(sandbox, intern, key_alias="notebook-2025")
    services.sync_keys()
    assert services.sync_keys() == 0

    key = Key.objects.get()
    assert (key.kind, key.label, key.owner) == (Key.Kind.EXTERNAL, "notebook-2025", intern)
    services.delete_key(key=key, actor=BY_TEST)

    assert token not in tokens_at(sandbox)


def test_a_key_made_elsewhere_does_not_count_and_cannot_be_renewed(intern: User, sandbox: Sandbox) -> None:
    for number in range(3):
        make_outside(sandbox, intern, key_alias=f"other-{number}", duration="1d")
    services.sync_keys()

    with pytest.raises(services.KeyRefused):
        services.renew_key(key=again(Key.objects.first() or Key()), actor=BY_TEST)

    assert issue(intern).key.state == Key.State.ACTIVE


def test_keys_of_strangers_are_left_alone(intern: User, sandbox: Sandbox) -> None:
    sandbox.call("POST", "/key/generate", body={"user_id": "somebody-else"})
    sandbox.call("POST", "/key/generate", body={})

    assert services.sync_keys() == 0
    assert not Key.objects.exists()


def test_a_key_that_a_late_answer_made_after_the_sweep_is_deleted(intern: User, sandbox: Sandbox) -> None:
    key = issue(intern).key
    alias, token = Token.objects.values_list("alias", "token").get()
    Token.objects.update(state=Token.State.LOST, token=None)
    Key.objects.update(state=Key.State.FAILED)

    assert services.sync_keys() == 1

    assert token not in tokens_at(sandbox)
    assert again(key).state == Key.State.FAILED
    assert alias


def test_a_key_that_is_being_created_is_left_alone(intern: User, sandbox: Sandbox) -> None:
    issue(intern)
    Token.objects.update(state=Token.State.ISSUING, token=None)
    Key.objects.update(state=Key.State.ISSUING)

    assert services.sync_keys() == 0
    assert len(sandbox.live_keys()) == 1


def test_reads_every_page(intern: User, sandbox: Sandbox) -> None:
    for number in range(105):
        make_outside(sandbox, intern, key_alias=f"key-{number:03}")

    assert services.sync_keys() == 105
    assert Key.objects.count() == 105


def test_an_incomplete_list_changes_nothing(intern: User, sandbox: Sandbox) -> None:
    for number in range(105):
        make_outside(sandbox, intern, key_alias=f"key-{number:03}")
    sandbox.faults("/key/list", "html", skip=1, times=10)

    with pytest.raises(GatewayError):
        services.sync_keys()

    assert not Key.objects.exists()


def test_an_invalid_row_stops_nothing_and_is_reported_to_admins(intern: User, admin: User, sandbox: Sandbox) -> None:
    """Anybody who may make keys at the gateway can write any number into one."""
    key = issue(intern).key
    other = issue(intern, "other").key
    oddities: list[dict[str, object]] = [{"tpm_limit": 2**63 - 1}, {"max_budget": 1e18}, {"rpm_limit": -(10**17)}]
    for number, odd in enumerate(oddities):
        body = {"user_id": "somebody-else", "key_alias": f"odd-{number}", **odd}
        sandbox.call("POST", "/key/generate", body=body).raise_for_status()
    set_at_gateway(sandbox, live_token(other), max_budget=1e18, duration="3d")
    make_outside(sandbox, intern, key_alias="notebook")
    set_at_gateway(sandbox, live_token(key), duration="2d")

    report = run_sync()

    assert report.updated == [key.pk]
    assert len(report.adopted) == 1
    assert len(report.unreadable) == 4
    assert again(other).state == Key.State.ACTIVE
    assert "4 keys at the gateway have invalid values" in mail.outbox[0].body
    run_sync()
    assert len(mail.outbox) == 1


def test_a_row_that_fails_does_not_stop_the_others(intern: User, sandbox: Sandbox) -> None:
    for label in ("one", "two", "three"):
        delete_at_gateway(sandbox, issue(intern, label).key)
    sandbox.faults("/key/info", "error", status=400)

    assert services.sync_keys() == 2

    assert services.sync_keys() == 1
    assert not Key.objects.filter(state=Key.State.ACTIVE).exists()


def test_only_live_tokens_are_loaded_in_full(intern: User, sandbox: Sandbox) -> None:
    keys = Key.objects.bulk_create(
        Key(owner=intern, kind=Key.Kind.TEMPORARY, label=f"old {number}", state=Key.State.DELETED)
        for number in range(300)
    )
    Token.objects.bulk_create(
        Token(key=key, token=f"{number:064x}", state=Token.State.DELETED) for number, key in enumerate(keys)
    )
    issue(intern)
    services.sync_keys()

    with CaptureQueriesContext(connection) as queries:
        services.sync_keys()

    reading = ("SELECT", "DECLARE")  # a cursor, on PostgreSQL
    loaded = [sql for query in queries if "keys_token" in (sql := query["sql"]) and sql.startswith(reading)]
    assert len(loaded) == 1
    assert "'live'" in loaded[0]
    assert '"keys_token"."answer_lost"' not in loaded[0]
