"""One action on students of a course: a page that says who is concerned and what follows, then the action."""

from typing import Final
from uuid import UUID, uuid4

from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext
from django.views.decorators.http import require_http_methods

from accounts.audit import actor_of
from courses.models import Student
from keys.services import KeyRefused, TooManyActions, count_action
from keys.status import promises
from keys.views.each import ids_in, some_of
from teaching import services
from teaching.forms import TopUpForm
from teaching.listing import Filters, all_lines, filters_of, found_lines
from teaching.services import Chosen, StudentAction
from teaching.views.common import CourseView, course_to_act_in
from teaching.views.course import address, order_in
from web.request import PortalRequest

BUTTONS: Final = {
    StudentAction.TOP_UP: gettext_lazy("Top up"),
    StudentAction.BLOCK: gettext_lazy("Block"),
    StudentAction.UNBLOCK: gettext_lazy("Unblock"),
    StudentAction.NEW_KEY: gettext_lazy("End the key"),
    StudentAction.REMOVE: gettext_lazy("Remove from the course"),
}
BAD: Final = (StudentAction.BLOCK, StudentAction.NEW_KEY, StudentAction.REMOVE)


@require_http_methods(["GET", "HEAD", "POST"])
def action(request: PortalRequest, course_id: UUID) -> HttpResponse:
    """Ask for a confirmation, with the students concerned and those left out; on POST, run the action."""
    view = course_to_act_in(request, course_id)
    data = request.POST if request.method == "POST" else request.GET
    if data.get("action") not in set(StudentAction):
        raise Http404
    wanted = StudentAction(data["action"])
    if not view.may_act:
        return _ask(
            request, view, wanted, [], alert=_("The course does not run, so nothing can be changed."), status=409
        )
    ids = ids_in(data.get("students", "").split(",")) if request.method == "POST" else _chosen_ids(request, view)
    chosen = services.choose_students(view.course, ids, action=wanted)
    to_do = [each.student for each in chosen if not each.why_not]
    if not to_do:
        alert = _("There is no student to whom this can be done.")
        return _ask(request, view, wanted, chosen, alert=alert, status=422)
    if wanted != StudentAction.TOP_UP and len(to_do) > services.MAX_AT_ONCE:
        words = _("These are %(count)d students; at most %(most)d at once. Narrow the list down by filters.")
        alert = words % {"count": len(to_do), "most": services.MAX_AT_ONCE}
        return _ask(request, view, wanted, [], alert=alert, status=422)
    if request.method != "POST":
        return _ask(request, view, wanted, chosen)
    form = TopUpForm(request.POST) if wanted == StudentAction.TOP_UP else None
    if form and not form.is_valid():
        return _ask(request, view, wanted, chosen, form=form, status=422)
    return _run(request, view, wanted, chosen, form)


def _run(
    request: PortalRequest, view: CourseView, wanted: StudentAction, chosen: list[Chosen], form: TopUpForm | None
) -> HttpResponse:
    """Run the action, and report its result on the page of the course."""
    students = [each.student for each in chosen if not each.why_not]
    try:
        count_action(request.user, f"teaching:act_{wanted}")
        if form:
            number = services.top_up_students(view.course, students, actor=actor_of(request), **form.cleaned_data)
            messages.success(request, _topped_up_words(number))
        else:
            _act(request, view, wanted, students)
    except TooManyActions as refusal:
        return _ask(request, view, wanted, chosen, form=form, alert=str(refusal), status=429)
    except KeyRefused as refusal:
        return _ask(request, view, wanted, chosen, form=form, alert=refusal.for_admin, status=409)
    return redirect(address(view.course, filters_of(request.POST), order_in(request.POST)))


def _act(request: PortalRequest, view: CourseView, wanted: StudentAction, students: list[Student]) -> None:
    result = services.act_on_students(view.course, students, action=wanted, actor=actor_of(request))
    if result.done:
        messages.success(request, _done_words(wanted, len(result.done)))
    if result.refused:
        messages.warning(request, _("Not changed: %(names)s") % {"names": some_of(result.refused, " ")})
    if result.left:
        words = ngettext(
            "The gateway did not answer: %(count)d student is not done. Try again in a few minutes; this page shows "
            "the right state %(soon)s.",
            "The gateway did not answer: %(count)d students are not done. Try again in a few minutes; this page shows "
            "the right state %(soon)s.",
            result.left,
        )
        messages.warning(request, words % {"count": result.left, **promises()})


