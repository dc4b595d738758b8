"""The page of a course's link: what the course is, and one button. GET changes nothing."""

from collections.abc import Sequence
from typing import Final

from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from accounts.audit import actor_of
from accounts.limits import WRONG_CODES, is_within_limit
from courses.models import Course
from courses.services.joining import JoinRefused, check_joinable, course_of_code, join
from keys.services import TooManyActions, count_action
from web.request import PortalRequest

RETRY_AFTER_S: Final = 3600
STATUSES: Final = {"domain": 403, "unverified": 403, "left": 403}  # else 409


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def join_course(request: PortalRequest, code: str) -> HttpResponse:
    """Show the course; on POST, join it. Wrong codes are limited, right ones never: 60 bits cannot be tried."""
    course = course_of_code(code)
    if course is None:
        if not is_within_limit(request, "wrong_code", WRONG_CODES):
            return too_many(request)
        words = _("Perhaps it was not copied completely, or your teacher has made a new one.")
        return _plain(request, _("This link is not valid"), [words], status=404)
    if Course.objects.attended_by(request.user).filter(pk=course.pk).exists():
        return redirect("courses:attended", course.pk)
    try:
        if request.method != "POST":
            check_joinable(course, request.user)
            return render(request, "courses/join.html", {"course": course, "title": course.name})
        count_action(request.user, "courses:join")
        join(course=course, person=request.user, actor=actor_of(request))
    except JoinRefused as refusal:
        return _plain(request, course.name, [str(refusal)], status=STATUSES.get(refusal.code, 409))
    except TooManyActions as refusal:
        response = _plain(request, course.name, [str(refusal)], status=429)
        response.headers["Retry-After"] = str(refusal.retry_after_s)
        return response
    return redirect("courses:attended", course.pk)


def too_many(request: PortalRequest) -> HttpResponse:
    """Refuse further wrong codes for a while."""
    response = render(request, "429.html", status=429)
    response.headers["Retry-After"] = str(RETRY_AFTER_S)
    return response


def _plain(request: PortalRequest, title: str, sentences: Sequence[str], *, status: int) -> HttpResponse:
    return render(request, "courses/join.html", {"title": title, "sentences": sentences}, status=status)
