"""The sweep: it continues past failures, and blocks the keys of people who left."""

from datetime import timedelta

import pytest
from django.test import override_settings
from django.utils import timezone

from accounts.models import AuditEntry, User
from gateway.errors import GatewayUnavailable
from keys import services
from keys.models import Key, Token
from keys.services import sweep
from tests.keys.actions import BY_TEST, again, assert_at_rest, issue
from tests.sandbox_process import Sandbox


def test_does_nothing_when_nothing_is_pending(intern: User, sandbox: Sandbox) -> None:
    issue(intern)

    assert services.sweep_keys() == 0
    assert AuditEntry.objects.count() == 1


def test_leaves_recent_operations_alone(intern: User, sandbox: Sandbox) -> None:
    issue(intern)
    Token.objects.update(state=Token.State.ISSUING, token=None)
    Key.objects.update(state=Key.State.ISSUING, renewing_since=timezone.now())

    assert services.sweep_keys() == 0
    assert len(sandbox.live_keys()) == 1


def test_goes_on_past_a_key_that_the_gateway_fails_on(staff: User, sandbox: Sandbox) -> None:
    for label in ("one", "two"):
        key = issue(staff, label).key
        sandbox.faults("/key/delete", "error", status=503)
        with pytest.raises(GatewayUnavailable):
            services.delete_key(key=again(key), actor=BY_TEST)
    sandbox.faults("/key/delete", "error", status=503)

    with pytest.raises(GatewayUnavailable):
        services.sweep_keys()

    assert len(sandbox.live_keys()) == 1
    services.sweep_keys()
    assert_at_rest(sandbox)


def test_blocks_the_keys_of_somebody_who_was_deactivated(intern: User, sandbox: Sandbox) -> None:
    key = issue(intern).key
    services.rotate_key(key=again(key), actor=BY_TEST)
    User.objects.filter(pk=intern.pk).update(is_active=False)

    services.sweep_keys()

    assert again(key).blocked
    assert all(row["blocked"] for row in sandbox.live_keys())
    assert services.sweep_keys() == 0


def test_blocks_no_key_of_somebody_who_came_back_meanwhile(intern: User, sandbox: Sandbox) -> None:
    key = again(issue(intern).key)

    assert not sweep._block(key)  # found when its owner was away

    assert not again(key).blocked
    assert not any(row["blocked"] for row in sandbox.live_keys())


def test_unblocks_the_keys_of_somebody_who_comes_back(intern: User, sandbox: Sandbox) -> None:
    fresh = issue(intern)
    new = services.rotate_key(key=again(fresh.key), actor=BY_TEST)
    User.objects.filter(pk=intern.pk).update(is_active=False)
    services.sweep_keys()
    services.sync_keys()
    User.objects.filter(pk=intern.pk).update(is_active=True)

    services.sweep_keys()
    services.sync_keys()

    assert not again(fresh.key).blocked
    assert all(sandbox.call("GET", "/v1/models", key=secret).ok for secret in (fresh.secret, new.secret))
    assert services.sweep_keys() == 0


def test_a_block_at_the_gateway_is_kept_when_its_owner_comes_back(intern: User, sandbox: Sandbox) -> None:
    fresh = issue(intern)
    sandbox.call("POST", "/key/block", body={"key": fresh.secret}).raise_for_status()
    services.sync_keys()
    for is_active in (False, True):
        User.objects.filter(pk=intern.pk).update(is_active=is_active)
        services.sweep_keys()

    assert again(fresh.key).blocked
    assert not sandbox.call("GET", "/v1/models", key=fresh.secret).ok


def test_a_recent_block_at_the_gateway_is_kept_too(intern: User, sandbox: Sandbox) -> None:
    """The portal has not heard of that block when it blocks the key itself."""
    fresh, other = issue(intern), issue(intern, "other")
    services.rotate_key(key=again(fresh.key), actor=BY_TEST)
    sandbox.call("POST", "/key/block", body={"key": fresh.secret}).raise_for_status()
    for is_active in (False, True):
        User.objects.filter(pk=intern.pk).update(is_active=is_active)
        services.sweep_keys()

    assert again(fresh.key).blocked
    assert not sandbox.call("GET", "/v1/models", key=fresh.secret).ok
    assert sandbox.call("GET", "/v1/models", key=other.secret).ok
    assert services.sweep_keys() == 0


def test_a_key_without_an_end_never_lapses(intern: User, sandbox: Sandbox) -> None:
    key = issue(intern).key
    Key.objects.update(expires_at=None, created_at=timezone.now() - timedelta(days=4000))

    assert services.sweep_keys() == 0
    assert again(key).state == Key.State.ACTIVE


def test_keys_that_cannot_be_deleted_do_not_delay_the_others(staff: User, sandbox: Sandbox) -> None:
    """A key that the gateway says it deleted and still has, five times over; the sixth is somebody else's lapse."""
    keys = [issue(staff, f"key {number}").key for number in range(6)]
    stubborn = [again(key).in_state(Token.State.LIVE)[0] for key in keys[:5]]
    for token in stubborn:
        Token.objects.filter(pk=token.pk).update(state=Token.State.DELETING, token=f"no token {token.pk}")
    Key.objects.filter(pk__in=[key.pk for key in keys[:5]]).update(state=Key.State.DELETING)
    Key.objects.filter(pk=keys[5].pk).update(expires_at=timezone.now() - timedelta(days=40))

    services.sweep_keys()

    assert again(keys[5]).state == Key.State.DELETED
    assert again(keys[5]).problem == Key.Problem.LAPSED
    assert Token.objects.filter(state=Token.State.DELETING).exclude(tried_at=None).count() == 5


def test_failed_keys_are_retried_last(staff: User, sandbox: Sandbox) -> None:
    for number in range(5):
        issue(staff, f"key {number}")
    Token.objects.update(state=Token.State.DELETING)
    Key.objects.update(state=Key.State.DELETING)
    services.identify_gateway()
    sandbox.faults("/key/delete", "hang_before", times=3)
    with override_settings(GATEWAY_READ_TIMEOUT_S=0.2), pytest.raises(GatewayUnavailable):
        services.sweep_keys()  # three in a row: the gateway is away, and the round ends
    assert len(sandbox.live_keys()) == 5
    failed = set(Token.objects.exclude(tried_at=None).values_list("pk", flat=True))
    sandbox.clear_faults()
    sandbox.faults("/key/delete", "hang_before", skip=2, times=3)

    with override_settings(GATEWAY_READ_TIMEOUT_S=0.2), pytest.raises(GatewayUnavailable):
        services.sweep_keys()

    assert set(Token.objects.filter(state=Token.State.DELETING).values_list("pk", flat=True)) == failed
    sandbox.clear_faults()
    services.sweep_keys()
    assert_at_rest(sandbox)
