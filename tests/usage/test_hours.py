"""The requests of courses by the hour: what each poll adds is the growth of the day since the one before."""

from datetime import UTC, datetime, timedelta

import pytest
from django.db import transaction
from django.utils import timezone

from accounts.models import User
from keys.models import Key, Team
from tests.sandbox_process import Sandbox
from tests.usage.polling import assert_sums_are_right, make_key, make_team, poll, report_day, used, yesterday
from tests.usage.views.facts import token_ref_of
from usage import tasks
from usage.models import DayToken, KeyHour, UsageState, utc_today
from usage.services.hours import HOURS_KEPT, count_hours

A, B = "a" * 64, "b" * 64
NOON = datetime(2026, 11, 25, 12, 0, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
Row = tuple[str, bool, int, int]  # day and time of the hour, late, succeeded, failed


@pytest.fixture
def team(db: None) -> Team:
    return make_team()


@pytest.fixture
def key(intern: User, team: Team) -> Key:
    """Return a key of a course."""
    return make_key(intern, A, kind=Key.Kind.COURSE, team=team)


def count(key: Key, ok: int, failed: int = 0, *, now: datetime, since: datetime | None = None) -> list[Row]:
    """Let this be what a key used on NOON's day, as read at `now`; return its hours. `since`: a minute before."""
    numbers = {"ok_requests": ok, "failed_requests": failed}
    DayToken.objects.update_or_create(day=NOON.date(), token_ref=token_ref_of(key), defaults=numbers)
    with transaction.atomic():
        count_hours(NOON.date(), since=since or now - MINUTE, now=now)
    rows = KeyHour.objects.filter(key=key).order_by("hour", "is_late")
    return [(f"{row.hour:%d %H:%M}", row.is_late, row.ok_requests, row.failed_requests) for row in rows]


def test_growth_is_of_the_hour_in_which_it_was_read(key: Key) -> None:
    assert count(key, 3, now=NOON) == [("25 12:00", False, 3, 0)]
    assert count(key, 5, 1, now=NOON + 59 * MINUTE) == [("25 12:00", False, 5, 1)]
    both = [("25 12:00", False, 5, 1), ("25 13:00", False, 0, 2)]
    assert count(key, 5, 3, now=NOON + 61 * MINUTE, since=NOON + 58 * MINUTE) == both
    assert count(key, 5, 3, now=NOON + 190 * MINUTE) == both


def test_growth_since_long_ago_has_no_hour(key: Key) -> None:
    assert count(key, 3, now=NOON + MINUTE) == [("25 12:00", False, 3, 0)]

    rows = count(key, 7, now=NOON + 61 * MINUTE, since=NOON + 30 * MINUTE)

    assert rows == [("25 12:00", False, 3, 0), ("25 23:00", True, 4, 0)]


def test_growth_around_midnight_is_of_its_day(key: Key) -> None:
    midnight = NOON + timedelta(hours=12)
    assert count(key, 2, now=midnight - MINUTE) == [("25 23:00", False, 2, 0)]
    assert count(key, 3, now=midnight + MINUTE) == [("25 23:00", False, 2, 0), ("25 23:00", True, 1, 0)]

    count_hours(NOON.date() + timedelta(days=1), since=midnight - MINUTE, now=midnight + MINUTE)

    assert KeyHour.objects.count() == 2


def test_a_day_that_shrinks_has_no_hours_any_more(key: Key) -> None:
    count(key, 3, 1, now=NOON)
    count(key, 9, 1, now=NOON + 70 * MINUTE)

    assert count(key, 9, 0, now=NOON + 71 * MINUTE) == [("25 23:00", True, 9, 0)]
    assert count(key, 10, 0, now=NOON + 72 * MINUTE) == [("25 13:00", False, 1, 0), ("25 23:00", True, 9, 0)]
    assert count(key, 0, 0, now=NOON + 73 * MINUTE) == []


def test_only_keys_of_courses_have_hours(intern: User) -> None:
    assert count(make_key(intern, B), 3, now=NOON) == []


def test_old_hours_are_deleted_and_not_counted_again(key: Key) -> None:
    first = timezone.now() - HOURS_KEPT
    ages = [first + timedelta(days=days) for days in (-1, 1)]
    KeyHour.objects.bulk_create(KeyHour(key=key, hour=hour, ok_requests=1) for hour in ages)

    tasks.prune.run()

    assert KeyHour.objects.get().hour == ages[1]
    KeyHour.objects.all().delete()
    assert count(key, 4, now=NOON + HOURS_KEPT + timedelta(days=1)) == []


def test_the_hours_of_polls_add_up_to_the_facts(staff: User, key: Key, team: Team, sandbox: Sandbox) -> None:
    other = make_key(staff, B, kind=Key.Kind.COURSE, team=team)
    report_day(sandbox, yesterday(), used(A, ok=4), used(B))
    report_day(sandbox, utc_today(), used(A), used(A, "claude-3-haiku", failures=2))
    poll(yesterday(), utc_today())
    assert set(KeyHour.objects.values_list("is_late", flat=True)) == {True}  # nobody has read these days before
    assert_sums_are_right()

    report_day(sandbox, utc_today(), used(A, ok=3), used(A, "claude-3-haiku", failures=2), used(B, ok=5))
    poll()
    poll()

    assert_sums_are_right()
    assert UsageState.load().last_ok_at
    rows = KeyHour.objects.filter(is_late=False).values_list("key", "ok_requests", "failed_requests")
    assert set(rows) == {(key.pk, 2, 0), (other.pk, 5, 0)}

    report_day(sandbox, utc_today(), used(A, ok=3))  # the other one is gone from the day, which a person accepts
    poll(accept_less=True)

    assert not KeyHour.objects.filter(key=other, hour__gte=timezone.now().replace(hour=0, minute=0)).exists()
    assert_sums_are_right()
