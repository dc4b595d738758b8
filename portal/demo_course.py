"""A demo course of `make run`: taught by staff, with students who have keys and a past in the sandbox."""

from collections import Counter
from collections.abc import Iterable
from datetime import UTC, datetime, time, timedelta
from decimal import Decimal
from typing import Final
from uuid import UUID

from django.db import transaction
from django.utils import timezone

from accounts.audit import Actor
from accounts.models import User
from courses.models import Course, CourseTeacher, Student
from courses.services import create_course, get_key, open_course
from gateway.failure_log import FailureKind
from keys.models import Key, Token
from usage.models import MEASURES, HourFailure, KeyHour, utc_today
from usage.services.day_reader import DayUsage, Tally, read_day

TEACHER: Final = "staff"
ATTENDS: Final = "intern"  # without a key: they see how a student gets one
NAMES: Final = (
    "Alix Demo",
    "Bilal Demo",
    "Chloé Demo",
    "Diego Demo",
    "Elif Demo",
    "Farah Demo",
    "Gaël Demo",
    "Hana Demo",
)
WITH_KEYS: Final = 6
DAYS: Final = 10  # since its start, and until its end
PRACTICALS: Final = 3  # the last days, whose requests are known by the hour
REASON: Final = FailureKind.REQUESTS
PRACTICAL: Final = (time(8), time(9), time(10))  # UTC


def make_demo_course() -> list[User]:
    """Make the course unless its teacher has one, or is not there; return the students who got a key."""
    teacher = User.objects.filter(username=TEACHER).first()
    if teacher is None or CourseTeacher.objects.filter(person=teacher).exists():
        return []
    now, actor = timezone.now(), Actor(user=teacher)
    values = {
        "name": "Introduction to language models",
        "code": "DEMO-101",
        "description": "A demo course.",
        "time_zone": "Europe/Paris",
        "starts_at": now - timedelta(days=DAYS),
        "ends_at": now + timedelta(days=DAYS),
        "max_students": 40,
        "budget_usd": Decimal(20),
        "key_budget_usd": Decimal("1.50"),
        "playground_budget_usd": Decimal("0.50"),
    }
    course = open_course(course=create_course(person=teacher, actor=actor, values=values), actor=actor)
    Course.objects.filter(pk=course.pk).update(opened_at=now - timedelta(days=DAYS))
    attending = User.objects.filter(username=ATTENDS).first()
    if attending:
        Student.objects.create(course=course, account=attending, source=Student.Source.LIST)
    return [_add(course, number, name) for number, name in enumerate(NAMES, start=1)][:WITH_KEYS]


def spread_over_hours(students: Iterable[User]) -> None:
    """Have the requests of the last days by the hour, as if the portal had read them then."""
    keys = dict(Token.objects.filter(key__owner__in=students, key__kind=Key.Kind.COURSE).values_list("token", "key"))
    if not keys:
        return
    for days_ago in range(1, PRACTICALS + 1):
        day = utc_today() - timedelta(days=days_ago)
        rows = _hours_of(read_day(day, Tally(), lambda: None), keys)
        with transaction.atomic():
            KeyHour.objects.filter(key__in=keys.values(), hour__date=day).delete()
            KeyHour.objects.bulk_create(rows)
            HourFailure.objects.filter(key__in=keys.values(), hour__date=day).delete()
            HourFailure.objects.bulk_create(
                HourFailure(key_id=row.key_id, hour=row.hour, kind=REASON, requests=row.failed_requests)
                for row in rows
                if row.failed_requests
            )


def _hours_of(day_usage: DayUsage, keys: dict[str | None, UUID]) -> list[KeyHour]:
    """Return the requests of a day as hours: the failed ones are in the busiest."""
    ok, failed = Counter[UUID](), Counter[UUID]()
    for (token, _model), amounts in day_usage.facts.items():
        if key := keys.get(token):
            ok[key] += int(amounts[MEASURES.index("ok_requests")])
            failed[key] += int(amounts[MEASURES.index("failed_requests")])
    rows = []
    for key, number in ok.items():
        first, last = number // 5, number // 4
        for hour, counts in zip(PRACTICAL, ((first, 0), (number - first - last, failed[key]), (last, 0)), strict=True):
            numbers = dict(zip(("ok_requests", "failed_requests"), counts, strict=True))
            rows.append(KeyHour(key_id=key, hour=datetime.combine(day_usage.day, hour, UTC), **numbers))
    return rows


def _add(course: Course, number: int, name: str) -> User:
    """Add a student, the first of them with a key whose secret nobody sees."""
    first, last = name.split()
    person, _made = User.objects.get_or_create(
        username=f"demo-student-{number}",
        defaults={"first_name": first, "last_name": last, "email": f"demo-student-{number}@example.org"},
    )
    person.set_unusable_password()
    person.save(update_fields=["password"])
    number_words = f"2026-{number:03}"
    student = Student.objects.create(
        course=course, account=person, name=name, number=number_words, source=Student.Source.LIST
    )
    if number <= WITH_KEYS:
        get_key(student=student, actor=Actor(user=person))
    return person