def _chosen_ids(request: PortalRequest, view: CourseView) -> list[UUID]:
    """Return the selected ids; with `all`, every student within the filters of the URL."""
    if not request.GET.get("all"):
        return ids_in(request.GET.getlist("student"))
    lines = all_lines(view.course, view.access.state)
    return [line.id for line in found_lines(lines, filters_of(request.GET))]


def _ask(
    request: PortalRequest,
    view: CourseView,
    wanted: StudentAction,
    everything: list[Chosen],
    *,
    form: TopUpForm | None = None,
    alert: str = "",
    status: int = 200,
) -> HttpResponse:
    """Show whom the action concerns, what follows, and who is left out."""
    data = request.POST if request.method == "POST" else request.GET
    filters, order = filters_of(data), order_in(data)
    chosen = [each for each in everything if not each.why_not]
    context = {
        "view": view,
        "course": view.course,
        "action": wanted.value,
        "title": _title(wanted, len(chosen)) if chosen else BUTTONS[wanted],
        "sentences": _sentences(wanted) if chosen else [],
        "form": (form or TopUpForm(initial={"request_id": uuid4()}))
        if wanted == StudentAction.TOP_UP and chosen
        else None,
        "button": BUTTONS[wanted],
        "is_bad": wanted in BAD,
        "chosen": chosen,
        "left_out": [each for each in everything if each.why_not],
        "ids": ",".join(str(each.student.pk) for each in chosen),
        "hidden": _hidden(filters, order),
        "back": address(view.course, filters, order),
        "alert": alert,
    }
    return render(request, "teaching/action.html", context, status=status)


def _hidden(filters: Filters, order: str) -> list[tuple[str, str]]:
    return [*filters.params().items(), ("order", order)]


def _title(wanted: StudentAction, number: int) -> str:
    titles = {
        StudentAction.TOP_UP: ngettext(
            "Top up the budget of %(count)d student?", "Top up the budgets of %(count)d students?", number
        ),
        StudentAction.BLOCK: ngettext(
            "Block the key of %(count)d student?", "Block the keys of %(count)d students?", number
        ),
        StudentAction.UNBLOCK: ngettext(
            "Unblock the key of %(count)d student?", "Unblock the keys of %(count)d students?", number
        ),
        StudentAction.NEW_KEY: ngettext(
            "End the key of %(count)d student?", "End the keys of %(count)d students?", number
        ),
        StudentAction.REMOVE: ngettext(
            "Remove %(count)d student from the course?", "Remove %(count)d students from the course?", number
        ),
    }
    return titles[wanted] % {"count": number}


def _sentences(wanted: StudentAction) -> list[str]:
    mail_words = _("Each of them with an account gets a mail that says so.")
    return {
        StudentAction.TOP_UP: [
            _("Their keys can spend so much more. The budget of the course in all stays as it is."),
            _("The gateway has it within a minute."),
            mail_words,
        ],
        StudentAction.BLOCK: [_("The gateway refuses their keys until you unblock them."), mail_words],
        StudentAction.UNBLOCK: [_("The gateway accepts their keys again."), mail_words],
        StudentAction.NEW_KEY: [
            _(
                "Their keys stop working at once. On the page of the course they can get another, with the rest of "
                "the budget."
            ),
            mail_words,
        ],
        StudentAction.REMOVE: [_("Their keys stop working at once, and the course is no longer on their pages.")],
    }[wanted]


def _done_words(wanted: StudentAction, number: int) -> str:
    words = {
        StudentAction.BLOCK: ngettext("%(count)d key is blocked.", "%(count)d keys are blocked.", number),
        StudentAction.UNBLOCK: ngettext("%(count)d key works again.", "%(count)d keys work again.", number),
        StudentAction.NEW_KEY: ngettext(
            "%(count)d key has ended; the student can get another.",
            "%(count)d keys have ended; the students can get others.",
            number,
        ),
        StudentAction.REMOVE: ngettext(
            "%(count)d student is removed from the course.", "%(count)d students are removed from the course.", number
        ),
    }
    return words[wanted] % {"count": number}


def _topped_up_words(number: int) -> str:
    if not number:
        return _("This form was sent twice. The budgets were topped up once.")
    words = ngettext(
        "The budget of %(count)d student is topped up; the gateway has it within a minute.",
        "The budgets of %(count)d students are topped up; the gateway has them within a minute.",
        number,
    )
    return words % {"count": number}
