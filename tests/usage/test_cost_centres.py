"""Facts keep the cost centre of their day: of the key's course, else of its owner, else of their groups."""

from datetime import date, timedelta

import pytest
from django.contrib.auth.models import Group
from django.utils import timezone

from accounts.models import GroupCostCentre, User
from courses.models import Course
from tests.factories import make_user
from tests.sandbox_process import Sandbox
from tests.usage.polling import assert_sums_are_right, make_key, make_team, poll, report_day, used, yesterday
from usage.models import CostCentre, Fact, utc_today
from usage.services.cost_centres import stamp_cost_centres

pytestmark = pytest.mark.django_db


def member(name: str, code: str = "", *groups: Group) -> User:
    """Make a person with a code of their own, in groups."""
    person = make_user(name)
    User.objects.filter(pk=person.pk).update(cost_centre=code)
    person.groups.set(groups)
    return person


def group(name: str, code: str = "") -> Group:
    """Make a group with a code."""
    made = Group.objects.create(name=name)
    if code:
        GroupCostCentre.objects.create(group=made, code=code)
    return made


def codes(day: date) -> dict[str, str]:
    """Return the code of each token's facts of a day."""
    names = dict(CostCentre.objects.values_list("pk", "code"))
    rows = Fact.objects.filter(day=day).values_list("token_ref__token", "cost_centre_number")
    return {token: names.get(number, "") for token, number in rows}


def test_the_most_specific_code_holds(sandbox: Sandbox) -> None:
    chemistry, vision, plain = group("Chemistry", "G-2"), group("Vision", "G-1"), group("A plain one")
    team = make_team()
    owners = {
        "a" * 64: member("own", "P-1", vision),
        "b" * 64: member("two", "", vision, chemistry, plain),
        "c" * 64: member("none", "", plain),
        "d" * 64: member("teacher", "P-2"),
    }
    for token, owner in owners.items():
        make_key(owner, token, **({"team": team, "kind": "course"} if owner.username == "teacher" else {}))
    course = {"name": "Logic", "team": team, "time_zone": "UTC", "starts_at": timezone.now(), "max_students": 9}
    Course.objects.create(cost_centre="C-1", created_by=owners["d" * 64], **course)
    report_day(sandbox, utc_today(), *(used(token) for token in [*owners, "unknown"]))

    poll(utc_today())

    found = codes(utc_today())
    assert found == {"a" * 64: "P-1", "b" * 64: "G-2", "c" * 64: "", "d" * 64: "C-1", "unknown": ""}
    assert_sums_are_right()


def test_days_keep_their_code_when_it_changes(sandbox: Sandbox) -> None:
    person = member("own", "old")
    token = "a" * 64
    make_key(person, token)
    for day in (yesterday(), utc_today()):
        report_day(sandbox, day, used(token))
    poll(yesterday(), utc_today())
    User.objects.filter(pk=person.pk).update(cost_centre="new")
    report_day(sandbox, yesterday(), used(token, usd="0.02"), used(token, "gpt-4o"))  # corrected, and more

    poll(yesterday(), utc_today())

    assert codes(utc_today()) == {token: "new"}  # though nothing was reported anew
    old_and_new = Fact.objects.filter(day=yesterday()).order_by("pk").values_list("model__name", "cost_centre_number")
    names = dict(CostCentre.objects.values_list("pk", "code"))
    assert [(model, names[number]) for model, number in old_and_new] == [("gpt-4o-mini", "old"), ("gpt-4o", "new")]
    assert_sums_are_right()

    User.objects.filter(pk=person.pk).update(cost_centre="")
    poll(utc_today())
    assert codes(utc_today()) == {token: ""}
    assert_sums_are_right()


def test_does_nothing_where_there_are_no_codes(django_assert_num_queries: object, sandbox: Sandbox) -> None:
    make_key(member("own"), "a" * 64)
    report_day(sandbox, utc_today() - timedelta(days=3), used("a" * 64))
    poll(utc_today() - timedelta(days=3))

    assert stamp_cost_centres(utc_today() - timedelta(days=3), after=0) == 0
    assert not CostCentre.objects.exists()
