"""The usage of a key that was handed over: each owner has that of their time, also on the day itself."""

import hashlib
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.utils import timezone

from accounts.models import User
from keys import services
from keys.models import FormerOwner, Intern, Key
from tests.factories import make_staff
from tests.keys.actions import BY_TEST, issue
from tests.keys.test_person_budget import chat
from tests.sandbox_process import Sandbox
from tests.usage.polling import assert_sums_are_right, make_key, poll, report_day, used, yesterday
from usage.models import DayToken, Fact, TokenRef, utc_today
from usage.queries.key_use import person_spent, person_use

pytestmark = pytest.mark.django_db
A = "a" * 64


def days_ago(number: int) -> date:
    """Return the day so many days before today (UTC)."""
    return utc_today() - timedelta(days=number)


@pytest.fixture
def other() -> User:
    """Make another member of staff."""
    return make_staff("other")


def spent_by(*days: Any) -> dict[tuple[str, Any], str]:
    """Return what facts say, in USD by owner and day."""
    chosen = days or [days_ago(number) for number in range(4)]
    rows = Fact.objects.filter(day__in=chosen).values_list("token_ref__owner__username", "day", "spend_usd")
    found: dict[tuple[str, Any], Decimal] = {}
    for owner, day, usd in rows:
        found[owner, day] = found.get((owner, day), Decimal(0)) + usd
    assert_sums_are_right()
    return {key: f"{usd:.2f}" for key, usd in found.items()}


def handed_over(key: Key, to: User, day: Any) -> None:
    """Let a key be another's from noon (UTC) of a day on; as rows only."""
    FormerOwner.objects.create(key=key, owner=key.owner, until=datetime.combine(day, time(12), UTC))
    key.owner = to
    key.save()


def test_the_days_before_are_the_former_owners_and_later_ones_the_new_ones(
    sandbox: Sandbox, staff: User, other: User
) -> None:
    key = make_key(staff, A)
    for day in map(days_ago, range(4)):
        report_day(sandbox, day, used(A, usd="0.1", user_id=staff.gateway_user_id))
    poll(days_ago(3), days_ago(2))
    handed_over(key, other, days_ago(2))
    report_day(sandbox, days_ago(1), used(A, usd="0.2", user_id=other.gateway_user_id))
    report_day(sandbox, days_ago(0), used(A, usd="0.3", user_id=other.gateway_user_id))

    for first_day in (days_ago(1), days_ago(3)):  # what was stored is right before it is read again
        poll(first_day, days_ago(0))
        assert spent_by() == {
            ("staff", days_ago(3)): "0.10",
            ("staff", days_ago(2)): "0.10",
            ("other", days_ago(1)): "0.20",
            ("other", days_ago(0)): "0.30",
        }
    assert set(DayToken.objects.values_list("token_ref__owner__username", "day")) == set(spent_by())


@pytest.mark.parametrize("polled_before", [False, True])
def test_the_day_itself_is_split_as_the_gateway_reports_each_person(
    sandbox: Sandbox, staff: User, other: User, polled_before: bool
) -> None:
    key = make_key(staff, A)
    before = used(A, usd="0.1", user_id=staff.gateway_user_id, ok=3)
    report_day(sandbox, utc_today(), before)
    if polled_before:
        poll()
    handed_over(key, other, utc_today())
    after = used(A, usd="0.4", user_id=other.gateway_user_id, ok=5)
    only_before = used(A, "gpt-4o", usd="0.05", user_id=staff.gateway_user_id)
    report_day(sandbox, utc_today(), before, after, only_before)

    for _ in range(2):
        assert poll().outcome == "done"
        assert spent_by() == {("staff", utc_today()): "0.15", ("other", utc_today()): "0.40"}
    facts = Fact.objects.filter(model__name="gpt-4o-mini").values_list("token_ref__owner__username", "ok_requests")
    assert dict(facts) == {"staff": 3, "other": 5}
    assert Fact.objects.count() == 3  # nothing is written of nothing


def test_a_day_that_is_first_read_long_after_is_split_too(sandbox: Sandbox, staff: User, other: User) -> None:
    key = make_key(staff, A)
    handed_over(key, other, yesterday())
    again = hashlib.sha256(A.encode()).hexdigest()  # which the gateway bills some calls under
    mine = [used(token, usd="0.1", user_id=staff.gateway_user_id) for token in (A, again)]
    theirs = [used(token, usd="0.3", user_id=other.gateway_user_id) for token in (A, again)]
    report_day(sandbox, days_ago(2), *mine)
    report_day(sandbox, yesterday(), *mine, *theirs)
    report_day(sandbox, utc_today(), *theirs)

    poll(days_ago(2), utc_today())

    expected = {("staff", days_ago(2)): "0.20", ("staff", yesterday()): "0.20", ("other", yesterday()): "0.60"}
    assert spent_by() == {**expected, ("other", utc_today()): "0.60"}


@pytest.mark.parametrize("way", [("staff", "other", "third", "staff"), ("staff", "other", "staff", "other", "third")])
def test_a_key_handed_over_several_times_on_a_day(
    sandbox: Sandbox, staff: User, other: User, way: tuple[str, ...]
) -> None:
    key, third = make_key(staff, A), make_staff("third")
    for number, name in enumerate(way[:-1]):
        until = datetime.combine(utc_today(), time(number + 1), UTC)
        FormerOwner.objects.create(key=key, owner=User.objects.get(username=name), until=until)
    key.owner = User.objects.get(username=way[-1])
    key.save()
    people = {staff: "0.1", other: "0.2", third: "0.4"}
    report_day(sandbox, utc_today(), *(used(A, usd=usd, user_id=user.gateway_user_id) for user, usd in people.items()))

    poll()

    assert spent_by() == {(user.username, utc_today()): f"{Decimal(usd):.2f}" for user, usd in people.items()}


def test_a_number_that_makes_no_sense_keeps_what_both_had(sandbox: Sandbox, staff: User, other: User) -> None:
    key = make_key(staff, A)
    handed_over(key, other, utc_today())
    rows = [used(A, usd="0.1", user_id=staff.gateway_user_id), used(A, usd="0.4", user_id=other.gateway_user_id)]
    report_day(sandbox, utc_today(), *rows)
    poll()
    report_day(sandbox, utc_today(), rows[0], {**rows[1], "spend_pusd": -5 * 10**18})

    poll()

    assert sum(Decimal(usd) for usd in spent_by().values()) == Decimal("0.50")


def test_budgets_of_people_count_their_part_and_that_of_the_key_all(sandbox: Sandbox, staff: User, other: User) -> None:
    fresh = issue(staff, intern_name="Ada")
    first = Decimal(chat(sandbox, fresh.secret).headers["x-litellm-response-cost"])
    services.hand_over(intern=Intern.objects.get(), to=other, actor=BY_TEST)
    second = sum(Decimal(chat(sandbox, fresh.secret).headers["x-litellm-response-cost"]) for _ in range(2))

    poll()

    parts = {user: person_spent(user, utc_today()) for user in (staff, other)}
    assert {user: part and part.spent_usd for user, part in parts.items()} == {staff: first, other: second}
    (use,) = person_use(other, utc_today()).by_key.values()
    assert use.spent_usd == first + second
    assert TokenRef.objects.count() == 2
    assert timezone.now() - FormerOwner.objects.get().until < timedelta(minutes=5)
