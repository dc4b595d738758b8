"""Reports: a cohort and its use in a period, as a page that prints well and as a file."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import date
from typing import Any, Final

from django.http import HttpResponse, StreamingHttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.gzip import gzip_page
from django.views.decorators.http import require_safe

from courses.models import Course
from usage.energy import METHOD, METHOD_URL, Impact
from usage.pages import Page
from usage.queries.cached import report_of
from usage.queries.report import Report
from usage.queries.sums import Sums
from usage.views.columns import column_labels, row_labels
from usage.views.common import context_of, everybody, interns
from web.currency_columns import with_currency
from web.request import PortalRequest
from web.spreadsheet import Row, csv_response, format_of

COLUMNS: Final = (
    *("part", "name", "number", "model", "spend_usd", "requests", "failed_requests"),
    *("prompt_tokens", "completion_tokens", "low_kwh", "high_kwh", "low_kg", "high_kg"),
)


@require_safe
@gzip_page
def of_everyone(request: PortalRequest) -> HttpResponse:
    """Show the report of everybody, or of a group, a course, whatever the filters say."""
    page = replace(everybody(request), here="usage:everyone_report")
    return show(request, page, _("Usage report"), back="usage:everyone")


@require_safe
@gzip_page
def of_interns(request: PortalRequest) -> HttpResponse:
    """Show the report of a supervisor's interns."""
    title = _("Usage report: interns of %(name)s") % {"name": request.user.display_name}
    page = replace(interns(request), here="usage:interns_report")
    return show(request, page, title, back="usage:interns")


@require_safe
@gzip_page
def of_everyone_csv(request: PortalRequest) -> StreamingHttpResponse:
    """Return the report of everybody as a file."""
    return report_csv(request, everybody(request))


@require_safe
@gzip_page
def of_interns_csv(request: PortalRequest) -> StreamingHttpResponse:
    """Return the report of a supervisor's interns as a file."""
    return report_csv(request, interns(request))


def show(
    request: PortalRequest, page: Page, title: str, *, back: str, args: Sequence[Any] = (), **more: Any
) -> HttpResponse:
    """Render a report; the caller has checked the rights. `back` is the route that it is about, `args` are its own."""
    context = {
        "report": report_of(page.scope, page.period, page.access.state),
        "title": title,
        "back": reverse(back, args=args),
        "csv": reverse(f"{page.here}_csv", args=args),
        "query": request.GET.urlencode(),
        "method": METHOD,
        "method_url": METHOD_URL,
    }
    labels = (
        dict(Course.objects.filter(pk__in=page.scope.course_ids).values_list("pk", "name")) if page.scope.course else {}
    )
    about = context_of(request, page, {str(pk): name for pk, name in labels.items()})
    return render(request, "usage/report.html", {**about, **context, **more})


def report_csv(request: PortalRequest, page: Page, name: str = "report") -> StreamingHttpResponse:
    """Return a report as a file; the caller has checked the rights."""
    form = format_of(request)
    report = report_of(page.scope, page.period, page.access.state)
    header, label_for = [*map(column_labels(form), COLUMNS)], row_labels(form)
    rows = ([label_for(str(part)), *cells] for part, *cells in _rows(report))
    in_both = with_currency(COLUMNS, _with(header, rows))
    return csv_response(_file_name(name, page.period.first_day, page.period.last_day), in_both, form)


def _file_name(name: str, first: date, last: date) -> str:
    return f"passerelle-{name}-{first}-to-{last}.csv"


def _with(header: Row, rows: Iterator[Row]) -> Iterator[Row]:
    yield header
    yield from rows


def _rows(report: Report) -> Iterator[Row]:
    """Yield the total, each model, each person, and each person's models."""
    yield ("total", "", "", "", *_sums(report.totals), *_impact(report.impact))
    for model in report.models:
        yield ("model", "", "", model.name, *_sums(model.sums), *_impact(model.impact))
    for person in report.people:
        yield ("person", person.name, person.number, "", *_sums(person.sums), *_impact(None))
        for model in person.models:
            yield ("person and model", person.name, person.number, model.name, *_sums(model.sums), *_impact(None))


def _sums(sums: Sums) -> Row:
    return (sums.spend_usd, sums.requests, sums.failed_requests, sums.prompt_tokens, sums.completion_tokens)


def _impact(impact: Impact | None) -> Row:
    """Return the range in four significant digits; nothing where nothing is known."""
    if impact is None:
        return (None,) * 4
    return [float(f"{value:.4g}") for value in (impact.low_kwh, impact.high_kwh, impact.low_kg, impact.high_kg)]
