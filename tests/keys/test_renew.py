"""Renewal: when it is open, what it changes, and what a lost answer leaves."""

from datetime import UTC, datetime, timedelta

import pytest
from django.utils import timezone

from accounts.models import AuditEntry, User
from gateway.errors import GatewayUnavailable
from keys import services
from keys.models import Intern, Key
from tests.factories import change_policies
from tests.keys.actions import BY_TEST, again, assert_at_rest, delete_at_gateway, ending_in, issue, works
from tests.sandbox_process import Sandbox


def test_renews_a_key_that_expires_soon_for_another_lifetime(intern: User, sandbox: Sandbox) -> None:
    fresh = issue(intern)
    key = ending_in(fresh.key, sandbox, days=3)

    renewed = services.renew_key(key=key, actor=BY_TEST)

    assert renewed.expires_at is not None
    assert abs(renewed.expires_at - timezone.now() - timedelta(days=30)) < timedelta(minutes=1)
    assert works(sandbox, fresh.secret)
    assert renewed.pk == fresh.key.pk


def test_a_renewal_does_not_look_a_key_up_that_is_in_its_team(intern: User, sandbox: Sandbox) -> None:
    key = ending_in(issue(intern).key, sandbox, days=3)
    sandbox.faults("/key/info", "drop_before")

    services.renew_key(key=key, actor=BY_TEST)

    assert [fault["hits"] for fault in sandbox.armed_faults()] == [0]


def test_an_expired_key_works_again_after_renewal(intern: User, sandbox: Sandbox) -> None:
    fresh = issue(intern)
    key = ending_in(fresh.key, sandbox, days=-2)

    services.renew_key(key=key, actor=BY_TEST)

    assert services.check_secret(owner=intern, secret=fresh.secret).ok


@pytest.mark.parametrize(("days", "code"), [(8, "too_early"), (-31, "too_late")])
def test_refuses_outside_the_window(intern: User, sandbox: Sandbox, days: int, code: str) -> None:
    key = ending_in(issue(intern).key, sandbox, days=days)

    with pytest.raises(services.KeyRefused) as refusal:
        services.renew_key(key=key, actor=BY_TEST)

    assert refusal.value.code == code
    assert again(key).expires_at == key.expires_at


def test_an_interns_key_is_renewed_as_long_as_the_owner_may_name_interns(staff: User, sandbox: Sandbox) -> None:
    ending = ending_in(issue(staff, intern_name="Intern B").key, sandbox, days=3)
    renewed = services.renew_key(key=ending, actor=BY_TEST)
    change_policies(may_name_interns=False)

    with pytest.raises(services.KeyRefused) as refusal:
        services.renew_key(key=ending_in(renewed, sandbox, days=3), actor=BY_TEST)

    assert refusal.value.code == "intern"


def test_refuses_beyond_the_stay_of_the_intern(staff: User, sandbox: Sandbox) -> None:
    today = datetime.now(UTC).date()
    key = ending_in(issue(staff, intern_name="Intern B", stay_ends_on=today).key, sandbox, days=-1)
    Intern.objects.update(stay_ends_on=today - timedelta(days=1))

    with pytest.raises(services.KeyRefused) as refusal:
        services.renew_key(key=again(key), actor=BY_TEST)

    assert refusal.value.code == "stay_over"


def test_a_lost_answer_is_repaired_with_the_expiry_of_the_gateway(intern: User, sandbox: Sandbox) -> None:
    key = ending_in(issue(intern).key, sandbox, days=3)
    sandbox.faults("/key/update", "drop_after")

    with pytest.raises(GatewayUnavailable):
        services.renew_key(key=key, actor=BY_TEST)
    assert again(key).expires_at == key.expires_at  # not known yet, so not claimed
    services.sweep_keys()

    repaired = again(key)
    assert repaired.expires_at is not None
    assert repaired.expires_at > timezone.now() + timedelta(days=29)
    assert_at_rest(sandbox)
    assert AuditEntry.objects.filter(action="sweep", outcome="repaired").exists()


def test_a_failure_before_the_call_keeps_the_old_expiry(intern: User, sandbox: Sandbox) -> None:
    key = ending_in(issue(intern).key, sandbox, days=3)
    sandbox.faults("/key/update", "error", status=503)

    with pytest.raises(GatewayUnavailable):
        services.renew_key(key=key, actor=BY_TEST)
    services.sweep_keys()

    repaired = again(key)
    assert repaired.expires_at is not None
    assert key.expires_at is not None
    assert abs(repaired.expires_at - key.expires_at) < timedelta(seconds=1)
    assert_at_rest(sandbox)


def test_can_be_tried_again_at_once_after_a_lost_answer(intern: User, sandbox: Sandbox) -> None:
    key = ending_in(issue(intern).key, sandbox, days=3)
    sandbox.faults("/key/update", "drop_before")
    with pytest.raises(GatewayUnavailable):
        services.renew_key(key=key, actor=BY_TEST)

    renewed = services.renew_key(key=again(key), actor=BY_TEST)

    assert renewed.renewing_since is None
    assert renewed.expires_at != key.expires_at


def test_a_key_missing_at_the_gateway_is_deleted_here(intern: User, sandbox: Sandbox) -> None:
    key = ending_in(issue(intern).key, sandbox, days=3)
    delete_at_gateway(sandbox, key)

    with pytest.raises(services.KeyRefused) as refusal:
        services.renew_key(key=key, actor=BY_TEST)

    assert refusal.value.code == "gone"
    assert again(key).problem == Key.Problem.GONE
