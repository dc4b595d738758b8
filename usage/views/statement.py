"""The statement for the accounts, as a page and as a file."""

from typing import Final

from django.core.paginator import Paginator
from django.http import HttpResponse, StreamingHttpResponse
from django.shortcuts import render
from django.views.decorators.gzip import gzip_page
from django.views.decorators.http import require_safe

from usage.models import utc_today
from usage.queries.statement import Entry, first_year, statement, total_of
from usage.views.columns import column_labels
from usage.views.common import require
from web.currency import has_dated_rates, present_rate
from web.money import exact_usd
from web.request import PortalRequest
from web.spreadsheet import csv_response, format_of

OLDEST: Final = 2000
PER_PAGE: Final = 500  # a year of 40 cost centres


@require_safe
@gzip_page
def page(request: PortalRequest) -> HttpResponse:
    """Show what each cost centre has spent in each month of a year."""
    access = require(request.user, lambda access: access.sees_everyone)
    year, this_year = _year(request), utc_today().year
    entries = statement(year)
    shown = Paginator(entries, PER_PAGE).get_page(request.GET.get("page"))
    context = {
        "access": access,
        "here": "usage:statement",
        "entries": shown,
        "page": {"first": shown.start_index(), "last": shown.end_index(), "count": len(entries)},
        "previous": f"?year={year}&page={shown.previous_page_number()}" if shown.has_previous() else "",
        "next": f"?year={year}&page={shown.next_page_number()}" if shown.has_next() else "",
        "total": total_of(entries, utc_today()),
        "year": year,
        "years": range(this_year, min(first_year() or this_year, year) - 1, -1),
        "rate": present_rate(),
        "is_dated": has_dated_rates(),
    }
    return render(request, "usage/statement.html", context)


@require_safe
@gzip_page
def file(request: PortalRequest) -> StreamingHttpResponse:
    """Return the statement as a file."""
    require(request.user, lambda access: access.sees_everyone)
    form, year, rate = format_of(request), _year(request), present_rate()
    names = ("month", "cost_centre", "requests", "spend_usd")
    header = [*map(column_labels(form), names)]
    if rate:
        header.append(header[-1].replace("USD", rate.currency).replace("_usd", f"_{rate.currency.lower()}"))
    rows = [_cells(entry, in_currency=rate is not None) for entry in statement(year)]
    return csv_response(f"passerelle-cost-centres-{year}.csv", [header, *rows], form)


def _cells(entry: Entry, *, in_currency: bool) -> list[object]:
    cells: list[object] = [f"{entry.month:%Y-%m}", entry.code, entry.requests, entry.spend_usd]
    return [*cells, None if entry.amount is None else exact_usd(entry.amount)] if in_currency else cells


def _year(request: PortalRequest) -> int:
    """Return the year that the URL names, or the present one."""
    text, this_year = request.GET.get("year", ""), utc_today().year
    year = int(text) if text.isascii() and text.isdecimal() and len(text) == len(str(OLDEST)) else this_year
    return year if OLDEST <= year <= this_year else this_year
