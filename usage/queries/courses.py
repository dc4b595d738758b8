"""The use of courses: by student, by day, by hour, and of many courses together.

A student is a person by their account, or the key that a teacher hands out to them.
"""

from collections import defaultdict
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any, Final
from uuid import UUID

from django.db.models import Case, CharField, Count, Expression, F, Max, Q, Sum, When
from django.db.models.functions import Cast

from accounts.models import User
from courses.models import Course
from keys.models import Key
from usage.forecast import Spend
from usage.models import DayToken, HourFailure, KeyHour
from usage.queries.sums import SUMS, Sums


def _student(key: str, owner: str) -> Expression:
    """Return whose a row is: two keys of a student, one of the Playground, are one student."""
    handed_out = When(**{f"{key}__handed_out": True}, then=Cast(key, CharField()))
    return Case(handed_out, default=Cast(owner, CharField()))


MOST_HOURS: Final = 200  # that a page can show: those with any request, the newest
STUDENT: Final = _student("token_ref__key", "token_ref__owner")
STUDENT_OF_HOUR: Final = _student("key", "key__owner")
USED: Final = Q(ok_requests__gt=0) | Q(failed_requests__gt=0)


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyTotal:
    """What a key of a course has used since its creation."""

    owner: int | None
    kind: str
    handed_out: bool
    sums: Sums
    last_day: date | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Activity:
    """How many students used something, how many of them had requests that failed, and the requests."""

    active: int = 0
    failing: int = 0
    requests: int = 0
    failed: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class CourseDay(Activity):
    """A UTC day of a course."""

    day: date


@dataclass(frozen=True, slots=True, kw_only=True)
class CourseHour(Activity):
    """An hour of a course; a late one is a day's use of which the hour is not known."""

    starts_at: datetime
    is_late: bool = False
    reasons: tuple["Reason", ...] = ()  # most students first; empty: not known


@dataclass(frozen=True, slots=True, kw_only=True)
class Reason:
    """Why requests failed in an hour: of how many students, and how many."""

    kind: str  # as FailureKind
    students: int
    requests: int
    is_partial: bool = False


def key_totals(team: UUID) -> dict[UUID, KeyTotal]:
    """Return what each key of a team has used; one query."""
    of_team = DayToken.objects.filter(token_ref__key__team=team).order_by()
    rows: Any = of_team.values_list(
        "token_ref__key", "token_ref__owner", "token_ref__key__kind", "token_ref__key__handed_out"
    )
    found: dict[UUID, KeyTotal] = {}
    for key, owner, kind, handed_out, last_day, *numbers in rows.annotate(last_day=Max("day"), **SUMS):
        before = found.get(key)
        sums = Sums(*numbers)
        if before:  # it had two owners
            sums, last_day = sums + before.sums, max(last_day, before.last_day or last_day)
        found[key] = KeyTotal(owner=owner, kind=kind, handed_out=handed_out, sums=sums, last_day=last_day)
    return found


def course_days(team: UUID) -> tuple[CourseDay, ...]:
    """Return the days with any request, oldest first; one query."""
    days = DayToken.objects.filter(USED, token_ref__key__team=team).order_by("day").values("day")
    rows: Any = days.annotate(**_counts(STUDENT))
    return tuple(CourseDay(**row) for row in rows)


def course_hours(team: UUID) -> tuple[CourseHour, ...]:
    """Return the newest hours with any request and why some failed, oldest first; two queries."""
    hours = KeyHour.objects.filter(USED, key__team=team).order_by("-hour", "is_late")
    counted = hours.values("is_late", starts_at=F("hour")).annotate(**_counts(STUDENT_OF_HOUR))
    rows: Any = list(reversed(counted[:MOST_HOURS]))
    reasons = _reasons(team, rows[0]["starts_at"]) if rows else {}
    return tuple(
        CourseHour(**row, reasons=() if row["is_late"] else tuple(reasons.get(row["starts_at"], ()))) for row in rows
    )


def _reasons(team: UUID, since: datetime) -> dict[datetime, list[Reason]]:
    """Return why requests failed, by hour; one query."""
    failures = HourFailure.objects.filter(key__team=team, hour__gte=since).order_by("hour", "kind")
    counted: Any = failures.values("hour", "kind").annotate(
        students=Count(STUDENT_OF_HOUR, distinct=True),
        sum_requests=Sum("requests"),
        parts=Count("pk", filter=Q(is_partial=True)),
    )
    found: dict[datetime, list[Reason]] = {}
    for row in counted:
        reason = Reason(
            kind=row["kind"],
            students=row["students"],
            requests=row["sum_requests"],
            is_partial=bool(row["parts"]),
        )
        found.setdefault(row["hour"], []).append(reason)
    for reasons in found.values():
        reasons.sort(key=lambda reason: (-reason.students, -reason.requests))
    return found


def _counts(student: Expression) -> dict[str, Expression]:
    """Return how many students were active and had failures, and how many requests were made and failed."""
    return {
        "active": Count(student, distinct=True),
        "failing": Count(student, distinct=True, filter=Q(failed_requests__gt=0)),
        "requests": Sum(F("ok_requests") + F("failed_requests")),
        "failed": Sum("failed_requests"),
    }


def days_by_team() -> dict[UUID, Spend]:
    """Return what the teams of courses have spent by day, only those with any spend; one query."""
    rows = DayToken.objects.filter(token_ref__key__team__isnull=False).order_by()
    found: dict[UUID, dict[date, Decimal]] = defaultdict(dict)
    for team, day, usd in rows.values_list("token_ref__key__team", "day").annotate(usd=Sum("spend_usd")):
        found[team][day] = usd
    return dict(found)


def own_courses(person: User) -> dict[str, str]:
    """Return the courses in which somebody has, or had, keys, by id and name; the newest first, one query."""
    keys = Key.objects.owned_by(person).filter(team__isnull=False)
    courses = Course.objects.filter(team__in=keys.values("team")).order_by("-starts_at", "name")
    return {str(pk): name for pk, name in courses.values_list("pk", "name")}
