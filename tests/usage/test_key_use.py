"""The usage of each key, and the rest of its budget."""

from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from accounts.models import User
from keys.models import Key, PersonBudget
from keys.use import KeyUse
from tests.teaching.courses import make_course
from tests.usage.views.facts import day, key_of, used
from usage.models import utc_today
from usage.queries.key_use import person_use


def use(owner: User) -> KeyUse:
    (key_use,) = person_use(owner, utc_today(), by_day=True).by_key.values()
    return key_use


@pytest.mark.parametrize(("budget_period", "days_ago"), [("1d", 1), ("7d", 7), ("30d", 31)])
def test_counts_a_budget_in_its_own_period(intern: User, budget_period: str, days_ago: int) -> None:
    key = key_of(intern, budget_usd=5, budget_period=budget_period)
    used(key, "2")
    used(key, "3", days_ago=days_ago)

    key_use = use(intern)

    assert (key_use.spent_usd, key_use.left_usd, key_use.tone) == (Decimal(2), Decimal(3), "")


@pytest.mark.parametrize(
    ("usd", "tone", "left"), [("3.99", "", "1.01"), ("4", "warn", "1"), ("5", "bad", "0"), ("9", "bad", "0")]
)
def test_says_when_a_budget_comes_to_its_end(intern: User, usd: str, tone: str, left: str) -> None:
    used(key_of(intern, budget_usd=5, budget_period="30d"), usd)

    key_use = use(intern)

    assert (key_use.tone, key_use.left_usd) == (tone, Decimal(left))
    assert key_use.bar_usd <= 5


def test_does_not_guess_when_an_unknown_period_began(intern: User) -> None:
    used(key_of(intern, budget_usd=5, budget_period="14d"), "9")

    key_use = use(intern)

    assert (key_use.spent_usd, key_use.left_usd, key_use.tone, key_use.resets_on) == (None, None, "", None)


def test_a_key_without_use_is_told_too(intern: User) -> None:
    key_of(intern)

    key_use = use(intern)

    assert (key_use.last_day, key_use.recent_usd, key_use.days_usd) == (None, Decimal(0), (Decimal(0),) * 30)


def test_shows_thirty_days_and_the_last_use(intern: User) -> None:
    key = key_of(intern)
    used(key, "1", days_ago=29)
    used(key, "2", days_ago=2, token="the one before")
    used(key, "4", days_ago=30)

    key_use = use(intern)

    assert key_use.days_usd == tuple(Decimal(usd) for usd in (1, *[0] * 26, 2, 0, 0))
    assert key_use.recent_usd == 3
    assert key_use.last_day == day(2)


def test_takes_two_queries_for_all_keys_and_the_budget(intern: User, django_assert_num_queries: Any) -> None:
    PersonBudget.objects.create(owner=intern, budget_usd=9, budget_period="30d", state="written")
    for number in range(5):
        used(key_of(intern, f"key {number}"), days_ago=number)
    used(key_of(intern, "from outside", kind=Key.Kind.EXTERNAL), "50")

    with django_assert_num_queries(2):
        found = person_use(intern, utc_today())

    assert len(found.by_key) == 6
    assert found.of_person
    spent_usd = sum(day(number).month == day(0).month for number in range(5))
    assert (found.of_person.spent_usd, found.of_person.budget_usd) == (Decimal(spent_usd), Decimal(9))


def test_a_person_without_keys_has_a_budget_too(intern: User) -> None:
    assert person_use(intern, utc_today()).of_person is None
    PersonBudget.objects.create(owner=intern, budget_usd=9, budget_period="30d", state="written")
    of_person = person_use(intern, utc_today()).of_person
    assert of_person
    assert of_person.left_usd == Decimal(9)


def test_sums_are_the_same_by_token_and_by_day(intern: User, staff: User) -> None:
    PersonBudget.objects.create(owner=intern, budget_usd=9, budget_period="7d", state="written")
    team = make_course(staff).team
    kinds: list[dict[str, Any]] = [{"budget_period": period} for period in ("1d", "7d", "30d", "14d")]
    kinds += [{"kind": Key.Kind.EXTERNAL, "budget_period": "30d"}, {"kind": Key.Kind.COURSE, "team": team}]
    for number, about in enumerate(kinds):
        key = key_of(intern, f"key {number}", budget_usd=5, **about)
        for days_ago in (0, 1, 5, 6, 7, 29, 30, 45):
            used(key, f"{number + 1}.{days_ago + 1:02}", days_ago=days_ago, token=f"{number} {days_ago % 2}")
    key_of(intern, "unused", budget_usd=5, budget_period="30d")

    by_day, by_token = (person_use(intern, utc_today(), by_day=wanted) for wanted in (True, False))

    assert by_token.of_person == by_day.of_person
    assert by_token.by_key == {pk: replace(each, days_usd=()) for pk, each in by_day.by_key.items()}
    spent = {each.label: each.spent_usd for each in by_token.by_key.values()}
    assert (spent["key 3"], spent["key 5"]) == (None, Decimal("49.31"))
