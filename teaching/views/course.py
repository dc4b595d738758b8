"""A course's students and their use, with pictures: a page, its region, and files."""

from collections.abc import Iterator, Mapping
from typing import Any, Final
from urllib.parse import urlencode
from uuid import UUID

from django.http import HttpResponse, StreamingHttpResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy
from django.views.decorators.gzip import gzip_page
from django.views.decorators.http import require_safe

from courses.models import Course
from teaching.hours import hours_by_day
from teaching.listing import (
    DEFAULT_ORDER,
    ORDERS,
    STATES,
    Filters,
    Line,
    all_lines,
    filters_of,
    found_lines,
    in_order,
    student_page,
)
from teaching.pictures import failures_in_words, forecast_of
from teaching.views.common import CourseView, course_seen_by, period_of_course
from usage.models import utc_today
from usage.queries.cached import course_overview_of
from usage.queries.scope import Scope
from usage.views.columns import column_labels
from web.currency_columns import with_currency
from web.pages import render_region
from web.request import PortalRequest
from web.spreadsheet import Row, csv_response, format_of

MAX_PAGE_DIGITS: Final = 6
COLUMNS: Final = (
    *("name", "email", "number", "state", "budget_usd", "spend_usd", "requests", "failed_requests"),
    *("prompt_tokens", "completion_tokens", "last_use"),
)
STATE_WORDS: Final = {
    "invited": pgettext_lazy("student", "Invited"),
    "no_key": pgettext_lazy("student", "No key"),
    "playground": pgettext_lazy("student", "Playground only"),
    "unused": pgettext_lazy("student", "Has a key"),
    "used": pgettext_lazy("student", "Used it"),
    "used_up": pgettext_lazy("student", "Used up"),
    "blocked": pgettext_lazy("student", "Blocked"),
    "left": pgettext_lazy("student", "Left"),
}
HEADS: Final = {
    "name": _("Student"),
    "state": _("State"),
    "spend": _("Spend"),
    "requests": _("Requests"),
    "failed": _("Failed"),
    "last": _("Last use"),
}


@require_safe
@gzip_page
def course(request: PortalRequest, course_id: UUID) -> HttpResponse:
    """Show how a course goes: its budget, its students, its days."""
    view = course_seen_by(request, course_id)
    context = context_of_course(request, view)
    response = render_region(request, "teaching/course.html", "panel", context)
    if request.htmx:
        filters, order, page = context["filters"], context["order"], context["page"]
        response["HX-Push-Url"] = address(view.course, filters, order, page=page.number if page.number > 1 else None)
    return response


def context_of_course(request: PortalRequest, view: CourseView) -> dict[str, Any]:
    """Return the context of the page."""
    course, state = view.course, view.access.state
    filters, order = filters_of(request.GET), order_in(request.GET)
    period = period_of_course(course)
    numbers = course_overview_of(course.team_id, Scope(course=str(course.pk)), period, state)
    page = student_page(course, filters, order, _number(request), state)
    hours = hours_by_day(course, numbers.hours)
    days_usd = {day.day: day.spend_usd for day in numbers.overview.days if day.spend_usd}
    return {
        "view": view,
        "course": course,
        "access": view.access,
        "here": "teaching:course",
        "period": period,
        "today": utc_today(),
        "numbers": numbers.overview,
        "days": numbers.days,
        "most_active": max((day.active for day in numbers.days), default=0),
        "forecast": forecast_of(course, days_usd, state.last_ok_at or timezone.now()),
        "hours": hours,
        "failures": failures_in_words(course, page, numbers.days, hours),
        "filters": filters,
        "order": order,
        "page": page,
        "counts": [(name, STATE_WORDS[name], page.states.get(name, 0)) for name in STATES],
        "state_words": STATE_WORDS,
        "columns": [_head(course, filters, order, name) for name in HEADS],
        "hidden": {**filters.params(), **({"order": order} if order != DEFAULT_ORDER else {})}.items(),
        "csv_for_people": address(course, filters, order, route="teaching:students_csv", **{"for": "people"}),
        "csv_address": address(course, filters, order, route="teaching:students_csv"),
        "previous": page.previous and address(course, filters, order, page=page.previous),
        "next": page.next and address(course, filters, order, page=page.next),
    }


@require_safe
@gzip_page
def students_csv(request: PortalRequest, course_id: UUID) -> StreamingHttpResponse:
    """Return all students, with the filters and in the order of the page."""
    view, form = course_seen_by(request, course_id), format_of(request)
    lines = in_order(
        found_lines(all_lines(view.course, view.access.state), filters_of(request.GET)), order_in(request.GET)
    )
    states = {name: str(words) if form.for_people else name for name, words in STATE_WORDS.items()}
    header = [*map(column_labels(form), COLUMNS)]
    rows = with_currency(COLUMNS, _rows(header, lines, states))
    return csv_response(f"passerelle-course-{utc_today()}.csv", rows, form)


def _rows(header: Row, lines: list[Line], states: Mapping[str, str]) -> Iterator[Row]:
    yield header
    for line in lines:
        sums = line.sums
        yield (
            *(line.name, line.email, line.number, states[line.state], line.budget_usd, sums.spend_usd),
            *(sums.requests, sums.failed_requests, sums.prompt_tokens, sums.completion_tokens, line.last_day),
        )


def order_in(params: Mapping[str, str]) -> str:
    """Return the order that a URL names, or the default."""
    order = params.get("order", "")
    return order if order.removeprefix("-") in ORDERS else DEFAULT_ORDER


def address(course: Course, filters: Filters, order: str, *, route: str = "teaching:course", **more: object) -> str:
    """Return a URL of the page; the default order and None values stay out of it."""
    params = {**filters.params(), "order": order if order != DEFAULT_ORDER else None, **more}
    query = urlencode({name: value for name, value in params.items() if value not in (None, "")})
    path = reverse(route, args=[course.pk])
    return f"{path}?{query}" if query else path


def _number(request: PortalRequest) -> int:
    """Return the page number in a URL; 1 if it is invalid."""
    text = request.GET.get("page", "")
    return int(text) if len(text) < MAX_PAGE_DIGITS and text.isdecimal() else 1


def _head(course: Course, filters: Filters, order: str, name: str) -> dict[str, object]:
    """Return the header of a sortable column; a second click reverses the order."""
    is_sorted = order.removeprefix("-") == name
    first = name if name in ("name", "state") else f"-{name}"  # names from A, numbers from the largest
    turned = order.removeprefix("-") if order.startswith("-") else f"-{order}"
    return {
        "name": name,
        "words": HEADS[name],
        "sorted": ("descending" if order.startswith("-") else "ascending") if is_sorted else "",
        "there": address(course, filters, turned if is_sorted else first),
        "numeric": name in ("spend", "requests", "failed"),
        "hidden_on_phones": name in ("requests", "failed", "last"),
    }
