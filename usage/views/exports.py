"""Files: what a page shows, and the facts it is based on. Each requires the same rights as its page."""

from collections.abc import Iterable, Iterator
from datetime import date
from itertools import chain
from typing import Final, cast

from django.http import StreamingHttpResponse
from django.views.decorators.gzip import gzip_page
from django.views.decorators.http import require_safe

from usage.pages import Page
from usage.queries.cached import overview_of, people_behind
from usage.queries.export import COLUMNS, fact_rows
from usage.queries.overview import Overview, Share
from usage.queries.people import Person, in_order
from usage.queries.sums import Sums
from usage.views.columns import LabelFor, column_labels, row_labels
from usage.views.common import everybody, interns, mine
from usage.views.pages import order_of
from web.currency import day_rates
from web.currency_columns import with_currency
from web.request import PortalRequest
from web.spreadsheet import Format, Row, csv_response, format_of

SUMS: Final = ("spend_usd", "requests", "failed_requests", "prompt_tokens", "completion_tokens", "mean_response_s")
OF_PAGE: Final = ("part", "day", "name", *SUMS, "owner")
OF_PEOPLE: Final = ("person", "name", "groups", *SUMS, "live_keys", "last_use")
DAY: Final = COLUMNS.index("day")


@require_safe
@gzip_page
def page_of_mine(request: PortalRequest) -> StreamingHttpResponse:
    """Return the numbers of My usage."""
    return _shown(request, mine(request), "usage")


@require_safe
@gzip_page
def facts_of_mine(request: PortalRequest) -> StreamingHttpResponse:
    """Return the facts of My usage."""
    return _facts(request, mine(request), "facts")


@require_safe
@gzip_page
def page_of_interns(request: PortalRequest) -> StreamingHttpResponse:
    """Return the numbers of My interns."""
    return _shown(request, interns(request), "interns")


@require_safe
@gzip_page
def facts_of_interns(request: PortalRequest) -> StreamingHttpResponse:
    """Return the facts of My interns."""
    return _facts(request, interns(request), "interns-facts")


@require_safe
@gzip_page
def page_of_everyone(request: PortalRequest) -> StreamingHttpResponse:
    """Return the numbers of Everyone, with all pages of people."""
    page, form = everybody(request), format_of(request)
    numbers, everyone = people_behind(page.scope, page.period, page.access.state)
    people_rows = _people(in_order(everyone, order_of(request)), row_labels(form))
    rows = with_currency(OF_PAGE, chain(_rows(numbers, form), people_rows))
    return csv_response(_name(page, "everyone"), rows, form)


@require_safe
@gzip_page
def facts_of_everyone(request: PortalRequest) -> StreamingHttpResponse:
    """Return the facts of Everyone."""
    return _facts(request, everybody(request), "everyone-facts")


@require_safe
@gzip_page
def people(request: PortalRequest) -> StreamingHttpResponse:
    """Return the table of people, in the order of the page."""
    page, form = everybody(request), format_of(request)
    _numbers, everyone = people_behind(page.scope, page.period, page.access.state)
    rows = (
        (p.value, p.name, ", ".join(p.groups), *_sums(p.sums), p.live_keys, p.last_day)
        for p in in_order(everyone, order_of(request))
    )
    return csv_response(_name(page, "people"), with_currency(OF_PEOPLE, chain([_header(form, OF_PEOPLE)], rows)), form)


def _name(page: Page, what: str) -> str:
    return f"passerelle-{what}-{page.period.first_day}-to-{page.period.last_day}.csv"


def _header(form: Format, names: Iterable[str]) -> Row:
    return [*map(column_labels(form), names)]


def _facts(request: PortalRequest, page: Page, what: str) -> StreamingHttpResponse:
    form = format_of(request)
    rows = fact_rows(page.scope, page.period, row_labels(form))
    rate_of = day_rates()
    in_both = with_currency(COLUMNS, chain([_header(form, COLUMNS)], rows), lambda row: rate_of(cast("date", row[DAY])))
    return csv_response(_name(page, what), in_both, form)


def _shown(request: PortalRequest, page: Page, what: str) -> StreamingHttpResponse:
    form = format_of(request)
    numbers = overview_of(page.scope, page.period, page.access.state)
    return csv_response(_name(page, what), with_currency(OF_PAGE, _rows(numbers, form)), form)


def _rows(numbers: Overview, form: Format) -> Iterable[Row]:
    label_for = row_labels(form)
    header = _header(form, OF_PAGE)
    keys, models = _shares(label_for("key"), numbers.keys), _shares(label_for("model"), numbers.models)
    return chain([header], _totals(numbers, label_for), _days(numbers, label_for), models, keys)


def _totals(numbers: Overview, label_for: LabelFor) -> Iterator[Row]:
    yield (label_for("total"), "", "", *_sums(numbers.totals), "")
    yield (label_for("total of the period before"), "", "", *_sums(numbers.before), "")


def _days(numbers: Overview, label_for: LabelFor) -> Iterator[Row]:
    """Yield a row for each day and model of the chart, and one for the day."""
    names = [label_for("(other models)") if name is None else name for name in numbers.series]
    nothing = [""] * len(SUMS)
    for day in numbers.days:
        for name, usd in zip(names, day.parts_usd, strict=True):
            yield (label_for("day and model"), day.day, name, usd, *nothing)
        yield (label_for("day"), day.day, "", day.spend_usd, *nothing)


def _shares(part: str, shares: Iterable[Share]) -> Iterator[Row]:
    for share in shares:
        yield (part, share.last_day, share.label, *_sums(share.sums), share.owner)


def _people(found: Iterable[Person], label_for: LabelFor) -> Iterator[Row]:
    for person in found:
        yield (label_for("person"), person.last_day, person.value, *_sums(person.sums), person.name)


def _sums(sums: Sums) -> Row:
    mean_s = "" if sums.response_s is None else round(sums.response_s, 3)
    return (
        sums.spend_usd,
        sums.requests,
        sums.failed_requests,
        sums.prompt_tokens,
        sums.completion_tokens,
        mean_s,
    )
