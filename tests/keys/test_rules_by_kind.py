"""Rules for one kind of key: its number, and the end of all such keys."""

from datetime import timedelta

import pytest
from django.utils import timezone

from accounts.audit import BY_THE_PORTAL
from accounts.models import AuditEntry, User
from keys import services
from keys.models import Key
from tests.factories import change_policies
from tests.keys.actions import BY_TEST, again, ending_in, issue
from tests.sandbox_process import Sandbox

MINUTE = timedelta(minutes=1)


def test_a_number_of_one_kind_leaves_room_for_the_other(staff: User, sandbox: Sandbox) -> None:
    change_policies(personal__max_keys=1)
    issue(staff, "one", Key.Kind.PERSONAL)

    with pytest.raises(services.KeyRefused, match="1 key of this kind, and may have 1") as refusal:
        issue(staff, "two", Key.Kind.PERSONAL)

    assert refusal.value.code == "limit"
    issue(staff, "three", Key.Kind.TEMPORARY)


def test_is_not_renewed_beyond_the_number_of_its_kind(intern: User, sandbox: Sandbox) -> None:
    issue(intern, "one")
    key = ending_in(issue(intern, "two").key, sandbox, days=3)
    change_policies(temporary__max_keys=1)

    with pytest.raises(services.KeyRefused, match="2 keys of this kind, and your policy allows 1 now"):
        services.renew_key(key=key, actor=BY_TEST)


def test_no_key_outlives_the_end_of_its_kind(intern: User, sandbox: Sandbox) -> None:
    before, last = issue(intern, "before").key, timezone.now() + timedelta(days=9)
    change_policies(temporary__ends_at=last)

    after = issue(intern, "after").key
    assert services.apply_policies(BY_THE_PORTAL) == 1

    for key in (again(before), after):
        assert key.expires_at
        assert abs(key.expires_at - last) < 2 * MINUTE
    assert "as the policy requires" in AuditEntry.objects.get(action="limit").remark
    assert not services.find_outdated()


def test_a_renewal_that_gains_nothing_is_refused(intern: User, sandbox: Sandbox) -> None:
    change_policies(temporary__ends_at=timezone.now() + timedelta(days=3))
    key = ending_in(issue(intern).key, sandbox, days=3)

    with pytest.raises(services.KeyRefused, match="a renewal would change nothing") as refusal:
        services.renew_key(key=key, actor=BY_TEST)

    assert refusal.value.code == "over"


def test_a_renewal_that_gains_an_hour_is_none_that_gains_nothing(intern: User, sandbox: Sandbox) -> None:
    key = ending_in(issue(intern).key, sandbox, days=3)
    assert key.expires_at
    change_policies(temporary__ends_at=key.expires_at + timedelta(hours=1))

    services.renew_key(key=key, actor=BY_TEST)


def test_after_the_end_of_a_kind_none_is_made(staff: User, sandbox: Sandbox) -> None:
    change_policies(temporary__ends_at=timezone.now() - MINUTE)

    with pytest.raises(services.KeyRefused, match="all keys of this kind expired") as refusal:
        issue(staff)

    assert refusal.value.code == "over"
    issue(staff, kind=Key.Kind.PERSONAL)


def test_a_key_follows_the_limits_of_its_own_kind(staff: User, sandbox: Sandbox) -> None:
    change_policies(personal__rpm_limit=9, temporary__all_models=False, temporary__model_names=["gpt-4o-mini"])

    personal, temporary = issue(staff, "one", Key.Kind.PERSONAL).key, issue(staff, "two").key

    assert (personal.rpm_limit, personal.model_names) == (9, None)
    assert (temporary.rpm_limit, temporary.model_names) == (None, ["gpt-4o-mini"])
