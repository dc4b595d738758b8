"""The form of a course: a new one, or changes."""

import uuid
from typing import Any

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from accounts.audit import actor_of
from accounts.policies import policy_of
from courses import services
from courses.forms import CourseForm
from courses.models import Course
from courses.views.common import taught
from keys.services import KeyRefused, TooManyActions, count_action
from web.request import PortalRequest


@require_http_methods(["GET", "HEAD", "POST"])
def create(request: PortalRequest) -> HttpResponse:
    """Show the form of a new course; on POST, create a draft."""
    if not services.may_have_courses(request.user):
        raise PermissionDenied
    return _form(request, None)


@require_http_methods(["GET", "HEAD", "POST"])
def change(request: PortalRequest, course_id: uuid.UUID) -> HttpResponse:
    """Show the form with the course's values; on POST, change them, and those of its keys."""
    return _form(request, taught(request, course_id))


def _form(request: PortalRequest, course: Course | None) -> HttpResponse:
    most = services.largest(policy_of(request.user))
    data = request.POST if request.method == "POST" else None
    form = CourseForm(data, person=request.user, most=most, course=course)
    context = {"form": form, "course": course, "most": most}
    if data is None:
        return render(request, "courses/edit.html", context)
    status = 422
    try:
        count_action(request.user, "courses:edit")
        if form.is_valid():
            return _save(request, course, form.cleaned_data)
    except TooManyActions as refusal:
        form.add_error(None, str(refusal))
        response = render(request, "courses/edit.html", context, status=429)
        response["Retry-After"] = str(refusal.retry_after_s)
        return response
    except KeyRefused as refusal:
        form.add_error(None, str(refusal))
        status = 409
    return render(request, "courses/edit.html", context, status=status)


def _save(request: PortalRequest, course: Course | None, values: dict[str, Any]) -> HttpResponse:
    actor = actor_of(request)
    if course is None:
        course = services.create_course(person=request.user, actor=actor, values=values)
        messages.success(request, _("This is a draft. Open it when everything is right."))
    else:
        course = services.change_course(course=course, actor=actor, values=values)
        messages.success(request, _("Saved."))
    return redirect("courses:course", course.pk)
