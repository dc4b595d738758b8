"""The list of all courses, for admins: a page, its region, and a file."""

from collections.abc import Iterator, Mapping
from typing import Final
from urllib.parse import urlencode

from django.core.exceptions import PermissionDenied
from django.http import HttpResponse, StreamingHttpResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy
from django.views.decorators.gzip import gzip_page
from django.views.decorators.http import require_safe

from courses.models import Course
from teaching.course_listing import DEFAULT_ORDER, ORDERS, ListedCourse, course_page, filters_of, found_courses
from usage.models import utc_today
from usage.queries.access import PageAccess, page_access
from web.currency_columns import with_currency
from web.pages import render_region
from web.request import PortalRequest
from web.spreadsheet import Row, csv_response, format_of

MAX_PAGE_DIGITS: Final = 6
HEADS: Final = {
    "name": _("Course"),
    "students": _("Students"),
    "start": _("Start"),
    "end": pgettext_lazy("of a course", "End"),
    "spend": _("Spend"),
    "forecast": _("Forecast"),
}
COLUMNS: Final = {
    "course": _("Course"),
    "code": pgettext_lazy("of a course", "Code"),
    "teachers": _("Teachers"),
    "state": _("State"),
    "students": _("Students"),
    "max_students": _("Students at most"),
    "start": _("Start"),
    "end": pgettext_lazy("of a course", "End"),
    "budget_usd": _("Budget (USD)"),
    "spend_usd": _("Spend (USD)"),
    "forecast_usd": _("Forecast (USD)"),
    "cost_centre": _("Cost centre"),
}


@require_safe
@gzip_page
def courses(request: PortalRequest) -> HttpResponse:
    """Show all courses within the filters of the URL."""
    access, filters, order = _require_sight(request), filters_of(request.GET), _order_in(request.GET)
    page = course_page(filters, order, _number(request), access.state, timezone.now())
    context = {
        "access": access,
        "here": "teaching:courses",
        "filters": filters,
        "order": order,
        "page": page,
        "states": Course.State.choices,
        "columns": [_head(filters, order, name) for name in HEADS],
        "csv_for_people": _address(filters, order, route="teaching:courses_csv", **{"for": "people"}),
        "csv_address": _address(filters, order, route="teaching:courses_csv"),
        "previous": page.previous and _address(filters, order, page=page.previous),
        "next": page.next and _address(filters, order, page=page.next),
    }
    response = render_region(request, "teaching/courses.html", "panel", context)
    if request.htmx:
        response["HX-Push-Url"] = _address(filters, order, page=page.number if page.number > 1 else None)
    return response


@require_safe
@gzip_page
def courses_csv(request: PortalRequest) -> StreamingHttpResponse:
    """Return the whole list, with the filters and in the order of the page."""
    access, form = _require_sight(request), format_of(request)
    found = found_courses(filters_of(request.GET), _order_in(request.GET), access.state, timezone.now())
    header = [str(words) if form.for_people else name for name, words in COLUMNS.items()]
    rows = _rows(header, found, for_people=form.for_people)
    return csv_response(f"passerelle-courses-{utc_today()}.csv", with_currency([*COLUMNS], rows), form)


def _rows(header: Row, found: list[ListedCourse], *, for_people: bool) -> Iterator[Row]:
    yield header
    for each in found:
        course, pace = each.course, each.pace
        state = str(course.get_state_display()) if for_people else course.state
        yield (
            *(course.name, course.code, ", ".join(each.teachers), state, each.students, course.max_students),
            *(course.starts_at.isoformat(), course.team.ends_at.isoformat()),
            *(
                pace.budget_usd,
                pace.spent_usd,
                round(pace.projected_usd, 4) if pace.is_known else "",
                course.cost_centre,
            ),
        )


def _require_sight(request: PortalRequest) -> PageAccess:
    """Return the access of a person who sees all courses; refuse the others."""
    access = page_access(request.user)
    if not access.sees_courses:
        raise PermissionDenied
    return access


def _order_in(params: Mapping[str, str]) -> str:
    order = params.get("order", "")
    return order if order.removeprefix("-") in ORDERS else DEFAULT_ORDER


def _number(request: PortalRequest) -> int:
    text = request.GET.get("page", "")
    return int(text) if len(text) < MAX_PAGE_DIGITS and text.isdecimal() else 1


def _address(filters: Mapping[str, str], order: str, *, route: str = "teaching:courses", **more: object) -> str:
    """Return a URL of the list; the default order and None values stay out of it."""
    params = {**filters, "order": order if order != DEFAULT_ORDER else None, **more}
    query = urlencode({name: value for name, value in params.items() if value not in (None, "")})
    return f"{reverse(route)}?{query}" if query else reverse(route)


def _head(filters: Mapping[str, str], order: str, name: str) -> dict[str, object]:
    """Return the header of a sortable column; a second click reverses the order."""
    is_sorted = order.removeprefix("-") == name
    first = name if name == "name" else f"-{name}"
    turned = order.removeprefix("-") if order.startswith("-") else f"-{order}"
    return {
        "name": name,
        "words": HEADS[name],
        "sorted": ("descending" if order.startswith("-") else "ascending") if is_sorted else "",
        "there": _address(filters, turned if is_sorted else first),
        "numeric": name in ("students", "spend", "forecast"),
    }
