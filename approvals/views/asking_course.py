"""A teacher requests a course beyond their policy: a draft as it is, or more for one that runs."""

import uuid
from typing import Any

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from accounts.audit import actor_of
from accounts.models import Thing
from accounts.models.requests import MOST_USD
from approvals import services
from approvals.forms import LargerForm, WhyForm
from approvals.size_words import size_lines
from approvals.views.panel import too_many
from courses.models import Course
from courses.services import excess_of, grown_values, request_name, size_of, size_with
from keys.services import TooManyActions, count_action
from web.request import PortalRequest


@require_http_methods(["GET", "HEAD", "POST"])
def ask(request: PortalRequest, course_id: uuid.UUID) -> HttpResponse:
    """Ask why, and for a running course how much more; on POST, save the request."""
    courses = Course.objects.taught_by(request.user).exclude(state=Course.State.ENDED)
    course = get_object_or_404(courses.select_related("team"), pk=course_id)
    data = request.POST if request.method == "POST" else None
    is_draft = course.state == Course.State.DRAFT
    form = WhyForm(data) if is_draft else LargerForm(data, course=course)
    if not form.is_bound:
        return _page(request, course, form)
    try:
        count_action(request.user, "approvals:ask")
    except TooManyActions as refusal:
        form.add_error(None, str(refusal))
        return too_many(_page(request, course, form, status=429), refusal)
    details = {} if is_draft else _grow(course, form)
    if form.is_valid():
        _check(request, course, form)
    if not form.is_valid():
        return _page(request, course, form, status=422)
    return _save(request, course, form.cleaned_data["why"], details)


def _grow(course: Course, form: WhyForm) -> dict[str, Any]:
    """Give the unsaved course what is requested; return what the request says about it."""
    if not form.is_valid():
        return {}
    before = size_of(course).as_json()
    size_with(course, grown_values(course, form.cleaned_data))
    return {"before": before, "ends_at": course.team.ends_at.isoformat()}


def _check(request: PortalRequest, course: Course, form: WhyForm) -> None:
    """Refuse what needs no request, and what nobody can grant."""
    if not excess_of(course, request.user):
        is_draft = course.state == Course.State.DRAFT
        words = _("Your policy allows this course: open it.")
        form.add_error(None, words if is_draft else _("Your policy allows this: change the course."))
    elif course.team.budget_usd > MOST_USD:
        form.add_error(None, _("Nobody can request more than 10,000 USD here. Contact the administrators."))


def _page(request: PortalRequest, course: Course, form: WhyForm, *, status: int = 200) -> HttpResponse:
    lines = size_lines(size_of(course), excess_of(course, request.user)) if course.state == Course.State.DRAFT else ()
    return render(request, "approvals/ask_course.html", {"course": course, "form": form, "lines": lines}, status=status)


def _save(request: PortalRequest, course: Course, why: str, details: dict[str, Any]) -> HttpResponse:
    _asked, is_new = services.ask(
        person=request.user,
        actor=actor_of(request),
        thing=Thing.COURSE,
        name=request_name(course),
        amount_usd=course.team.budget_usd,
        ends_on=timezone.localdate(course.team.ends_at, timezone.get_default_timezone()),
        why=why,
        details={**size_of(course).as_json(), **details},
    )
    if is_new:
        messages.success(request, _("Sent. You get a mail when it is decided."))
    else:
        messages.warning(request, _("You have asked for this already. Withdraw that request first to change it."))
    return redirect("courses:course", course.pk)
