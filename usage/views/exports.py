"""Files: what a page shows, and the facts behind it. Each asks for the same rights as its page."""

from collections.abc import Iterable, Iterator
from itertools import chain
from typing import Final

from django.http import StreamingHttpResponse
from django.views.decorators.gzip import gzip_page
from django.views.decorators.http import require_safe

from usage.queries.cached import overview_of, people_behind
from usage.queries.export import COLUMNS, fact_rows
from usage.queries.overview import Overview, Share
from usage.queries.people import Person, in_order
from usage.queries.sums import Sums
from usage.views.frame import Page, everybody, interns, mine
from usage.views.pages import order_of
from usage.views.spreadsheet import Row, csv_response
from web.request import PortalRequest

SUMS: Final = ("spend_usd", "requests", "failed_requests", "prompt_tokens", "completion_tokens", "mean_response_s")


@require_safe
@gzip_page
def page_of_mine(request: PortalRequest) -> StreamingHttpResponse:
    """Return what My usage shows."""
    return _shown(mine(request), "usage")


@require_safe
@gzip_page
def facts_of_mine(request: PortalRequest) -> StreamingHttpResponse:
    """Return the facts behind My usage."""
    return _facts(mine(request), "facts")


@require_safe
@gzip_page
def page_of_interns(request: PortalRequest) -> StreamingHttpResponse:
    """Return what My interns shows."""
    return _shown(interns(request), "interns")


@require_safe
@gzip_page
def facts_of_interns(request: PortalRequest) -> StreamingHttpResponse:
    """Return the facts behind My interns."""
    return _facts(interns(request), "interns-facts")


@require_safe
@gzip_page
def page_of_everyone(request: PortalRequest) -> StreamingHttpResponse:
    """Return what Everyone shows, its people on all their pages."""
    page = everybody(request)
    numbers, everyone = people_behind(page.scope, page.period, page.frame.state)
    return csv_response(_name(page, "everyone"), chain(_rows(numbers), _people(in_order(everyone, order_of(request)))))


@require_safe
@gzip_page
def facts_of_everyone(request: PortalRequest) -> StreamingHttpResponse:
    """Return the facts behind Everyone."""
    return _facts(everybody(request), "everyone-facts")


@require_safe
@gzip_page
def people(request: PortalRequest) -> StreamingHttpResponse:
    """Return the table of people, in the order of the page."""
    page = everybody(request)
    _numbers, everyone = people_behind(page.scope, page.period, page.frame.state)
    header = ("person", "name", "groups", *SUMS, "live_keys", "last_use")
    rows = (
        (p.value, p.name, ", ".join(p.groups), *_sums(p.sums), p.live_keys, p.last_day)
        for p in in_order(everyone, order_of(request))
    )
    return csv_response(_name(page, "people"), chain([header], rows))


def _name(page: Page, what: str) -> str:
    return f"passerelle-{what}-{page.period.first_day}-to-{page.period.last_day}.csv"


def _facts(page: Page, what: str) -> StreamingHttpResponse:
    return csv_response(_name(page, what), chain([COLUMNS], fact_rows(page.scope, page.period)))


def _shown(page: Page, what: str) -> StreamingHttpResponse:
    return csv_response(_name(page, what), _rows(overview_of(page.scope, page.period, page.frame.state)))


def _rows(numbers: Overview) -> Iterator[Row]:
    yield from _totals(numbers)
    yield from _days(numbers)
    yield from _shares("model", numbers.models)
    yield from _shares("key", numbers.keys)


def _totals(numbers: Overview) -> Iterator[Row]:
    yield ("part", "day", "name", *SUMS)
    yield ("total", "", "", *_sums(numbers.totals))
    yield ("total of the period before", "", "", *_sums(numbers.before))


def _days(numbers: Overview) -> Iterator[Row]:
    """Yield a row for each day and model of the chart, and one for the day."""
    names = ["(other models)" if name is None else name for name in numbers.series]
    for day in numbers.days:
        for name, usd in zip(names, day.parts_usd, strict=True):
            yield ("day and model", day.day, name, usd, *[""] * (len(SUMS) - 1))
        yield ("day", day.day, "", day.spend_usd, *[""] * (len(SUMS) - 1))


def _shares(part: str, shares: Iterable[Share]) -> Iterator[Row]:
    for share in shares:
        yield (part, share.last_day, share.label, *_sums(share.sums))


def _people(found: Iterable[Person]) -> Iterator[Row]:
    for person in found:
        yield ("person", person.last_day, person.value, *_sums(person.sums))


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
