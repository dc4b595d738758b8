"""The explorer's chart, drawn by the server: bars or lines of each part, with their numbers as titles.

Only the plot is stretched to its place; the words around it are HTML, so that they are legible on a phone.
"""

from collections.abc import Iterator, Sequence
from datetime import date
from functools import cache, lru_cache
from itertools import accumulate
from typing import Any, Final

from django import template
from django.utils import formats
from django.utils.html import escape
from django.utils.safestring import SafeString
from django.utils.translation import get_language
from django.utils.translation import gettext as _

from usage.queries.explorer import Exploration
from usage.queries.labels import Label
from usage.queries.metrics import Amount, Number
from usage.queries.scope import joined, values_of
from usage.templatetags.usage_parts import address
from usage.templatetags.usage_words import month_and_year, percent, seconds
from web.amounts import unit, usd, usd_number
from web.templatetags.portal import NO_BREAK_SPACE, day, short_day, tokens

register = template.Library()

HEIGHT: Final = 240
MOST_TICKS: Final = 6  # under the plot
GAP: Final = 0.18  # of a bar's place
Points = list[float | None]


@register.filter
def number_of(value: Number | None, metric: str) -> str:
    """Return a number of a metric, without its unit."""
    if value is None:
        return "–"
    if metric == "spend":
        return usd_number(value)
    if metric == "failed-share":
        return percent(float(value))
    return seconds(float(value)) if metric == "response" else tokens(int(value))


@register.filter
def unit_of(metric: str) -> str:
    """Return the unit of a metric; most are numbers without one."""
    return {"spend": unit(), "response": "s"}.get(metric, "")


@register.filter
def amount_of(value: Number | None, metric: str) -> str:
    """Return a number of a metric, with its unit."""
    return f"{number_of(value, metric)} {unit_of(metric)}".strip()


@register.filter
def part_words(text: str, split: str) -> str:
    """Return the name of a part of a split; what has none is named, too."""
    if text:
        return text
    nothing = {
        "model": _("no model"),
        "provider": _("no provider"),
        "person": _("Unattributed"),
        "group": _("no group"),
        "supervisor": _("no supervisor"),
        "course": _("no course"),
        "cost_centre": _("no cost centre"),
        "key": _("unnamed"),
        "kind": _("key not known"),
    }
    return nothing[split]


@register.filter
def bucket_words(first: date, step: str) -> str:
    """Return a day with its weekday, "week of 3 March", or a month."""
    return _bucket_words(first, step, get_language())


@lru_cache(maxsize=4096)  # a chart has each of its days twice
def _bucket_words(first: date, step: str, _language: str | None) -> str:
    """Return the words of a bucket in a language, which must be the present one."""
    if step == "month":
        return month_and_year(first)
    if step == "week":
        return _("week of %(day)s") % {"day": short_day(first)}
    return f"{formats.date_format(first, 'D')} {day(first)}"


@register.simple_tag
def explorer_ticks(found: Exploration) -> list[str]:
    """Return some of the days, for the axis."""
    step, count = found.question.step, len(found.buckets)
    places = (
        range(count)
        if count <= MOST_TICKS
        else [round(at * (count - 1) / (MOST_TICKS - 1)) for at in range(MOST_TICKS)]
    )
    words = bucket_words if step == "month" else lambda first, _step: short_day(first)
    return [words(found.buckets[place], step) for place in places]


@register.simple_tag(takes_context=True)
def explorer_plot(context: template.Context, found: Exploration, display: str) -> dict[str, Any]:
    """Return the plot, and the numbers of its scale: the top and the middle."""
    legend = context["legend"]
    names = [part_words(row.label.text, found.question.split) for row in legend]
    colours = [row.colour for row in legend]
    if len(found.series) > len(names):
        names, colours = [*names, _("others")], [*colours, 0]
    drawn = _Plot(found, display, names, colours)
    return {"svg": SafeString(drawn.svg()), "top": drawn.scale(1), "middle": drawn.scale(0.5)}  # its texts are escaped


