"""The usage of each key, and the rest of its budget."""

from decimal import Decimal
from typing import Any

import pytest
from django.utils import timezone

from accounts.models import User
from keys.models import Key
from keys.use import KeyUse
from tests.usage.views.facts import day, key_of, used
from usage.models import Notice, utc_today
from usage.queries.key_use import use_of


def use(owner: User, **how: Any) -> KeyUse:
    (key_use,) = use_of(Key.objects.owned_by(owner), utc_today(), **how)
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

    key_use = use(intern, with_days=True)

    assert (key_use.last_day, key_use.recent_usd, key_use.days_usd) == (None, Decimal(0), (Decimal(0),) * 30)


def test_shows_thirty_days_and_the_last_use(intern: User) -> None:
    key = key_of(intern)
    used(key, "1", days_ago=29)
    used(key, "2", days_ago=2, token="the one before")
    used(key, "4", days_ago=30)

    key_use = use(intern, with_days=True)

    assert key_use.days_usd == tuple(Decimal(usd) for usd in (1, *[0] * 26, 2, 0, 0))
    assert key_use.recent_usd == 3
    assert key_use.last_day == day(2)


def test_knows_what_the_owner_was_told_and_has_not_put_away(intern: User, staff: User) -> None:
    key = key_of(intern)
    about = {"key": key, "period_first_day": day(0), "spent_usd": 4, "budget_usd": 5}
    Notice.objects.create(person=staff, threshold=80, **about)
    Notice.objects.create(person=intern, threshold=80, seen_at=timezone.now(), **about)
    assert use(intern).notice_id is None

    notice = Notice.objects.create(person=intern, threshold=100, **about)
    assert use(intern).notice_id == notice.pk


def test_asks_once_for_all_keys(intern: User, django_assert_num_queries: Any) -> None:
    for number in range(5):
        used(key_of(intern, f"key {number}"))

    with django_assert_num_queries(1):
        assert len(use_of(Key.objects.owned_by(intern), utc_today(), with_days=True)) == 5
