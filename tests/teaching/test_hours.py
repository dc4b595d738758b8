"""The hours of a course on its page: charts of its last days, in its time zone, and what failed in them."""

from datetime import UTC, datetime, timedelta

import pytest
from django.test import Client
from django.urls import reverse

from accounts.models import User
from courses.models import Course
from gateway.failure_log import FailureKind
from keys.models import Key
from teaching.hours import MOST_DAYS, hours_by_day
from teaching.reasons import LIMITS
from tests.keys.views.pages import words_of
from tests.teaching.courses import add_student, make_course
from tests.usage.views.facts import settle, used
from usage.models import HourFailure, KeyHour
from usage.queries.courses import CourseHour, course_hours

TEN = datetime(2026, 11, 25, 9, 0, tzinfo=UTC)  # 10:00 in Paris
HOUR = timedelta(hours=1)


@pytest.fixture
def course(staff: User) -> Course:
    """Return a course with four students, one without an account, each of whom has used something."""
    course = make_course(staff, team={"rpm_limit": 5})
    for name in ("Ada", "Bob", "Cyd", "Dan"):
        used(add_student(course, name, account=name != "Dan").key)
    return course


def write(course: Course, hour: datetime, *counts: tuple[int, int], is_late: bool = False) -> None:
    """Let the keys have so many requests that succeeded, and that failed, in an hour."""
    for key, (ok, failed) in zip(Key.objects.filter(team=course.team).order_by("label"), counts, strict=False):
        KeyHour.objects.create(key=key, hour=hour, is_late=is_late, ok_requests=ok, failed_requests=failed)
    settle()


def page_of(client: Client, course: Course) -> str:
    return words_of(client.get(reverse("teaching:course", args=[course.pk])))


def test_counts_students_and_their_failures_by_hour(course: Course) -> None:
    write(course, TEN, (3, 2), (1, 0), (0, 0), (0, 4))
    write(course, TEN + HOUR, (1, 0))

    first, second = course_hours(course.team_id)

    assert first == CourseHour(starts_at=TEN, active=3, failing=2, requests=10, failed=6)
    assert second == CourseHour(starts_at=TEN + HOUR, active=1, failing=0, requests=1, failed=0)


def test_says_in_which_hour_many_failed_and_where_to_change_it(
    as_staff: Client, as_admin: Client, course: Course
) -> None:
    write(course, TEN, (3, 2), (1, 0), (0, 1), (0, 4))
    write(course, TEN + 2 * HOUR, (1, 0))
    write(course, TEN, (5, 0), is_late=True)

    text = page_of(as_staff, course)

    assert "On 25 Nov between 10:00 and 11:00 requests of 3 of 4 active students failed: 7 of 11." in text
    assert "Often it is the limit of 5 requests a minute" in text
    assert "Change the limits of the course" in text
    assert "10:00 to 11:00 4 3 11 7 12:00 to 13:00 1 0 1 0" in text
    assert "Hours of Europe/Paris." in text
    assert "5 requests were read too late to know their hours." in text
    assert "Change the limits of the course" not in page_of(as_admin, course)


def test_says_why_requests_of_an_hour_failed(as_staff: Client, course: Course) -> None:
    write(course, TEN, (3, 2), (1, 0), (0, 1), (0, 4))
    keys = Key.objects.filter(team=course.team).order_by("label")
    for key, kind in ((keys[0], "requests"), (keys[2], "requests"), (keys[2], "tokens"), (keys[3], "requests")):
        HourFailure.objects.create(key=key, hour=TEN, kind=kind, requests=2, is_partial=kind == "tokens")
    settle()

    text = page_of(as_staff, course)

    first = "On 25 Nov between 10:00 and 11:00, 3 of 4 active students hit the limit of 5 requests a minute: raise it."
    assert first in text
    assert "1 of 4 active students hit the limit of tokens a minute: raise it." in text
    assert "log was too long to be read completely" in text
    assert "Often it is" not in text
    assert "Change the limits of the course" in text


def test_each_reason_has_words(as_staff: Client, course: Course) -> None:
    write(course, TEN, (3, 2))
    key = Key.objects.filter(team=course.team).order_by("label")[0]
    for kind in FailureKind:
        HourFailure.objects.all().delete()
        HourFailure.objects.create(key=key, hour=TEN, kind=kind, requests=2)
        settle()
        text = page_of(as_staff, course)
        assert "On 25 Nov between 10:00 and 11:00, 1 of 1 active students" in text
        assert ("Change the limits of the course" in text) == (kind in LIMITS)


def test_says_nothing_of_an_hour_with_few_failures(as_staff: Client, course: Course) -> None:
    write(course, TEN, (30, 0), (30, 0), (30, 0), (30, 0))
    text = page_of(as_staff, course)

    assert "Active students per hour" in text
    assert "failed:" not in text


def test_shows_no_hours_where_none_is_known(as_staff: Client, course: Course) -> None:
    write(course, TEN, (5, 0), is_late=True)

    assert "Active students per hour" not in page_of(as_staff, course)


def test_days_are_those_of_the_course_and_have_the_usual_hours(course: Course) -> None:
    course.time_zone = "Asia/Kolkata"  # 5 h 30 min before UTC
    hours = [CourseHour(starts_at=TEN - timedelta(days=days), active=2, requests=2) for days in range(MOST_DAYS + 2)]
    late_evening = CourseHour(starts_at=TEN + 10 * HOUR, active=1, failing=1, requests=1, failed=1)  # 00:30

    newest, second, *others = hours_by_day(course, [*hours, late_evening])

    assert [day.day.day for day in (newest, second)] == [26, 25]
    assert len(others) == MOST_DAYS - 2
    starts = [f"{bar.starts_at:%H:%M}" for bar in second.bars]
    assert (starts[0], starts[-1], len(starts)) == ("07:30", "18:30", 12)
    assert [(f"{bar.starts_at:%H:%M}", bar.active_height) for bar in second.used] == [("14:30", 100)]
    assert [(f"{bar.starts_at:%H:%M}", bar.failing_height) for bar in newest.used] == [("00:30", 100)]
