"""A message to all students of a course."""

import uuid
from uuid import UUID

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_http_methods

from accounts.audit import actor_of
from keys.services import TooManyActions, count_action
from teaching import services
from teaching.forms import MessageForm
from teaching.views.common import CourseView, course_to_act_in
from web.request import PortalRequest


@require_http_methods(["GET", "HEAD", "POST"])
def message(request: PortalRequest, course_id: UUID) -> HttpResponse:
    """Show the form; on POST, send it to every student with an account."""
    view = course_to_act_in(request, course_id)
    if request.method != "POST":
        return _form(request, view, MessageForm(initial={"request_id": uuid.uuid4()}))
    form = MessageForm(request.POST)
    if not form.is_valid():
        return _form(request, view, form, status=422)
    if not services.recipients(view.course).exists():
        form.add_error(None, _("No student with an account has an e-mail address."))
        return _form(request, view, form, status=422)
    try:
        count_action(request.user, "teaching:message")
    except TooManyActions as refusal:
        form.add_error(None, str(refusal))
        return _form(request, view, form, status=429)
    number = services.write_message(course=view.course, actor=actor_of(request), **form.cleaned_data)
    words = ngettext(
        "A mail to %(count)d student is on its way.", "Mails to %(count)d students are on their way.", number
    )
    messages.success(request, words % {"count": number})
    return redirect("teaching:course", course_id=view.course.pk)


def _form(request: PortalRequest, view: CourseView, form: MessageForm, *, status: int = 200) -> HttpResponse:
    context = {
        "view": view,
        "course": view.course,
        "form": form,
        "recipients": services.recipients(view.course).count(),
        "unsent": services.unsent_count(view.course),
    }
    return render(request, "teaching/message.html", context, status=status)
