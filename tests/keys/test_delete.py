"""Deletion: confirmed when the gateway, asked again, no longer has the key."""

from datetime import timedelta

import pytest
from django.utils import timezone

from accounts.models import AuditEntry, User
from gateway.errors import GatewayUnavailable
from keys import services
from keys.models import Key
from tests.keys.actions import BY_TEST, again, assert_at_rest, issue, works
from tests.sandbox_process import Sandbox


def test_the_gateway_refuses_the_key_and_the_row_says_so(intern: User, sandbox: Sandbox) -> None:
    fresh = issue(intern)

    services.delete_key(key=again(fresh.key), actor=BY_TEST)

    assert not works(sandbox, fresh.secret)
    assert again(fresh.key).state == Key.State.DELETED
    assert again(fresh.key).ended_at is not None
    assert_at_rest(sandbox)


def test_deletes_the_old_secret_of_a_rotation_too(intern: User, sandbox: Sandbox) -> None:
    key = issue(intern).key
    services.rotate_key(key=again(key), actor=BY_TEST)

    services.delete_key(key=again(key), actor=BY_TEST)

    assert not sandbox.live_keys()
    assert_at_rest(sandbox)


@pytest.mark.parametrize("path", ["/key/delete", "/key/info"])
@pytest.mark.parametrize(
    ("kind", "status"),
    [("error", 500), ("error", 503), ("drop_before", None), ("drop_after", None), ("html", None), ("cut_body", None)],
)
def test_a_deletion_needs_the_confirmation_of_the_gateway(
    intern: User, sandbox: Sandbox, path: str, kind: str, status: int | None
) -> None:
    fresh = issue(intern)
    sandbox.faults(path, kind, status=status, times=10)

    with pytest.raises(GatewayUnavailable):
        services.delete_key(key=again(fresh.key), actor=BY_TEST)
    assert again(fresh.key).state == Key.State.DELETING
    assert AuditEntry.objects.filter(action="delete", outcome="unknown").exists()

    sandbox.clear_faults()
    services.sweep_keys()

    assert again(fresh.key).state == Key.State.DELETED
    assert_at_rest(sandbox)


def test_a_deletion_is_verified(intern: User, sandbox: Sandbox) -> None:
    fresh = issue(intern)
    sandbox.faults("/key/delete", "error", status=200)

    with pytest.raises(GatewayUnavailable, match="still has it"):
        services.delete_key(key=again(fresh.key), actor=BY_TEST)

    assert again(fresh.key).state == Key.State.DELETING


def test_a_second_request_retries_a_pending_deletion(intern: User, sandbox: Sandbox) -> None:
    key = issue(intern).key
    sandbox.faults("/key/delete", "error", status=503)
    with pytest.raises(GatewayUnavailable):
        services.delete_key(key=again(key), actor=BY_TEST)

    services.delete_key(key=again(key), actor=BY_TEST)

    assert again(key).state == Key.State.DELETED


def test_a_deleted_key_frees_its_label_and_its_place(intern: User, sandbox: Sandbox) -> None:
    for label in ("one", "two", "three"):
        key = issue(intern, label).key
    services.delete_key(key=again(key), actor=BY_TEST)

    assert issue(intern, "three").key.state == Key.State.ACTIVE


def test_refuses_what_is_deleted(intern: User, sandbox: Sandbox) -> None:
    key = issue(intern).key
    services.delete_key(key=again(key), actor=BY_TEST)

    with pytest.raises(services.KeyRefused):
        services.delete_key(key=again(key), actor=BY_TEST)


def test_a_key_that_lapsed_is_deleted_by_the_sweep(intern: User, sandbox: Sandbox) -> None:
    key = issue(intern).key
    Key.objects.filter(pk=key.pk).update(expires_at=timezone.now() - timedelta(days=31))

    services.sweep_keys()

    assert again(key).problem == Key.Problem.LAPSED
    assert again(key).state == Key.State.DELETED
    assert not sandbox.live_keys()
