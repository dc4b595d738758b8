"""The end of an intern's stay can be changed, and the key's end follows, here and at the gateway."""

from datetime import date, datetime, timedelta

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from accounts.models import AuditEntry, User
from keys import services
from keys.models import Intern, Key
from tests.conftest import signed_in
from tests.factories import change_policies, make_staff
from tests.keys.actions import again, assert_at_rest, issue, live_token, set_at_gateway
from tests.keys.views.pages import assert_only, everything, words_of
from tests.sandbox_process import Sandbox


def in_days(days: int) -> date:
    return timezone.localdate() + timedelta(days=days)


@pytest.fixture
def practical(staff: User, sandbox: Sandbox) -> Key:
    """Make a key for an intern who stays for ten days."""
    return issue(staff, "practical", intern_name="Intern B", stay_ends_on=in_days(10)).key


def stay_of(key: Key) -> str:
    """Return the address of the stay of a key's intern."""
    return reverse("keys:intern_stay", args=[key.intern_id])


def end_there(sandbox: Sandbox, key: Key) -> datetime:
    row = next(row for row in sandbox.live_keys() if row["token"] == live_token(key))
    return datetime.fromisoformat(str(row["expires"]))


@pytest.mark.parametrize("days", [0, 4, 20, 25])
def test_the_key_ends_with_the_new_last_day(as_staff: Client, practical: Key, sandbox: Sandbox, days: int) -> None:
    answer = as_staff.post(stay_of(practical), {"stay_ends_on": in_days(days).isoformat()}, follow=True)

    key = again(practical)
    assert "The end of Intern B’s stay is changed." in words_of(answer)
    assert key.stay_ends_on == in_days(days)
    assert timezone.localdate(key.expires_at) == timezone.localdate(end_there(sandbox, key)) == in_days(days)
    assert AuditEntry.objects.filter(action="stay", outcome="done", object_kind="intern").count() == 1
    assert_at_rest(sandbox)


@pytest.mark.parametrize("day", ["", "2099-01-01"])
def test_the_policy_bounds_it_and_a_later_day_renews_nothing(
    as_staff: Client, practical: Key, sandbox: Sandbox, day: str
) -> None:
    for _ in range(2):
        as_staff.post(stay_of(practical), {"stay_ends_on": day})

    end = again(practical).expires_at
    assert end is not None
    assert abs(end - practical.created_at - timedelta(days=30)) < timedelta(minutes=5)


def test_a_key_that_ended_with_the_stay_works_again(as_staff: Client, practical: Key, sandbox: Sandbox) -> None:
    set_at_gateway(sandbox, live_token(practical), duration="0d")
    Intern.objects.update(stay_ends_on=in_days(-1))
    Key.objects.update(expires_at=timezone.now() - timedelta(days=1))
    assert "To renew it, change the end of the stay." in words_of(as_staff.get("/"))

    as_staff.post(stay_of(practical), {"stay_ends_on": in_days(7).isoformat()})

    assert end_there(sandbox, practical) > timezone.now() + timedelta(days=6)


def test_is_refused_where_the_policy_has_no_keys_for_interns_any_more(
    as_staff: Client, practical: Key, sandbox: Sandbox
) -> None:
    change_policies(may_name_interns=False)
    before = everything(sandbox)

    later = as_staff.post(stay_of(practical), {"stay_ends_on": in_days(20).isoformat()})

    assert later.status_code == 422
    assert "no longer includes keys for interns" in words_of(later)
    assert everything(sandbox) == before
    as_staff.post(stay_of(practical), {"stay_ends_on": in_days(2).isoformat()})
    assert again(practical).stay_ends_on == in_days(2)  # an earlier day is always possible


@pytest.mark.parametrize("day", ["2020-01-01", "tomorrow", "2026-02-30"])
def test_refuses_an_invalid_day(as_staff: Client, practical: Key, sandbox: Sandbox, day: str) -> None:
    before = everything(sandbox)

    assert as_staff.post(stay_of(practical), {"stay_ends_on": day}).status_code == 422
    assert everything(sandbox) == before


