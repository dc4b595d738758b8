"""The courses of a teacher: their settings and their life, by the services of the pages."""

import uuid
from collections.abc import Callable, Mapping
from datetime import datetime, tzinfo
from decimal import Decimal
from typing import Any, Final
from zoneinfo import ZoneInfo

from django.core.exceptions import PermissionDenied
from django.db.models import Count
from django.http import HttpResponse
from django.utils import timezone
from django.utils.translation import gettext as _
from ninja import Field, Router, Schema, Status
from pydantic import AwareDatetime

from accounts.locale import known_zones
from accounts.policies import policy_of
from api.v1.auth import ApiRequest, Bearer, actor_of
from api.v1.errors import UNFIT, check_form, gateway_call, invalid
from api.v1.money import Usd
from api.v1.once import IdempotencyKey, Repeat, once
from api.v1.paging import Paged, page_of
from courses import services
from courses.forms import CourseForm, initial_of
from courses.models import Course, Student
from courses.views.common import taught
from keys.services import count_action
from keys.use import NOTHING_USD, use_counter
from keys.views.actions import SWITCHED_OR_NOT

router = Router(tags=["courses"])
READ: Final = Bearer("courses:read")
WRITE: Final = Bearer("courses:write")
FORM_NAMES: Final = {"requests_per_minute": "rpm_limit", "tokens_per_minute": "tpm_limit"}
API_NAMES: Final = {name: given for given, name in FORM_NAMES.items()}
MOMENTS: Final = ("starts_at", "ends_at")


class CourseOut(Schema):
    """A course that you teach."""

    id: uuid.UUID
    name: str
    code: str
    cost_centre: str
    description: str
    state: str = Field(description="draft, open, frozen or ended.")
    time_zone: str
    starts_at: datetime
    ends_at: datetime
    students: int
    max_students: int
    budget_usd: Usd | None = Field(description="Of all students together.")
    key_budget_usd: Usd | None = Field(description="Of each student.")
    playground_budget_usd: Usd | None = Field(description="Of each student, in addition.")
    requests_per_minute: int | None
    tokens_per_minute: int | None
    model_names: list[str] | None = Field(description="null: all models.")
    spent_usd: Usd


class CourseList(Schema):
    """A page of courses, the latest start first."""

    items: list[CourseOut]
    next_cursor: str | None


class CourseIn(Schema):
    """A new course."""

    name: str = Field(max_length=200)
    code: str = Field("", max_length=40)
    cost_centre: str = Field("", max_length=100)
    description: str = Field("", max_length=2000)
    time_zone: str = Field("", max_length=60, description="As in Europe/Paris; empty: yours, or that of the portal.")
    starts_at: AwareDatetime
    ends_at: AwareDatetime
    max_students: int
    budget_usd: Decimal = Field(description="Of all students together.")
    key_budget_usd: Decimal = Field(description="Of each student.")
    playground_budget_usd: Decimal | None = Field(None, description="Of each student, in addition; null: none.")
    requests_per_minute: int | None = None
    tokens_per_minute: int | None = None
    model_names: list[str] = Field(max_length=500)


class CourseChange(Schema):
    """What to change of a course; what is left out stays as it is."""

    name: str = Field("", max_length=200)
    code: str = Field("", max_length=40)
    cost_centre: str = Field("", max_length=100)
    description: str = Field("", max_length=2000)
    time_zone: str = Field("", max_length=60)
    starts_at: AwareDatetime | None = None
    ends_at: AwareDatetime | None = None
    max_students: int | None = None
    budget_usd: Decimal | None = None
    key_budget_usd: Decimal | None = None
    playground_budget_usd: Decimal | None = None
    requests_per_minute: int | None = None
    tokens_per_minute: int | None = None
    model_names: list[str] = Field([], max_length=500)


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


@router.post("/courses", response={201: CourseOut}, auth=WRITE, summary="Create a course")
def create_course(
    request: ApiRequest, response: HttpResponse, data: CourseIn, idempotency_key: IdempotencyKey = ""
) -> Status[CourseOut]:
    """Create a draft; your policy limits it when you open it."""
    if not services.may_have_courses(request.user):
        raise PermissionDenied

    def make(_request_id: uuid.UUID | None) -> CourseOut:
        values = _checked(request, data.model_dump(), None)
        course = services.create_course(person=request.user, actor=actor_of(request), values=values)
        return get_course(request, course.pk)

    made = once(request, response, idempotency_key, make, CourseOut, action="courses:edit", repeat=Repeat.STORED)
    return Status(201, made)


