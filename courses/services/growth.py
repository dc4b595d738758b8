"""A running course gets larger by a granted request: its values grow, and its keys follow in a task (ADR 34)."""

from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from django.db import transaction

from accounts.audit import Actor
from courses.models import Course
from courses.services.limits import Size, size_of
from courses.services.refusals import CourseRefused
from courses.services.states import change_course, lock

GROWING = ("max_students", "key_budget_usd", "budget_usd", "ends_at")


def grown_values(course: Course, values: dict[str, Any]) -> dict[str, Any]:
    """Return these values, or the present ones where they are larger already."""
    of_team = {name: getattr(course.team, name) for name in GROWING if name != "max_students"}
    now = {"max_students": course.max_students, **of_team}
    return {name: max(now[name], values[name]) for name in GROWING}


def size_with(course: Course, values: dict[str, Any]) -> Size:
    """Return the size that a course would have with these values; the instance has them afterwards, unsaved."""
    course.max_students = values["max_students"]
    for name in GROWING[1:]:
        setattr(course.team, name, values[name])
    return size_of(course)


@transaction.atomic
def grow_course(*, course_id: UUID, size: Size, ends_at: datetime, actor: Actor) -> None:
    """Give a running course what a grant for it allows. The grant is there already: it is what allows this.

    Joins the caller's transaction. Raises CourseRefused where the course no longer runs.
    """
    course = lock(course_id)
    if course.state not in Course.RUNNING or course.team.is_over:
        raise CourseRefused("course.ended")
    playground_usd = course.team.playground_budget_usd or Decimal(0)
    wanted = {
        "max_students": size.max_students or course.max_students,
        "key_budget_usd": (size.key_budget_usd or playground_usd) - playground_usd,
        "budget_usd": size.budget_usd or course.team.budget_usd,
        "ends_at": ends_at,
    }
    change_course(course=course, actor=actor, values=grown_values(course, wanted))
