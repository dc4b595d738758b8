"""The explorer's view as a file: the numbers of the chart and of all lines of the table, as the URL has them."""

from collections.abc import Iterator
from decimal import Decimal
from typing import Final

from django.http import StreamingHttpResponse
from django.views.decorators.gzip import gzip_page
from django.views.decorators.http import require_safe

from usage.explorer_view import view_of
from usage.pages import Page
from usage.queries.explorer import Exploration
from usage.queries.labels import Asked, Explored, Label, explored
from usage.queries.metrics import Amount
from usage.templatetags.usage_chart import part_words
from usage.views.columns import column_labels, row_labels
from usage.views.common import everybody, interns, mine
from web.currency_columns import with_currency
from web.request import PortalRequest
from web.spreadsheet import Cell, Format, Row, csv_response, format_of

COLUMNS: Final = {
    "spend": "spend_usd",
    "requests": "requests",
    "failed": "failed_requests",
    "failed-share": "failed_share",
    "tokens-in": "prompt_tokens",
    "tokens-out": "completion_tokens",
    "cached": "cache_read_tokens",
    "response": "mean_response_s",
    "people": "people",
    "keys": "keys",
}
DIGITS: Final = 4  # of a mean or a share


@require_safe
@gzip_page
def of_mine(request: PortalRequest) -> StreamingHttpResponse:
    """Return the view of My usage."""
    return _file(request, mine(request), "usage")


@require_safe
@gzip_page
def of_interns(request: PortalRequest) -> StreamingHttpResponse:
    """Return the view of My interns."""
    return _file(request, interns(request), "interns")


@require_safe
@gzip_page
def of_everyone(request: PortalRequest) -> StreamingHttpResponse:
    """Return the view of Everyone."""
    return _file(request, everybody(request), "everyone")


def _file(request: PortalRequest, page: Page, what: str) -> StreamingHttpResponse:
    question, form = view_of(request.GET, page).question, format_of(request)
    found = explored(Asked(question=question, limit=None), page.scope, page.period)
    names = ("part", "day", "name", COLUMNS[question.metric], "share", "before", "owner")
    header = [*map(column_labels(form), names)]
    if question.metric == "spend":
        names = (*names[:-2], "before_usd", "owner")
        header[-2] = column_labels(form)("before_usd") if form.for_people else "before"
    file_name = f"passerelle-{what}-{question.metric}-by-{question.split}"
    ends = f"{page.period.first_day}-to-{page.period.last_day}"
    return csv_response(f"{file_name}-{ends}.csv", with_currency(names, _rows(header, found, form)), form)


def _rows(header: Row, found: Explored, form: Format) -> Iterator[Row]:
    """Return the rows, with their texts: they are sent when the request, and its language, may be over."""
    numbers, label_for = found.numbers, row_labels(form)
    names = {part: _name(label, numbers.question.split, form) for part, label in found.labels.items()}
    parts = [names[line.part] for line in numbers.top]
    parts += [label_for("(others)")] * (len(numbers.series) - len(parts))
    kinds = [label_for(text) for text in ("total", "interval", "interval and part", numbers.question.split)]
    return _generated(header, found, names, parts, kinds)


def _generated(
    header: Row, found: Explored, names: dict[tuple[object, ...], str], parts: list[str], kinds: list[str]
) -> Iterator[Row]:
    numbers, (total, interval, interval_and_part, part) = found.numbers, kinds
    yield header
    yield (total, "", "", _cell(numbers, numbers.total), "", _cell(numbers, numbers.before), "")
    for place, bucket in enumerate(numbers.buckets):
        of_all = numbers.totals[place]
        for name, series in zip(parts, numbers.series, strict=True):
            yield (interval_and_part, bucket, name, *_amount(numbers, series[place], of_all), "", "")
        before = numbers.before_totals[place] if place < len(numbers.before_totals) else Amount()
        yield (interval, bucket, "", _cell(numbers, of_all), "", _cell(numbers, before), "")
    for line in numbers.lines:
        before_cell = None if line.before is None else _cell(numbers, line.before)
        amount = _amount(numbers, line.amount, numbers.total)
        yield (part, "", names[line.part], *amount, before_cell, found.labels[line.part].about)


def _name(label: Label, split: str, form: Format) -> str:
    return part_words(label.text, split) if form.for_people else label.text or label.value


def _amount(found: Exploration, amount: Amount, of_all: Amount) -> tuple[Cell, Cell]:
    """Return the value, and its share where the parts add up."""
    share = round(float(amount.top) / float(of_all.top), DIGITS) if found.metric.adds_up and of_all.top else ""
    return _cell(found, amount), share


def _cell(found: Exploration, amount: Amount) -> Cell:
    value = found.value(amount)
    if found.question.metric == "spend":
        return Decimal(value or 0)
    return round(value, DIGITS) if isinstance(value, float) else value
