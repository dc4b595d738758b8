"""A student's courses: what each is, the key, what is left. Nothing of other students is on these pages."""

import uuid
from typing import Any

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_variables
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from accounts.audit import actor_of
from courses import services
from courses.first_call import first_call
from courses.models import Course, Student
from courses.student_page import StudentPage, presets_for
from gateway.errors import GatewayError
from keys.models import Key
from keys.services import FreshKey, KeyRefused, TooManyActions, count_action
from keys.snippets import base_url
from keys.use import use_counter
from keys.views.actions import MADE_OR_NOT, REPLACED_OR_NOT, in_words
from web.pages import render_region
from web.request import PortalRequest


@require_safe
@never_cache
def attended(request: PortalRequest, course_id: uuid.UUID) -> HttpResponse:
    """Show a course to one of its students."""
    return _page(request, _own(request, course_id))


def _own(request: PortalRequest, course_id: uuid.UUID) -> Student:
    """Return the person in this course; 404 for everybody who is not, or no longer, its student."""
    courses = Course.objects.attended_by(request.user)
    own = Student.objects.current().filter(account=request.user, course__in=courses)
    return get_object_or_404(own.select_related("course__team", "key"), course=course_id)


def _page(request: PortalRequest, student: Student, *, alert: str = "", status: int = 200) -> HttpResponse:
    use = use_counter().of_team(student.course.team, student.key)
    context = {"page": StudentPage(student, use), "presets": presets_for(student, request.user), "alert": alert}
    return render_region(request, "courses/attended.html", "panel", _of(student) | context, status=status)


def _of(student: Student) -> dict[str, Any]:
    return {"student": student, "course": student.course, "key": student.key}


@require_POST
@never_cache
@sensitive_variables("fresh")
def get_key(request: PortalRequest, course_id: uuid.UUID) -> HttpResponse:
    """Make the student's key and show its secret, once; a second click finds the key."""
    student = _own(request, course_id)
    try:
        count_action(request.user, "courses:get_key")
        fresh = services.get_key(student=student, actor=actor_of(request))
    except KeyRefused as refusal:
        return _refuse(request, course_id, refusal)
    except GatewayError as error:
        words, status = in_words(error, nothing=_("Nothing was created"), unknown=MADE_OR_NOT)
        return _page(request, _own(request, course_id), alert=words, status=status)
    return _show_secret(request, student, fresh, replaced=False)


@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
@sensitive_variables("fresh")
def replace_secret(request: PortalRequest, course_id: uuid.UUID) -> HttpResponse:
    """Explain what is replaced; on POST, do it and show the new secret, once."""
    student = _own(request, course_id)
    if request.method != "POST":
        return render_region(request, "courses/replace.html", "panel", _of(student))
    try:
        count_action(request.user, "courses:replace_secret")
        fresh = services.replace(student=student, actor=actor_of(request))
    except KeyRefused as refusal:
        return _refuse(request, course_id, refusal)
    except GatewayError as error:
        words, status = in_words(error, nothing=_("Your current secret still works"), unknown=REPLACED_OR_NOT)
        return _page(request, _own(request, course_id), alert=words, status=status)
    return _show_secret(request, student, fresh, replaced=True)


@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
def leave(request: PortalRequest, course_id: uuid.UUID) -> HttpResponse:
    """Ask for a confirmation; on POST, leave the course: its key ends."""
    student = _own(request, course_id)
    if request.method != "POST":
        return render_region(request, "courses/leave.html", "panel", _of(student))
    try:
        count_action(request.user, "courses:leave")
        services.remove_student(student=student, actor=actor_of(request))
    except KeyRefused as refusal:
        return _refuse(request, course_id, refusal)
    messages.success(request, _("You have left “%(name)s”. Its key ends now.") % {"name": student.course.name})
    return redirect("keys:index")


def _refuse(request: PortalRequest, course_id: uuid.UUID, refusal: KeyRefused) -> HttpResponse:
    """Show the course as it is now, and say why nothing was done."""
    is_limit = isinstance(refusal, TooManyActions)
    response = _page(request, _own(request, course_id), alert=str(refusal), status=429 if is_limit else 409)
    if isinstance(refusal, TooManyActions):
        response.headers["Retry-After"] = str(refusal.retry_after_s)
    return response


@sensitive_variables("fresh", "call", "context")
def _show_secret(request: PortalRequest, student: Student, fresh: FreshKey, *, replaced: bool) -> HttpResponse:
    """Render the only page with the secret."""
    key = Key.objects.prefetch_related("tokens").get(pk=fresh.key.pk)
    call = first_call(student.course, key.model_names, secret=fresh.secret)
    context = {
        **_of(student),
        "key": key,
        "secret": fresh.secret,
        "replaced": replaced,
        "base_url": base_url(),
        "snippets": call.snippets,
        "preset": call.preset,
    }
    return render_region(request, "courses/issued.html", "panel", context, status=201)
