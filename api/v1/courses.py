"""The courses of a teacher: students, and the freeze."""

import uuid
from collections.abc import Callable
from datetime import datetime
from typing import Any, Final

from django.db.models import Count
from django.utils.translation import gettext as _
from ninja import Field, Router, Schema

from api.v1.auth import ApiRequest, Bearer, actor_of
from api.v1.errors import gateway_call
from api.v1.money import Usd
from api.v1.paging import Paged, page_of
from courses import services
from courses.models import Course, Student
from courses.views.common import taught
from keys.services import count_action
from keys.use import NOTHING_USD, use_counter
from keys.views.actions import SWITCHED_OR_NOT

router = Router(tags=["courses"])
READ: Final = Bearer("courses:read")
WRITE: Final = Bearer("courses:write")


class CourseOut(Schema):
    """A course that you teach."""

    id: uuid.UUID
    name: str
    code: str
    state: str = Field(description="draft, open, frozen or ended.")
    starts_at: datetime
    ends_at: datetime
    students: int
    budget_usd: Usd | None = Field(description="Of all students together.")
    spent_usd: Usd


class CourseList(Schema):
    """A page of courses, the latest start first."""

    items: list[CourseOut]
    next_cursor: str | None


class StudentOut(Schema):
    """A student of a course."""

    id: uuid.UUID
    name: str
    email: str
    number: str
    joined_at: datetime
    key_id: uuid.UUID | None
    spent_usd: Usd | None = Field(description="With the present key, in the last thirty days.")


class StudentList(Schema):
    """A page of students, those that came last first."""

    items: list[StudentOut]
    next_cursor: str | None


@router.get("/courses", response=CourseList, auth=READ, summary="Your courses")
def list_courses(request: ApiRequest, page: Paged) -> CourseList:
    """List the courses that you teach, the latest start first."""
    courses = Course.objects.taught_by(request.user).select_related("team")
    found, cursor = page_of(courses, page, "starts_at", "id")
    return CourseList(items=_courses_out(found), next_cursor=cursor)


@router.get("/courses/{uuid:course_id}", response=CourseOut, auth=READ, summary="One of your courses")
def get_course(request: ApiRequest, course_id: uuid.UUID) -> CourseOut:
    """Return a course that you teach."""
    return _courses_out([taught(request, course_id)])[0]


@router.get("/courses/{uuid:course_id}/students", response=StudentList, auth=READ, summary="Students of a course")
def list_students(request: ApiRequest, course_id: uuid.UUID, page: Paged) -> StudentList:
    """List the present students of a course."""
    students = Student.objects.current().filter(course=taught(request, course_id)).select_related("account", "key")
    found, cursor = page_of(students, page, "joined_at", "id")
    return StudentList(items=[_student_out(student) for student in found], next_cursor=cursor)


@router.post("/courses/{uuid:course_id}/freeze", response=CourseOut, auth=WRITE, summary="Freeze a course")
def freeze_course(request: ApiRequest, course_id: uuid.UUID) -> CourseOut:
    """Have the gateway refuse all keys of a course, until the end of the freeze; they follow within seconds."""
    return _act(request, course_id, "freeze", services.freeze_course)


@router.post("/courses/{uuid:course_id}/thaw", response=CourseOut, auth=WRITE, summary="End the freeze of a course")
def thaw_course(request: ApiRequest, course_id: uuid.UUID) -> CourseOut:
    """Have the gateway accept the keys of a course again."""
    return _act(request, course_id, "thaw", services.thaw_course)


def _act(request: ApiRequest, course_id: uuid.UUID, name: str, service: Callable[..., Any]) -> CourseOut:
    course = taught(request, course_id)
    count_action(request.user, f"courses:{name}")
    with gateway_call(nothing=_("Nothing has changed"), unknown=SWITCHED_OR_NOT):
        service(course=course, actor=actor_of(request))
    return get_course(request, course_id)


def _courses_out(courses: list[Course]) -> list[CourseOut]:
    spent = use_counter().of_teams([course.team_id for course in courses])
    students = Student.objects.current().filter(course__in=courses)
    numbers = dict(students.values_list("course").annotate(number=Count("pk")))
    return [
        CourseOut(
            id=course.pk,
            name=course.name,
            code=course.code,
            state=course.state,
            starts_at=course.starts_at,
            ends_at=course.team.ends_at,
            students=numbers.get(course.pk, 0),
            budget_usd=course.team.budget_usd,
            spent_usd=spent.get(course.team_id, NOTHING_USD),
        )
        for course in courses
    ]


def _student_out(student: Student) -> StudentOut:
    account = student.account
    return StudentOut(
        id=student.pk,
        name=student.name or (account.display_name if account else ""),
        email=student.email or (account.email if account else ""),
        number=student.number,
        joined_at=student.joined_at,
        key_id=student.key_id,
        spent_usd=student.key.recent_usd if student.key else None,
    )
