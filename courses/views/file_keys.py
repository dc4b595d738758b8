"""Keys as a file: a teacher makes them for students without accounts, and prints them as cards."""

import uuid
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Final

from django.db.models import QuerySet
from django.http import HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.text import slugify
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters, sensitive_variables
from django.views.decorators.http import require_POST, require_safe

from accounts.audit import actor_of
from accounts.models import User, owes_terms
from accounts.people_list import UnreadableList, decode
from courses.models import Course, Student
from courses.services import file_keys
from courses.services.file_keys import Line
from courses.services.joining import room_in
from courses.sheet import cards_of
from courses.student_forms import NamesForm, SheetForm
from courses.views.common import taught
from courses.views.limited import limited
from keys.models import Key
from keys.snippets import base_url
from web.request import PortalRequest
from web.spreadsheet import Row, csv_response, for_people

LINE_BY_LINE: Final = 1  # a secret is on its way before the next key is made


@require_safe
@never_cache
def file_keys_page(request: PortalRequest, course_id: uuid.UUID) -> HttpResponse:
    """List the students without accounts, and which of them have a key."""
    return render_page(request, taught(request, course_id))


def render_page(
    request: PortalRequest, course: Course, form: NamesForm | None = None, *, alert: str = "", status: int = 200
) -> HttpResponse:
    """Render the page."""
    rows = rows_of(course)
    context: dict[str, Any] = {
        "course": course,
        "form": form or NamesForm(),
        "sheet_form": SheetForm(),
        "rows": rows,
        "to_make": sum(row.key is None for row in rows),
        "made": sum(row.key is not None for row in rows),
        "is_open": file_keys.is_open(course),
        "room": room_in(course),
        "alert": alert,
    }
    return render(request, "courses/file_keys.html", context, status=status)


@dataclass(frozen=True, slots=True, kw_only=True)
class FileRow:
    """A student without an account, and the key that was made, though its record may be missing."""

    student: Student
    key: Key | None


def rows_of(course: Course) -> list[FileRow]:
    """Return the students without accounts, each with the key that was made."""
    live = Key.objects.filter(team=course.team, handed_out=True, state__in=Key.LIVE_STATES, student=None)
    made = {key.request_id: key for key in live.prefetch_related("tokens")}
    students = file_keys.in_order(course)
    return [FileRow(student=each, key=_live(each.key) or made.get(each.pk)) for each in students]


def _live(key: Key | None) -> Key | None:
    return key if key and key.state in Key.LIVE_STATES else None


@require_POST
@never_cache
@limited(render_page)
def add_names(request: PortalRequest, course: Course) -> HttpResponse:
    """Add students by name, or as many as a number says."""
    form = NamesForm(request.POST)
    if not form.is_valid():
        return render_page(request, course, form, status=422)
    file_keys.add_by_name(course=course, names=form.names(course), actor=actor_of(request))
    return redirect("courses:file_keys", course.pk)


@require_POST
@never_cache
@limited(render_page)
def make_file(request: PortalRequest, course: Course) -> HttpResponseBase:
    """Make the keys that are missing, and send them as a file while they are made."""
    file_keys.link_made_keys(course)
    students = file_keys.without_key(file_keys.in_order(course))
    if refusal := _why_not(request, course, students):
        return refusal
    file_keys.record_file(course, "course.file_made", len(students), actor_of(request))
    lines = file_keys.make_keys(students, owner=request.user, actor=actor_of(request))
    return _file(course, lines)


@require_POST
@never_cache
@limited(render_page)
def replace_file(request: PortalRequest, course: Course) -> HttpResponseBase:
    """Replace the secrets of the chosen students, and send the new ones as a file."""
    file_keys.link_made_keys(course)
    chosen = {each for each in request.POST.getlist("student") if _is_id(each)}
    students = file_keys.in_order(course).filter(pk__in=chosen, key__state=Key.State.ACTIVE)
    if refusal := _why_not(request, course, students):
        return refusal
    file_keys.record_file(course, "course.file_replaced", len(students), actor_of(request))
    return _file(course, file_keys.replace_keys(students, actor=actor_of(request)))


def _is_id(text: str) -> bool:
    try:
        uuid.UUID(text)
    except ValueError:
        return False
    return True


def _why_not(request: PortalRequest, course: Course, students: QuerySet[Student]) -> HttpResponse | None:
    """Refuse before the file begins: afterwards its status can say nothing more."""
    if not file_keys.is_open(course):
        return render_page(request, course, alert=_("Keys can be made while the course is open."), status=409)
    if not students:
        return render_page(request, course, alert=_("There is nobody to make a key for."), status=409)
    if User.objects.filter(owes_terms(request.user), pk=request.user.pk).exists():
        return render_page(request, course, alert=_("Accept the terms of use first. Nothing was created."), status=409)
    return None


@sensitive_variables("lines")
def _file(course: Course, lines: Iterable[Line]) -> HttpResponseBase:
    name = slugify(f"keys-{course.code or course.name}-{timezone.localtime():%Y%m%d-%H%M%S}")
    return csv_response(f"{name}.csv", _rows(lines), for_people(), at_once=LINE_BY_LINE)


@sensitive_variables("lines", "line")
def _rows(lines: Iterable[Line]) -> Iterator[Row]:
    yield (_("Name"), _("Key"), _("Base URL"), _("Problem"))
    url = base_url()
    for line in lines:
        yield (line.student.name, line.secret or "", url if line.secret else "", line.problem)


@require_POST
@never_cache
@sensitive_post_parameters("keys")
@sensitive_variables("text", "cards")
@limited(render_page)
def sheet(request: PortalRequest, course: Course) -> HttpResponse:
    """Make cards of a file of keys, to print and cut. Nothing of it is stored."""
    form = SheetForm(request.POST, request.FILES)
    if not form.is_valid():
        return render_page(request, course, alert=_("Choose the file of keys that you have downloaded."), status=422)
    try:
        cards = cards_of(decode(form.cleaned_data["file"].read()), course)
    except UnreadableList as error:
        return render_page(request, course, alert=str(error), status=422)
    if not cards:
        words = _("There is no key of this course in this file. Secrets that were replaced are left out.")
        return render_page(request, course, alert=words, status=422)
    context = {"course": course, "cards": cards, "base_url": base_url()}
    return render(request, "courses/sheet.html", context)