class _Plot:
    """The drawing of an exploration."""

    def __init__(self, found: Exploration, display: str, names: list[str], colours: list[int]) -> None:
        self.found, self.display, self.names, self.colours = found, display, names, colours
        unit_ = unit_of(found.question.metric)
        self.suffix = f" {unit_}" if unit_ else ""
        self.series = [self._points(series) for series in found.series]
        self.before = self._points(found.before_totals) if found.question.compare and display != "share" else []
        self.totals = self._points(found.totals)
        self.highest = 1.0 if display == "share" else self._highest()

    def _points(self, amounts: Sequence[Amount]) -> Points:
        values = [self.found.value(amount) for amount in amounts]
        if self.display == "cumulative":
            return list(accumulate(float(value or 0) for value in values))
        return [None if value is None else float(value) for value in values]

    def _highest(self) -> float:
        stacked = self.display == "stacked"
        bars = (
            [sum(max(0, value or 0) for value in column) for column in zip(*self.series, strict=True)]
            if stacked
            else []
        )
        lines = [value for points in ([] if stacked else self.series) for value in points]
        others = [*self.before, *(self.totals if self.display == "cumulative" else [])]
        return max((float(value) for value in (*bars, *lines, *others) if value), default=0) or 1.0

    def scale(self, share: float) -> str:
        """Return the number at this share of the height."""
        value = self.highest * share
        if self.display == "share":
            return f"{round(100 * share)}{NO_BREAK_SPACE}%"
        metric = self.found.question.metric
        return usd(value) if metric == "spend" else amount_of(value, metric)

    def svg(self) -> str:
        """Return the drawing."""
        parts = self._bars() if self.display in ("stacked", "share") else self._lines()
        width = len(self.found.buckets)
        grid = "".join(f'<path class="grid" d="M0 {HEIGHT * at / 2:g}h{width}"/>' for at in range(3))
        return (
            f'<svg class="ps-plot" viewBox="0 0 {width} {HEIGHT}" preserveAspectRatio="none" '
            f'role="img" aria-labelledby="usage-per-day">{grid}{"".join(parts)}</svg>'
        )

    def _bars(self) -> Iterator[str]:
        """Yield a column for each bucket: what is below zero, as a correction is, has no bar."""
        for place, column in enumerate(zip(*self.series, strict=True)):
            positive = [max(0.0, value or 0) for value in column]
            whole = sum(positive) if self.display == "share" else self.highest
            yield f"<g><title>{self._title(place)}</title>"
            yield f'<rect class="place" x="{place}" y="0" width="1" height="{HEIGHT}"/>'
            base = float(HEIGHT)
            for at, value in enumerate(positive):
                if value and whole:
                    height = HEIGHT * value / whole
                    base -= height
                    yield (
                        f'<rect class="c{self.colours[at]}" data-part="{at}" x="{place + GAP / 2:g}" y="{base:.2f}" '
                        f'width="{1 - GAP:g}" height="{height:.2f}"/>'
                    )
            yield "</g>"
        yield self._line(self.before, "before", "")

    def _lines(self) -> Iterator[str]:
        """Yield columns that have titles, and a line for each part over them."""
        for place in range(len(self.found.buckets)):
            yield f"<g><title>{self._title(place)}</title>"
            yield f'<rect class="place" x="{place}" y="0" width="1" height="{HEIGHT}"/></g>'
        for at, points in enumerate(self.series):
            yield self._line(points, f"c{self.colours[at]}", f'data-part="{at}"')
        if self.display == "cumulative":
            yield self._line(self.totals, "total", "")
        yield self._line(self.before, "before", "")

    def _line(self, points: Points, name: str, data: str) -> str:
        """Return a line through the middles of the buckets; it breaks where there is no number."""
        steps, joined = [], False
        for place, value in enumerate(points):
            if value is None:
                joined = False
                continue
            steps.append(
                f"{'L' if joined else 'M'}{place + 0.5:g} {HEIGHT - HEIGHT * max(0.0, value) / self.highest:.2f}h0"
            )
            joined = True
        return f'<path class="line {name}" {data} d="{"".join(steps)}"/>' if steps else ""

    def _title(self, place: int) -> str:
        """Return the bucket and the whole of it, then a line for each part that is not nothing."""
        words = bucket_words(self.found.buckets[place], self.found.question.step)
        metric, value, suffix = self.found.question.metric, self.found.value, self.suffix
        lines = [f"{words}: {number_of(value(self.found.totals[place]), metric)}{suffix}"]
        for name, series in zip(self.names, self.found.series, strict=True):
            amount = series[place]
            if amount.top and (number := value(amount)):
                lines.append(f"{name}: {number_of(number, metric)}{suffix}{self._share(amount, place)}")
        return escape("\n".join(lines))

    def _share(self, amount: Amount, place: int) -> str:
        """Return a part's share of the whole, where the parts add up to it."""
        total = self.found.totals[place].top
        return f", {percent(float(amount.top) / float(total))}" if self.found.metric.adds_up and total else ""


