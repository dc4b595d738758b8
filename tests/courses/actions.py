"""Helpers about courses: make one with teachers and students, and run what the tasks do."""

from datetime import timedelta
from decimal import Decimal
from typing import Any

from django.utils import timezone

from accounts.audit import Actor
from accounts.models import User
from courses import services
from courses.models import Course, Student
from gateway.secret import Secret
from keys.services import FreshKey, follow_team
from tests.factories import make_intern


def acting(person: User) -> Actor:
    """Return the person as they act from a page."""
    return Actor(user=person, address="192.0.2.1")


def make_course(teacher: User, **values: Any) -> Course:
    """Return a draft for a week from now: 40 students with 1 USD each, 40 USD in all."""
    now = timezone.now()
    about = {
        "name": "Databases",
        "code": "INF-201",
        "time_zone": "Europe/Paris",
        "starts_at": now - timedelta(hours=1),
        "ends_at": now + timedelta(days=7),
        "max_students": 40,
        "budget_usd": Decimal(40),
        "key_budget_usd": Decimal(1),
        **values,
    }
    return services.create_course(person=teacher, actor=acting(teacher), values=about)


def open_course(teacher: User, **values: Any) -> Course:
    """Return a course that its students can use."""
    return services.open_course(course=make_course(teacher, **values), actor=acting(teacher))


def enrol(course: Course, account: User | None = None, **about: Any) -> Student:
    """Add a student, a new person if no other is given."""
    account = account or make_intern(f"student-{Student.objects.count()}")
    return Student.objects.create(course=course, account=account, source=Student.Source.LIST, **about)


def get_key(student: Student) -> FreshKey:
    """Get a key as the student does."""
    assert student.account is not None
    return services.get_key(student=student, actor=acting(student.account))


def use_playground(student: Student) -> Secret:
    """Return the secret with which the course pays for a student's answers, as the Playground does."""
    person = student.account
    assert person is not None
    return services.playground_secret_of(person=person, course_id=student.course_id, actor=acting(person))


def follow(course: Course) -> int:
    """Do what the task does after a change."""
    return follow_team(course.team_id)
