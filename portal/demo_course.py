"""A demo course of `make run`: taught by staff, with students who have keys and a past in the sandbox."""

from datetime import timedelta
from decimal import Decimal
from typing import Final

from django.utils import timezone

from accounts.audit import Actor
from accounts.models import User
from courses.models import Course, CourseTeacher, Student
from courses.services import create_course, get_key, open_course

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
