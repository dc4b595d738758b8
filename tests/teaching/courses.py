"""Courses for tests, as rows only: a course, its team, students with keys and their use."""

from datetime import timedelta
from decimal import Decimal
from typing import Any

from django.utils import timezone

from accounts.models import User
from courses.models import Course, CourseTeacher, Student
from keys.models import Key, Team
from tests.factories import make_user
from tests.usage.views.facts import key_of


def make_course(*teachers: User, name: str = "Prompting", **fields: Any) -> Course:
    """Make an open course that began ten days ago and ends in ten."""
    now = timezone.now()
    of_team = {"budget_usd": Decimal(40), "key_budget_usd": Decimal(2), "ends_at": now + timedelta(days=10)}
    team = Team.objects.create(**{**of_team, **fields.pop("team", {})}, state=Team.State.WRITTEN)
    began = now - timedelta(days=10)
    values = {"state": Course.State.OPEN, "starts_at": began, "opened_at": began, "time_zone": "Europe/Paris", **fields}
    if values["state"] == Course.State.ENDED:
        values.setdefault("ended_at", now)
    course = Course.objects.create(name=name, team=team, created_by=teachers[0], **values)
    for teacher in teachers:
        CourseTeacher.objects.create(course=course, person=teacher)
    return course


def add_student(course: Course, name: str, *, key: bool = True, account: bool = True, **fields: Any) -> Student:
    """Add a student, with an account unless it says otherwise, and with a key that works."""
    person = make_user(name.lower().replace(" ", "-"), first_name=name) if account else None
    source = Student.Source.LIST if account else Student.Source.FILE
    email = person.email if person else ""
    student = Student.objects.create(course=course, account=person, name=name, email=email, source=source, **fields)
    if key:
        student.key = course_key(course, person or course.created_by, handed_out=not account, label=name)
        student.save(update_fields=["key"])
    return student


def course_key(course: Course, owner: User, *, label: str, **fields: Any) -> Key:
    """Make a key of the course's team that works."""
    values = {"kind": Key.Kind.COURSE, "team": course.team, "budget_usd": course.team.key_budget_usd, **fields}
    return key_of(owner, label, **values)
