"""Common to the pages about a course: who sees it, who acts in it, its period."""

from dataclasses import dataclass
from datetime import UTC
from typing import Any
from uuid import UUID

from django.core.exceptions import PermissionDenied
from django.db.models import Exists, OuterRef
from django.shortcuts import get_object_or_404

from courses.models import Course
from usage.models import utc_today
from usage.periods import Period
from usage.queries.access import PageAccess, page_access
from web.request import PortalRequest


@dataclass(frozen=True, slots=True, kw_only=True)
class CourseView:
    """A course that somebody looks at, and whether they act in it: its teachers do.

    Where no teacher has an active account, people who manage people do.
    """

    course: Course
    access: PageAccess
    teaches: bool

    @property
    def may_act(self) -> bool:
        """Whether the person may change something for students."""
        return self.teaches and self.course.state in Course.RUNNING


def course_seen_by(request: PortalRequest, course_id: UUID) -> CourseView:
    """Return a course that the person teaches, or that they see among all; 404 for everybody else. Two queries."""
    access = page_access(request.user)
    theirs = Course.objects.taught_by(request.user)
    if access.manages_people:
        theirs |= Course.objects.without_teacher()
    courses = Course.objects.annotate(teaches=Exists(theirs.filter(pk=OuterRef("pk"))))
    if not access.sees_courses:
        courses = courses.filter(teaches=True)
    course: Any = get_object_or_404(courses.select_related("team"), pk=course_id)
    return CourseView(course=course, access=access, teaches=course.teaches)


def course_to_act_in(request: PortalRequest, course_id: UUID) -> CourseView:
    """Return a course that the person teaches; 404 for a stranger, 403 for those who only see it."""
    view = course_seen_by(request, course_id)
    if not view.teaches:
        raise PermissionDenied
    return view


def period_of_course(course: Course) -> Period:
    """Return the days of a course until today, in UTC."""
    today = utc_today()
    last = min(today, (course.ended_at or course.team.ends_at).astimezone(UTC).date())
    opened = min(course.starts_at, course.opened_at or course.starts_at).astimezone(UTC).date()
    return Period("", min(opened, last), last)
