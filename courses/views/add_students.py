"""A teacher adds students by a list: pasted or as a file, with a preview line by line."""

import uuid
from collections import Counter
from typing import Any, Final

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from accounts.audit import actor_of
from courses.models import Course
from courses.services import add_students as adding
from courses.services.add_students import Outcome, Planned
from courses.services.joining import room_in
from courses.student_forms import StudentListForm
from courses.views.common import taught
from keys.services import TooManyActions, count_action
from web.request import PortalRequest

WORDS: Final = {
    Outcome.NEW: gettext_lazy("Gets an account and an invitation"),
    Outcome.KNOWN: gettext_lazy("Has an account, and gets a mail"),
    Outcome.STUDENT: gettext_lazy("Is in the course already: nothing changes"),
    Outcome.REFUSED: gettext_lazy("Is left out"),
}
TONES: Final = {Outcome.NEW: "ok", Outcome.KNOWN: "ok", Outcome.STUDENT: "idle", Outcome.REFUSED: "bad"}


@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
def add_students(request: PortalRequest, course_id: uuid.UUID) -> HttpResponse:
    """Show the form; on POST, the preview, and with `step` "add", add them."""
    course = taught(request, course_id)
    is_post = request.method == "POST"
    form = StudentListForm(request.POST if is_post else None, request.FILES if is_post else None)
    step = request.POST.get("step", "") if is_post else "edit"
    if step == "edit" or not form.is_valid():
        status = 422 if is_post and step != "edit" else 200
        context = {"course": course, "form": form, "room": room_in(course)}
        return render(request, "courses/add_students.html", context, status=status)
    return _add(request, course, form) if step == "add" else _preview(request, course, form)


def _preview(
    request: PortalRequest, course: Course, form: StudentListForm, *, alert: str = "", status: int = 200
) -> HttpResponse:
    """Show what happens to each line."""
    planned = adding.plan_students(form.cleaned_data["entries"], course)
    numbers = Counter(each.outcome for each in planned)
    context: dict[str, Any] = {
        "course": course,
        "rows": [{"planned": each, "words": WORDS[each.outcome], "tone": TONES[each.outcome]} for each in planned],
        "added": numbers[Outcome.NEW] + numbers[Outcome.KNOWN],
        "present": numbers[Outcome.STUDENT],
        "refused": numbers[Outcome.REFUSED],
        "text": form.cleaned_data["text"],
        "alert": alert,
    }
    return render(request, "courses/add_students_preview.html", context, status=status)


def _add(request: PortalRequest, course: Course, form: StudentListForm) -> HttpResponse:
    """Add them, and return to the course's students."""
    try:
        count_action(request.user, "courses:add_students")
        planned = adding.add_students(form.cleaned_data["entries"], course=course, actor=actor_of(request))
    except TooManyActions as refusal:
        response = _preview(request, course, form, alert=str(refusal), status=429)
        response.headers["Retry-After"] = str(refusal.retry_after_s)
        return response
    except adding.StudentQuotaExceeded:
        words = _("Nobody was added: you can invite %(most)d people in an hour.") % {"most": adding.MAX_AN_HOUR}
        return _preview(request, course, form, alert=words, status=429)
    number = _number(planned)
    if not number:
        return _preview(request, course, form, alert=_("Nobody was added."), status=409)
    words = ngettext("%(count)d student was added.", "%(count)d students were added.", number) % {"count": number}
    later = _("Invitations are on their way; whoever has an account gets a mail when the course opens.")
    mails = later if course.state == Course.State.DRAFT else _("The mails are on their way.")
    messages.success(request, f"{words} {mails}")
    return redirect("courses:course", course.pk)


def _number(planned: list[Planned]) -> int:
    return sum(each.is_added for each in planned)
