"""What keys spent recently and when they were last used, kept on the keys for the lists of all keys."""

from datetime import timedelta
from decimal import Decimal

from django.utils import timezone

from accounts.models import User
from keys.models import Key
from tests.usage.views.facts import day, key_of, used
from usage.models import Fact, UsageState, utc_today
from usage.services import rebuild_rollups, update_keys


def stored(key: Key) -> tuple[Decimal, object]:
    key.refresh_from_db()
    return key.recent_usd, key.last_used_on


def test_a_key_has_the_spend_of_thirty_days_and_its_last_use(intern: User) -> None:
    key, other = key_of(intern), key_of(intern, "unused")
    used(key, "1", days_ago=29)
    used(key, "2", days_ago=3, token="the one before")
    used(key, "4", days_ago=30)

    assert stored(key) == (Decimal(3), day(3))
    assert stored(other) == (Decimal(0), None)


def test_a_key_that_ended_after_its_last_calls_has_them_too(intern: User) -> None:
    key = key_of(intern)
    Key.objects.update(state=Key.State.DELETED, ended_at=timezone.now())
    used(key, "3")

    assert stored(key) == (Decimal(3), day(0))


def test_follows_a_fact_that_went_away_and_writes_nothing_twice(intern: User) -> None:
    key = key_of(intern)
    used(key, "1")
    Fact.objects.all().delete()
    rebuild_rollups()

    assert update_keys() == 1
    assert stored(key) == (Decimal(0), None)
    assert update_keys() == 0


def test_another_day_leaves_out_what_is_older(intern: User) -> None:
    key = key_of(intern)
    used(key, "1")
    Key.objects.update(recent_usd=7)  # as it was yesterday
    assert update_keys() == 0, "nothing has changed since"

    UsageState.objects.update(keys_day=utc_today() - timedelta(days=1))

    assert update_keys() == 1
    assert stored(key) == (Decimal(1), day(0))