@pytest.mark.parametrize("days", [3, 20])
@pytest.mark.parametrize("fault", ["drop_before", "drop_after", "error"])
def test_a_lost_answer_leaves_no_key_that_outlives_the_stay(
    as_staff: Client, practical: Key, sandbox: Sandbox, days: int, fault: str
) -> None:
    sandbox.faults("/key/update", fault, **({"status": 503} if fault == "error" else {}))

    answer = as_staff.post(stay_of(practical), {"stay_ends_on": in_days(days).isoformat()})
    services.sweep_keys()

    assert answer.status_code == 422
    key = again(practical)
    assert key.stay_ends_on == in_days(min(days, 10))  # an earlier day stands, and the sweep completes it
    assert timezone.localdate(end_there(sandbox, key)) <= in_days(min(days, 10))
    assert_at_rest(sandbox)


def test_admins_change_it_for_others_and_find_it_in_their_pages(
    admin: User, as_admin: Client, practical: Key, sandbox: Sandbox
) -> None:
    assert stay_of(practical) in as_admin.get("/admin/keys/intern/").content.decode()

    answer = as_admin.post(stay_of(practical), {"stay_ends_on": in_days(5).isoformat()}, follow=True)

    assert "The end of Intern B’s stay is changed." in words_of(answer)
    assert again(practical).stay_ends_on == in_days(5)
    assert AuditEntry.objects.get(action="stay", object_kind="intern").actor == admin


def test_other_staff_may_not(practical: Key, sandbox: Sandbox) -> None:
    before = everything(sandbox)
    other = signed_in(make_staff("other"))

    for method in ("get", "post"):
        assert getattr(other, method)(stay_of(practical), {"stay_ends_on": "2099-01-01"}).status_code == 404
    assert everything(sandbox) == before


def test_all_keys_of_the_intern_follow(as_staff: Client, staff: User, practical: Key, sandbox: Sandbox) -> None:
    second = issue(staff, "second", intern=practical.intern).key
    issue(staff, "somebody else's", intern_name="Intern C", stay_ends_on=in_days(10))

    for days in (3, 20):
        as_staff.post(stay_of(practical), {"stay_ends_on": in_days(days).isoformat()})

        ends = [timezone.localdate(end_there(sandbox, key)) for key in (practical, second)]
        assert ends == [in_days(days)] * 2
    others = Key.objects.get(label="somebody else's")
    assert timezone.localdate(end_there(sandbox, others)) == in_days(10)


@pytest.mark.parametrize("days", [3, 20])
def test_the_sweep_finishes_a_partly_failed_change_of_the_stay(
    as_staff: Client, staff: User, practical: Key, sandbox: Sandbox, days: int
) -> None:
    keys = [practical, issue(staff, "second", intern=practical.intern).key]
    sandbox.faults("/key/update", "drop_before")

    answer = as_staff.post(stay_of(practical), {"stay_ends_on": in_days(days).isoformat()})
    services.sweep_keys()

    assert answer.status_code == 422
    ends = [timezone.localdate(end_there(sandbox, key)) for key in keys]
    assert ends == [in_days(min(days, 10))] * 2
    assert again(practical).stay_ends_on == in_days(min(days, 10))


def test_an_intern_without_keys_has_a_stay_too(as_staff: Client, staff: User, sandbox: Sandbox) -> None:
    intern = Intern.objects.create(supervisor=staff, name="Intern B")

    address = reverse("keys:intern_stay", args=[intern.pk])
    assert "They have no key now." in words_of(as_staff.get(address))
    as_staff.post(address, {"stay_ends_on": in_days(4).isoformat()})

    intern.refresh_from_db()
    assert intern.stay_ends_on == in_days(4)


def test_accepts_get_and_post_only(as_staff: Client, practical: Key) -> None:
    assert_only(as_staff, stay_of(practical), "get", "post")
