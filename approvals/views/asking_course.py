"""A teacher requests a course beyond their policy: the whole of it, with the values that it has now."""

import uuid

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
from approvals.forms import WhyForm
from approvals.size_words import size_lines
from approvals.views.panel import too_many
from courses.models import Course
from courses.services import excess_of, request_name, size_of
from keys.services import TooManyActions, count_action
from web.request import PortalRequest


@require_http_methods(["GET", "HEAD", "POST"])
def ask(request: PortalRequest, course_id: uuid.UUID) -> HttpResponse:
    """Show what is beyond the policy, and ask why; on POST, save the request."""
    courses = Course.objects.taught_by(request.user).filter(state=Course.State.DRAFT)
    course = get_object_or_404(courses.select_related("team"), pk=course_id)
    form = WhyForm(request.POST if request.method == "POST" else None)
    if not form.is_bound:
        return _page(request, course, form)
    try:
        count_action(request.user, "approvals:ask")
    except TooManyActions as refusal:
        form.add_error(None, str(refusal))
        return too_many(_page(request, course, form, status=429), refusal)
    if not excess_of(course, request.user):
        form.add_error(None, _("Your policy allows this course: open it."))
    elif course.team.budget_usd > MOST_USD:
        form.add_error(None, _("Nobody can request more than 10,000 USD here. Contact the administrators."))
    if not form.is_valid():
        return _page(request, course, form, status=422)
    return _save(request, course, form.cleaned_data["why"])


def _page(request: PortalRequest, course: Course, form: WhyForm, *, status: int = 200) -> HttpResponse:
    lines = size_lines(size_of(course), excess_of(course, request.user))
    return render(request, "approvals/ask_course.html", {"course": course, "form": form, "lines": lines}, status=status)


def _save(request: PortalRequest, course: Course, why: str) -> HttpResponse:
    _asked, is_new = services.ask(
        person=request.user,
        actor=actor_of(request),
        thing=Thing.COURSE,
        name=request_name(course),
        amount_usd=course.team.budget_usd,
        ends_on=timezone.localdate(course.team.ends_at, timezone.get_default_timezone()),
        why=why,
        details=size_of(course).as_json(),
    )
    if is_new:
        messages.success(request, _("Sent. You get a mail when it is decided."))
    else:
        messages.warning(request, _("You have asked for this already. Withdraw that request first to change it."))
    return redirect("courses:course", course.pk)