@router.patch("/courses/{uuid:course_id}", response=CourseOut, auth=WRITE, summary="Change a course")
def change_course(request: ApiRequest, course_id: uuid.UUID, data: CourseChange) -> CourseOut:
    """Change a course; the keys of one that runs follow within seconds."""
    course = taught(request, course_id)
    count_action(request.user, "courses:edit")
    values = _checked(request, data.model_dump(exclude_unset=True), course)
    services.change_course(course=course, actor=actor_of(request), values=values)
    return get_course(request, course_id)


def _checked(request: ApiRequest, given: Mapping[str, Any], course: Course | None) -> dict[str, Any]:
    """Return the values for the services, checked by the form of the page. Raises Problem."""
    usual_zone = request.user.time_zone or timezone.get_default_timezone_name()
    stored = initial_of(course) if course else {"time_zone": usual_zone}
    values = stored | {FORM_NAMES.get(name, name): value for name, value in given.items() if value != ""}
    values |= {name: "" for name, value in given.items() if value == "" and name != "time_zone"}
    known = values["time_zone"] in known_zones()  # otherwise the form refuses it
    values |= _by_clock(values, ZoneInfo(values["time_zone"]) if known else timezone.get_default_timezone())
    most = services.largest(policy_of(request.user))
    return check_form(CourseForm(values, person=request.user, most=most, course=course), API_NAMES)


def _by_clock(values: Mapping[str, Any], zone: tzinfo) -> dict[str, Any]:
    """Return start and end as a clock in the zone of the course shows them, which is what the form takes."""
    found = {}
    for name in MOMENTS:
        try:
            found[name] = values[name] and values[name].astimezone(zone)
        except (OverflowError, ValueError) as error:
            raise invalid([{"field": name, "message": str(UNFIT)}]) from error
    return found


@router.post("/courses/{uuid:course_id}/open", response=CourseOut, auth=WRITE, summary="Open a course")
def open_course(request: ApiRequest, course_id: uuid.UUID) -> CourseOut:
    """Open a draft: its students can see it, and get a key from its start on."""
    return _act(request, course_id, "open", services.open_course)


@router.post("/courses/{uuid:course_id}/freeze", response=CourseOut, auth=WRITE, summary="Freeze a course")
def freeze_course(request: ApiRequest, course_id: uuid.UUID) -> CourseOut:
    """Have the gateway refuse all keys of a course, until the end of the freeze; they follow within seconds."""
    return _act(request, course_id, "freeze", services.freeze_course)


@router.post("/courses/{uuid:course_id}/thaw", response=CourseOut, auth=WRITE, summary="End the freeze of a course")
def thaw_course(request: ApiRequest, course_id: uuid.UUID) -> CourseOut:
    """Have the gateway accept the keys of a course again."""
    return _act(request, course_id, "thaw", services.thaw_course)


@router.post("/courses/{uuid:course_id}/end", response=CourseOut, auth=WRITE, summary="End a course for good")
def end_course(request: ApiRequest, course_id: uuid.UUID) -> CourseOut:
    """End a course for good: its keys are deleted within seconds. What was spent stays visible."""
    return _act(request, course_id, "end", services.end_course)


@router.post("/courses/{uuid:course_id}/copy", response={201: CourseOut}, auth=WRITE, summary="Copy a course")
def copy_course(
    request: ApiRequest, response: HttpResponse, course_id: uuid.UUID, idempotency_key: IdempotencyKey = ""
) -> Status[CourseOut]:
    """Create a draft with the same settings 52 weeks later, without students."""
    course = taught(request, course_id)

    def make(_request_id: uuid.UUID | None) -> CourseOut:
        return get_course(request, services.copy_course(course=course, actor=actor_of(request)).pk)

    made = once(request, response, idempotency_key, make, CourseOut, action="courses:copy", repeat=Repeat.STORED)
    return Status(201, made)


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
            cost_centre=course.cost_centre,
            description=course.description,
            state=course.state,
            time_zone=course.time_zone,
            starts_at=course.starts_at,
            ends_at=course.team.ends_at,
            students=numbers.get(course.pk, 0),
            max_students=course.max_students,
            budget_usd=course.team.budget_usd,
            key_budget_usd=course.team.key_budget_usd,
            playground_budget_usd=course.team.playground_budget_usd,
            requests_per_minute=course.team.rpm_limit,
            tokens_per_minute=course.team.tpm_limit,
            model_names=course.team.model_names,
            spent_usd=spent.get(course.team_id, NOTHING_USD),
        )
        for course in courses
    ]
