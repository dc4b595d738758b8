"""Courses for tests, made as rows."""

from datetime import timedelta
from typing import Any

from django.utils import timezone

from accounts.models import User
from courses.models import Course, CourseTeacher, Student
from keys.models import Team
from tests.factories import make_user

RUNS_FOR = timedelta(days=7)


def make_course(teacher: User | None = None, *, state: str = "open", **fields: Any) -> Course:
    """Make a course that runs for a week; 40 USD in all, 1 USD for each key. Fields of its team begin with `team__`."""
    now = timezone.now()
    of_team = {name.removeprefix("team__"): fields.pop(name) for name in list(fields) if name.startswith("team__")}
    limits = {"budget_usd": 40, "key_budget_usd": 1, "ends_at": now + RUNS_FOR, **of_team}
    creator = teacher or User.objects.filter(is_superuser=True).first() or make_user()
    about = {"name": "Course C", "time_zone": "Europe/Paris", "starts_at": now, "opened_at": now, **fields}
    if state == Course.State.ENDED:
        about.setdefault("ended_at", now)
    course = Course.objects.create(team=Team.objects.create(**limits), state=state, created_by=creator, **about)
    if teacher:
        CourseTeacher.objects.create(course=course, person=teacher)
    return Course.objects.select_related("team").get(pk=course.pk)


def enrol(course: Course, person: User, **fields: Any) -> Student:
    """Make a person a student."""
    return Student.objects.create(course=course, account=person, source=Student.Source.LINK, **fields)