@register.simple_tag
def bucket_rows(found: Exploration) -> SafeString:
    """Render the table under the chart; format_html takes ten times as long a cell."""
    metric, rows = found.question.metric, []
    written = cache(lambda amount: f'<td class="num">{number_of(found.value(amount), metric)}</td>')  # most are zero
    for bucket, *amounts in zip(found.buckets, *found.series, found.totals, strict=True):
        words = escape(bucket_words(bucket, found.question.step))
        rows.append(f'<tr><th scope="row">{words}</th>{"".join(map(written, amounts))}</tr>')
    return SafeString("".join(rows))


@register.simple_tag
def explorer_total(found: Exploration) -> dict[str, str]:
    """Return the whole of the period, and of the one before."""
    metric = found.question.metric
    return {"now": number_of(found.value(found.total), metric), "before": number_of(found.value(found.before), metric)}


@register.simple_tag(takes_context=True)
def part_link(context: template.Context, row: Any, *, in_legend: bool = False) -> SafeString:
    """Render a part of the split: a link that narrows to it; without a template, which takes three times as long."""
    split, value = context["view"].question.split, joined([row.label.value])
    there, words = escape(address(context, **{split: value})), escape(part_words(row.label.text, split))
    before = f'<li data-value="{escape(value)}">' if in_legend else ""
    swatch = f'<span class="ps-sw c{row.colour}"></span> ' if in_legend else ""
    return SafeString(
        f'{before}<a class="ps-plainlink" href="{there}" hx-get="{there}" hx-target="#usage-panel" '
        f'hx-swap="outerHTML" hx-push-url="true">{swatch}<bdi>{words}</bdi></a>{"</li>" if in_legend else ""}'
    )


@register.simple_tag(takes_context=True)
def part_rows(context: template.Context) -> SafeString:
    """Render the table of the parts; as a template it took a sixth of My usage."""
    return SafeString("".join(_part_row(context, row, place) for place, row in enumerate(context["rows"])))


def _part_row(context: template.Context, row: Any, place: int) -> str:
    question, metric = context["view"].question, context["explored"].metric
    select_words = _("Select %(name)s") % {"name": part_words(row.label.text, question.split)}
    is_drawn = row.colour or (place < len(context["legend"]) and context["first_row"] == 1)
    swatch = f'<span class="ps-sw c{row.colour}"></span> ' if is_drawn else ""
    numbers = [number_of(row.value, question.metric)]
    if metric.adds_up:
        numbers.append(percent(row.share))
    if question.compare:
        numbers.append(number_of(row.before, question.metric))
    cells = "".join(f'<td class="num">{number}</td>' for number in numbers)
    return (
        f'<tr><th scope="row"><input class="form-check-input ps-select" type="checkbox" name="{question.split}" '
        f'value="{escape(joined([row.label.value]))}" aria-label="{escape(select_words)}"> '
        f"{swatch}{part_link(context, row)}{_about(row.label)}</th>{cells}</tr>"
    )


def _about(label: Label) -> str:
    """Return what else there is to say about a part: whose key it is, when it was deleted."""
    words: list[str] = []
    if not label.known:
        words.append(escape(_("key not known")))
    elif label.about:
        words.append(f"<bdi>{escape(label.about)}</bdi>")
    if label.ended_on:
        words.append(escape(_("deleted %(when)s") % {"when": short_day(label.ended_on)}))
    return "".join(f' <span class="unit">{each}</span>' for each in words)


@register.filter
def split_by_words(split: str) -> str:
    """Name a choice of the split."""
    return _("Split by: %(split)s") % {"split": split}


@register.filter
def as_filter(value: str) -> str:
    """Return a value as a filter has it."""
    return joined([value])


@register.filter
def is_several(filter_: str) -> bool:
    """Return whether a filter has more than one value."""
    return len(values_of(filter_)) > 1
