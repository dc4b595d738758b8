"""The students of a course: in, out, and the keys that a teacher hands out."""

import uuid
from datetime import datetime
from typing import Final

from django.core.exceptions import ValidationError
from django.http import HttpResponse
from django.shortcuts import get_object_or_404
from django.utils.translation import gettext as _
from django.views.decorators.debug import sensitive_variables
from ninja import Field, Router, Schema, Status

from accounts.people_list import MAX_ROWS, row_of
from api.problems import Problem
from api.v1.auth import ApiRequest, Bearer, actor_of
from api.v1.errors import gateway_call, invalid
from api.v1.lines import one_line
from api.v1.money import Usd
from api.v1.once import IdempotencyKey, Repeat, WithSecret, once
from api.v1.paging import Paged, page_of
from courses import services
from courses.models import Student
from courses.services import add_students as adding
from courses.services import file_keys
from courses.student_list import MAX_NAME
from courses.views.common import taught
from keys.forms import clean_line
from keys.models import Key
from keys.services import count_action
from keys.views.actions import MADE_OR_NOT, REPLACED_OR_NOT

router = Router(tags=["courses"])
READ: Final = Bearer("courses:read")
WRITE: Final = Bearer("courses:write")
STUDENTS: Final = "/courses/{uuid:course_id}/students"
STUDENT: Final = f"{STUDENTS}/{{uuid:student_id}}"


class StudentOut(Schema):
    """A student of a course."""

    id: uuid.UUID
    name: str
    email: str
    number: str
    joined_at: datetime
    has_account: bool
    key_id: uuid.UUID | None
    spent_usd: Usd | None = Field(description="With the present key, in the last thirty days.")


class StudentList(Schema):
    """A page of students, those that came last first."""

    items: list[StudentOut]
    next_cursor: str | None


class NewStudent(Schema):
    """A student to add, who gets an account if there is none with this address."""

    email: str = Field(max_length=300)
    name: str = Field("", max_length=200)
    number: str = Field("", max_length=100, description="The student number.")


class StudentsIn(Schema):
    """Students to add."""

    students: list[NewStudent] = Field(min_length=1, max_length=MAX_ROWS)


class StudentOutcome(Schema):
    """What came of one student."""

    email: str
    outcome: str = Field(description="new, known (had an account), student (was one before) or refused.")
    why: list[str] = Field(description="Why they were refused.")


class StudentsAdded(Schema):
    """What came of each student, in the order of the request."""

    items: list[StudentOutcome]
    added: int


class NamesIn(Schema):
    """Names of students without accounts, whose keys the teacher hands out."""

    names: list[str] = Field(min_length=1, max_length=file_keys.MOST_AT_ONCE)


class NamesAdded(Schema):
    """How many were added: names that are there already are left out, and those for whom the course has no place."""

    added: int


class StudentKey(WithSecret):
    """The key of a student without an account, to hand out."""

    student_id: uuid.UUID
    key_id: uuid.UUID


@router.get(STUDENTS, response=StudentList, auth=READ, summary="Students of a course")
def list_students(request: ApiRequest, course_id: uuid.UUID, page: Paged) -> StudentList:
    """List the present students of a course."""
    students = Student.objects.current().filter(course=taught(request, course_id)).select_related("account", "key")
    found, cursor = page_of(students, page, "joined_at", "id")
    return StudentList(items=[_student_out(student) for student in found], next_cursor=cursor)


@router.post(STUDENTS, response={201: StudentsAdded}, auth=WRITE, summary="Add students")
def add_students(
    request: ApiRequest,
    response: HttpResponse,
    course_id: uuid.UUID,
    data: StudentsIn,
    idempotency_key: IdempotencyKey = "",
) -> Status[StudentsAdded]:
    """Add students by e-mail address; new people get an account and an invitation."""
    course = taught(request, course_id)
    rows = [row_of(line, _values(each)) for line, each in enumerate(data.students, start=1)]

    def make(_request_id: uuid.UUID | None) -> StudentsAdded:
        try:
            planned = adding.add_students(rows, course=course, actor=actor_of(request))
        except adding.StudentQuotaExceeded as error:
            words = _("Nobody was added: you can invite %(most)d people in an hour.") % {"most": adding.MAX_AN_HOUR}
            raise Problem(429, "too_many_actions", words, headers={"Retry-After": "3600"}) from error
        items = [StudentOutcome(email=each.row.email, outcome=each.outcome.value, why=each.why) for each in planned]
        return StudentsAdded(items=items, added=sum(each.is_added for each in planned))

    action, stored = "courses:add_students", Repeat.STORED
    made = once(request, response, idempotency_key, make, StudentsAdded, action=action, repeat=stored)
    return Status(201, made)


def _values(student: NewStudent) -> dict[str, str]:
    return {name: one_line(text) for name, text in student.model_dump().items()}


