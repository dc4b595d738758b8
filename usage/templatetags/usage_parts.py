"""Parts of usage pages: URLs that keep the filters, rows, and small charts rendered by the server."""

from collections.abc import Iterator
from datetime import date
from typing import Any, Final
from urllib.parse import urlencode

from django import template
from django.template import Context
from django.utils import formats
from django.utils.html import escape, format_html, format_html_join
from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import gettext as _
from django.utils.translation import pgettext

from usage.queries.overview import Day
from usage.queries.sums import Sums
from usage.queries.year import Year
from usage.templatetags.usage_words import percent
from web.addresses import address_of
from web.amounts import usd, usd_number
from web.templatetags.portal import icon, plain_shown, short_day

register = template.Library()

CELL: Final = 17  # of the heat map, with its gap
HEAT_TOP: Final = 18  # room for the names of months
MONTH_WEEKS: Final = 4  # no two names of months closer than so many weeks


# --- Addresses ----------------------------------------------------------------------------------------
@register.simple_tag(takes_context=True)
def address(context: Context, to: str = "", **changes: object) -> str:
    """Return the URL of this page, or of the route `to`, with the same period and filters except for `changes`."""
    params = _params(context)
    if changes.get("period"):
        for name in ("from", "to"):
            params.pop(name, None)
    return _address(to or context["here"], {**params, **changes})


@register.simple_tag(takes_context=True)
def without(context: Context, name: str, rest: str) -> str:
    """Return the URL of this page with the rest of one of its filters."""
    return _address(context["here"], {**_params(context), name: rest})


@register.simple_tag(takes_context=True)
def other_params(context: Context, name: str) -> dict[str, Any]:
    """Return the parameters of this page except for a filter."""
    return {param: value for param, value in _params(context).items() if value and param != name}


def _params(context: Context) -> dict[str, Any]:
    """Return the parameters of the page: filters, period, and those of the explorer where there is one."""
    return {**context["scope"].params(), **context["period"].params(), **(context.get("view_params") or {})}


def _address(route: str, params: dict[str, Any]) -> str:
    query = urlencode({name: value for name, value in params.items() if value not in ("", None)})
    there = address_of(route)
    return f"{there}?{query}" if query else there


@register.inclusion_tag("usage/_sort.html", takes_context=True)
def sort_header(context: Context, name: str, words: str, *, numeric: bool = False) -> dict[str, object]:
    """Return the header of a sortable column; a second click reverses the order."""
    order = context["order"]
    is_sorted = order.removeprefix("-") == name
    first = "" if name == "person" else "-"  # names from A, numbers from the largest
    turned = order.removeprefix("-") if order.startswith("-") else f"-{order}"
    return {
        "name": name,
        "words": words,
        "numeric": numeric,
        "sorted": ("descending" if order.startswith("-") else "ascending") if is_sorted else "",
        "there": address(context, order=turned if is_sorted else f"{first}{name}"),
    }


# --- Rows ---------------------------------------------------------------------------------------------
@register.simple_tag
def day_row(day: Day) -> SafeString:
    """Render a day's row of the table under the chart, which reads its numbers there."""
    cells = "".join(f'<td class="num" data-v="{plain_shown(usd_)}">{usd_number(usd_)}</td>' for usd_ in day.parts_usd)
    row = f'<th scope="row">{escape(short_day(day.day))}</th>{cells}<td class="num">{usd_number(day.spend_usd)}</td>'
    return mark_safe(f"<tr>{row}</tr>")  # noqa: S308  # numbers, and a day that is escaped


@register.simple_tag
def failed_share(sums: Sums) -> SafeString | str:
    """Return the share of failed requests, marked when it is high; a tag, since tables have many."""
    if not sums.fails_often:
        return percent(sums.failed_share)
    return format_html('<span class="ps-state is-warn">{}{}</span>', icon("warn"), percent(sums.failed_share))


# --- Drawings -----------------------------------------------------------------------------------------
@register.simple_tag
def heat_map(days: Year) -> SafeString:
    """Render a year: a column for each week, a row for each weekday, five levels; each day has its amount as title."""
    last = len(days.spend_usd) - 1
    return format_html(
        '<svg width="{}" height="138" role="img" aria-label="{}">{}{}</svg>',
        (last // 7 + 1) * CELL,
        _("Spend per day over a year; the darker the colour, the higher the spend."),
        format_html_join("", '<text x="{}" y="11">{}</text>', _months(days)),
        mark_safe("".join(_cells(days))),  # noqa: S308  # numbers and Django's names of days only
    )


def _cells(days: Year) -> Iterator[str]:
    """Yield a square for each day; without the template helpers, which would take half of the page's time."""
    last = len(days.spend_usd) - 1
    names = [formats.date_format(days.day(place), "D") for place in range(7)]
    months = {day.month: _month(day) for day in map(days.day, range(0, last + 1, 14))}
    title = _("%(day)s: %(amount)s")
    for place, level in enumerate(days.levels()):
        day = days.day(place)
        today = " today" if place == last else ""
        words = {"day": f"{names[place % 7]} {day.day} {months[day.month]}", "amount": usd(days.spend_usd[place])}
        yield (
            f'<rect class="q{level}{today}" x="{place // 7 * CELL}" y="{HEAT_TOP + place % 7 * CELL}" '
            f'width="14" height="14" rx="3"><title>{title % words}</title></rect>'
        )


def _months(days: Year) -> Iterator[tuple[int, str]]:
    """Yield the start and the name of each month; none so close to the one before that they overlap."""
    shown = -MONTH_WEEKS
    for week in range(len(days.spend_usd) // 7 + 1):
        monday = days.day(week * 7)
        if monday.day <= 7 and week - shown >= MONTH_WEEKS:
            shown = week
            yield week * CELL, _month(monday)


def _month(day: date) -> str:
    # Translators: a format of the `date` filter; Django's "M" knows no "juin" and no "juil."
    return formats.date_format(day, pgettext("month", "M"))
