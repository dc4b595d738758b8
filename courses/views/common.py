"""Common to the pages of teachers: whose course it is, the course's page, and refusals in words."""

import uuid
from collections.abc import Callable
from typing import Any

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, render
from django.utils.translation import gettext_lazy as _

from courses import services
from courses.models import Course
from gateway.errors import GatewayUnavailable
from keys.services import KeyRefused, TooManyActions, count_action, count_differing
from keys.use import use_counter
from web.pages import render_region
from web.request import PortalRequest

GATEWAY_AWAY = _("The gateway does not answer. Nothing was changed; try again in a minute.")


def taught(request: PortalRequest, course_id: uuid.UUID) -> Course:
    """Return a course that the person teaches; 404 for everybody else, former teachers too.

    Where no teacher has an active account, people who manage people act as one: they add another, freeze or end it.
    """
    courses = Course.objects.taught_by(request.user)
    if request.user.has_perm("accounts.manage_people"):
        courses |= Course.objects.without_teacher()
    return get_object_or_404(courses.select_related("team"), pk=course_id)


def course_context(request: PortalRequest, course: Course) -> dict[str, Any]:
    """Return what the course's page shows to its teachers."""
    differing = 0 if course.state == Course.State.DRAFT else count_differing(course.team)
    spent_usd = use_counter().of_teams([course.team_id]).get(course.team_id)
    return {
        "course": course,
        "team": course.team,
        "students": course.students.current().count(),
        "spent_usd": spent_usd or 0,
        "teachers": course.teachers.select_related("person").order_by("added_at", "pk"),
        "presets": course.presets.all(),
        "differing": differing,
        "excess": _excess(request, course),
        "may_copy": services.may_have_courses(request.user),
    }


def render_course(request: PortalRequest, course: Course, *, alert: str = "", status: int = 200) -> HttpResponse:
    """Render the course's page; `alert` is why an action failed."""
    context = {**course_context(request, course), "alert": alert}
    return render(request, "courses/course.html", context, status=status)


def render_progress(request: PortalRequest, course: Course) -> HttpResponse:
    """Render the course's page, or for htmx only how many keys still have to follow."""
    return render_region(request, "courses/course.html", "progress", course_context(request, course))


def done(
    request: PortalRequest, course: Course, kind: str, action: Callable[[], str], then: Callable[[], HttpResponse]
) -> HttpResponse:
    """Run an action, counted; say its result on the next page, or on the course's page why it was refused."""
    try:
        count_action(request.user, f"courses:{kind}")
        message = action()
    except TooManyActions as refusal:
        response = render_course(request, course, alert=str(refusal), status=429)
        response["Retry-After"] = str(refusal.retry_after_s)
        return response
    except KeyRefused as refusal:
        return render_course(request, course, alert=str(refusal), status=409)
    except GatewayUnavailable:
        return render_course(request, course, alert=str(GATEWAY_AWAY), status=503)
    messages.success(request, message)
    return then()


def _excess(request: PortalRequest, course: Course) -> list[str]:
    if course.state != Course.State.DRAFT:
        return []
    return [str(services.TITLES[name]) for name in services.excess_of(course, request.user)]