@router.post(f"{STUDENTS}/without-account", response={201: NamesAdded}, auth=WRITE, summary="Add students by name")
def add_students_by_name(
    request: ApiRequest,
    response: HttpResponse,
    course_id: uuid.UUID,
    data: NamesIn,
    idempotency_key: IdempotencyKey = "",
) -> Status[NamesAdded]:
    """Add students without accounts, each name once; create their keys, and hand them out."""
    course = taught(request, course_id)
    names = [_name(text, place) for place, text in enumerate(data.names)]

    def make(_request_id: uuid.UUID | None) -> NamesAdded:
        return NamesAdded(added=file_keys.add_by_name(course=course, names=names, actor=actor_of(request)))

    action, stored = "courses:add_names", Repeat.STORED
    return Status(201, once(request, response, idempotency_key, make, NamesAdded, action=action, repeat=stored))


def _name(text: str, place: int) -> str:
    try:
        name, words = clean_line(text), _("The name is too long.")
    except ValidationError as error:
        name, words = "", error.messages[0]
    if not 0 < len(name) <= MAX_NAME:
        raise invalid([{"field": f"names.{place}", "message": words}])
    return name


@router.delete(STUDENT, response={204: None}, auth=WRITE, summary="Remove a student")
def remove_student(request: ApiRequest, course_id: uuid.UUID, student_id: uuid.UUID) -> Status[None]:
    """Remove a student from a course: their key ends. What it spent stays visible."""
    student = _student(request, course_id, student_id)
    count_action(request.user, "teaching:act_remove")
    services.remove_student(student=student, actor=actor_of(request))
    return Status(204, None)


@router.post(f"{STUDENT}/key", response={201: StudentKey}, auth=WRITE, summary="Create a student’s key")
@sensitive_variables()
def create_student_key(
    request: ApiRequest,
    response: HttpResponse,
    course_id: uuid.UUID,
    student_id: uuid.UUID,
    idempotency_key: IdempotencyKey = "",
) -> Status[StudentKey]:
    """Create the key of a student without an account; its secret is in this answer only, for you to hand out."""
    student = _student(request, course_id, student_id)

    @sensitive_variables()
    def make(_request_id: uuid.UUID | None) -> StudentKey:
        _check(student)
        with gateway_call(nothing=_("Nothing was created"), unknown=MADE_OR_NOT):
            line = file_keys.make_key(student, request.user, actor_of(request))
        if line.secret is None:
            raise Problem(409, "course", line.problem)
        key_id = Student.objects.values_list("key", flat=True).get(pk=student.pk)
        return StudentKey(student_id=student.pk, key_id=key_id, secret=str(line.secret))

    return Status(201, once(request, response, idempotency_key, make, StudentKey, action="courses:make_file"))


def _check(student: Student) -> None:
    """Refuse a key for somebody who gets it in their account, or has one, or where the course is not open."""
    if student.account_id:
        raise services.CourseRefused("course.account")
    if not file_keys.is_open(student.course):
        raise services.CourseRefused("course.state")
    file_keys.link_made_keys(student.course)
    student.refresh_from_db(fields=["key"])
    if student.key and student.key.state in Key.LIVE_STATES:
        raise services.CourseRefused("course.has_key")


@router.post(f"{STUDENT}/key/replace", response={201: StudentKey}, auth=WRITE, summary="Replace a student’s secret")
@sensitive_variables()
def replace_student_secret(
    request: ApiRequest,
    response: HttpResponse,
    course_id: uuid.UUID,
    student_id: uuid.UUID,
    idempotency_key: IdempotencyKey = "",
) -> Status[StudentKey]:
    """Give the key of a student without an account a new secret; the old one ends at once."""
    student = _student(request, course_id, student_id)

    @sensitive_variables()
    def make(_request_id: uuid.UUID | None) -> StudentKey:
        if student.account_id:
            raise services.CourseRefused("course.account")
        with gateway_call(nothing=_("Nothing has changed"), unknown=REPLACED_OR_NOT):
            fresh = services.replace(student=student, actor=actor_of(request))
        return StudentKey(student_id=student.pk, key_id=fresh.key.pk, secret=str(fresh.secret))

    action, never = "courses:replace_file", Repeat.NEVER
    return Status(201, once(request, response, idempotency_key, make, StudentKey, action=action, repeat=never))


def _student(request: ApiRequest, course_id: uuid.UUID, student_id: uuid.UUID) -> Student:
    students = Student.objects.current().filter(course=taught(request, course_id))
    return get_object_or_404(students.select_related("account", "course__team", "key"), pk=student_id)


def _student_out(student: Student) -> StudentOut:
    account = student.account
    return StudentOut(
        id=student.pk,
        name=student.name or (account.display_name if account else ""),
        email=student.email or (account.email if account else ""),
        number=student.number,
        joined_at=student.joined_at,
        has_account=account is not None,
        key_id=student.key_id,
        spent_usd=student.key.recent_usd if student.key else None,
    )
