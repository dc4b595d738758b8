"""Open, freeze, end or copy a course: each asks once, and says what it does."""

import uuid
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_http_methods

from accounts.audit import actor_of
from courses import services
from courses.models import Course
from courses.views.common import done, taught
from keys.models import Key
from web.request import PortalRequest

if TYPE_CHECKING:
    from django_stubs_ext import StrPromise


@dataclass(frozen=True, slots=True, kw_only=True)
class Action:
    """An action on a course, in words."""

    name: str  # of its route
    do: Callable[..., Course]
    title: "StrPromise"
    sentence: "StrPromise"
    button: "StrPromise"
    message: "StrPromise"
    counts_keys: bool = False
    is_bad: bool = False


OPEN = Action(
    name="open",
    do=services.open_course,
    title=_("Open the course?"),
    sentence=_("Its students can see it now, and get a key from its start on. It ends by itself at its end."),
    button=_("Open"),
    message=_("The course is open."),
)
FREEZE = Action(
    name="freeze",
    do=services.freeze_course,
    title=_("Freeze the course?"),
    sentence=_(
        "The gateway refuses the next call of every key of this course, until you end the freeze. Nothing is "
        "lost, and no one gets a new key meanwhile."
    ),
    button=_("Freeze"),
    message=_("The course is being frozen."),
    counts_keys=True,
)
THAW = Action(
    name="thaw",
    do=services.thaw_course,
    title=_("End the freeze?"),
    sentence=_("The keys of this course work again, except those that are paused or that somebody has blocked."),
    button=_("End the freeze"),
    message=_("The keys are being unblocked."),
    counts_keys=True,
)
END = Action(
    name="end",
    do=services.end_course,
    title=_("End the course for good?"),
    sentence=_("All its keys are deleted, and the course cannot be opened again. What was spent stays visible."),
    button=_("End the course"),
    message=_("The course has ended. Its keys are being deleted."),
    counts_keys=True,
    is_bad=True,
)
COPY = Action(
    name="copy",
    do=services.copy_course,
    title=_("Copy the course for next year?"),
    sentence=_("You get a draft with the same settings, teachers and presets, 52 weeks later, without students."),
    button=_("Copy"),
    message=_("This is the copy. Check its dates, then open it."),
)


def _ask(request: PortalRequest, course_id: uuid.UUID, action: Action) -> HttpResponse:
    """Ask for a confirmation; on POST, act, and show the course, or its copy."""
    course = taught(request, course_id)
    result: list[Course] = []

    def do() -> str:
        result.append(action.do(course=course, actor=actor_of(request)))
        return str(action.message)

    if request.method == "POST":
        return done(request, course, action.name, do, lambda: redirect("courses:course", result[0].pk))
    context = {"course": course, "action": action, "keys": _keys_words(course) if action.counts_keys else ""}
    return render(request, "courses/confirm.html", context)


def _keys_words(course: Course) -> str:
    number = Key.objects.filter(team=course.team, state=Key.State.ACTIVE).count()
    words: Any = ngettext("This is about %(number)d key.", "This is about %(number)d keys.", number)
    return str(words % {"number": number})


def _confirmed(action: Action) -> Callable[[PortalRequest, uuid.UUID], HttpResponse]:
    """Return the view of an action: it asks once, and on POST it acts."""

    @require_http_methods(["GET", "HEAD", "POST"])
    def view(request: PortalRequest, course_id: uuid.UUID) -> HttpResponse:
        return _ask(request, course_id, action)

    return view


open_it, freeze, thaw, end, copy = map(_confirmed, (OPEN, FREEZE, THAW, END, COPY))
