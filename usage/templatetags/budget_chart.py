"""The picture of a budget, drawn by the server: the spend so far, the forecast with its band; and both in words."""

from collections.abc import Iterable
from datetime import date, timedelta
from decimal import Decimal
from typing import Any, Final

from django import template
from django.utils.html import escape, format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _

from usage.forecast import Forecast
from usage.templatetags.usage_words import about_usd, long_day
from web.amounts import usd, usd_number
from web.templatetags.portal import short_day

register = template.Library()

HEIGHT: Final = 100
A_DAY: Final = timedelta(days=1)
Points = list[tuple[float, Decimal]]


@register.filter
def outlook(forecast: Forecast) -> str:
    """Say when a budget is used up, or what will have been spent; that it is too early to say."""
    over_usd = forecast.over_usd or Decimal(0)
    words = {
        "projected": about_usd(forecast.projected_usd),
        "last": long_day(forecast.last_day),
        "amount": usd(abs(over_usd)),
    }
    if forecast.is_used_up:
        return outlook_day(forecast)
    if not forecast.is_known:
        return _("No forecast yet: it needs three days with use.")
    if forecast.is_over:
        return ""
    if forecast.used_up_on:
        words["used_up"] = outlook_day(forecast)
        return _("%(used_up)s Forecast at this pace: %(projected)s by %(last)s, %(amount)s above budget.") % words
    if forecast.budget_usd is None:
        return _("Forecast at this pace: %(projected)s by %(last)s.") % words
    return _("Forecast at this pace: %(projected)s by %(last)s, %(amount)s below budget.") % words


@register.filter
def used_up_words(day: date) -> str:
    """Say when a budget that is not used up yet will be."""
    return _("At this pace used up on %(day)s.") % {"day": long_day(day)}


@register.filter
def outlook_day(forecast: Forecast) -> str:
    """Say when a budget is, or was, used up."""
    if forecast.is_used_up:
        return _("Used up on %(day)s.") % {"day": long_day(forecast.used_up_on or forecast.last_day)}
    return used_up_words(forecast.used_up_on) if forecast.used_up_on else ""


@register.filter
def band(forecast: Forecast) -> str:
    """Say between which amounts four of five outcomes are; "" without a forecast, and where `outlook` says none."""
    if not forecast.expected or forecast.is_used_up:
        return ""
    last = forecast.expected[-1]
    words = {"low": about_usd(last.low_usd), "high": about_usd(last.high_usd)}
    return _("Between %(low)s and %(high)s in four of five cases.") % words


@register.simple_tag
def budget_plot(forecast: Forecast) -> dict[str, Any]:
    """Return the drawing, the top of its scale, and its first and last day."""
    days = (forecast.last_day - forecast.first_day).days + 1
    amounts = [forecast.budget_usd or Decimal(0), *forecast.so_far_usd, *(each.high_usd for each in forecast.expected)]
    highest = max(amounts) or Decimal(1)
    drawn = format_html(
        '<svg class="ps-plot ps-plot-low" viewBox="0 0 {} {}" preserveAspectRatio="none" role="img" aria-label="{}">'
        '<path class="grid" d="M0 0h{}M0 {}h{}"/>{}</svg>',
        days,
        HEIGHT,
        " ".join((outlook(forecast), band(forecast))).strip() or _("The spend by day; the table has the numbers."),
        days,
        HEIGHT,
        days,
        format_html_join("", '<path class="{}" d="{}"/>', _paths(forecast, days, highest)),
    )
    return {"svg": drawn, "top": usd(highest), "days": [short_day(forecast.first_day), short_day(forecast.last_day)]}


def _paths(forecast: Forecast, days: int, highest: Decimal) -> Iterable[tuple[str, str]]:
    """Yield class and data of each mark, those behind first."""
    now = len(forecast.so_far_usd) - 0.5  # the present day is drawn to its middle
    ends = [number + 1.0 for number in range(len(forecast.so_far_usd))]
    ends[-1] = now if forecast.expected else ends[-1]
    spent: Points = [(0, Decimal(0)), *zip(ends, forecast.so_far_usd, strict=True)]
    start = (now, forecast.spent_usd)
    places = [(each.day - forecast.first_day).days + 1 for each in forecast.expected]
    if forecast.expected:
        low = [start, *zip(places, (each.low_usd for each in forecast.expected), strict=True)]
        high = [start, *zip(places, (each.high_usd for each in forecast.expected), strict=True)]
        yield "band", _line([*low, *reversed(high)], highest) + "Z"
    yield "spent", _line([*spent, (spent[-1][0], Decimal(0))], highest) + "Z"
    if forecast.expected:
        yield (
            "line before",
            _line([start, *zip(places, (each.usd for each in forecast.expected), strict=True)], highest),
        )
    if forecast.budget_usd:
        yield "line budget", _line([(0, forecast.budget_usd), (days, forecast.budget_usd)], highest)


def _line(points: Iterable[tuple[float, Decimal]], highest: Decimal) -> str:
    steps = (f"{x:g} {HEIGHT - HEIGHT * max(0.0, float(usd_ / highest)):.2f}" for x, usd_ in points)
    return "M" + "L".join(steps)


@register.simple_tag
def budget_rows(forecast: Forecast) -> SafeString:
    """Render the rows of the table: of each day so far the spend, of each to come at least, probably and at most.

    The present day has the spend so far, and the forecast of its end.
    """
    expected = {each.day: each for each in forecast.expected}
    so_far = {forecast.first_day + number * A_DAY: spent for number, spent in enumerate(forecast.so_far_usd)}
    least = {**{day: each.low_usd for day, each in expected.items()}, **so_far}
    rows = []
    for day in sorted(least):
        each = expected.get(day)
        cells = [usd_number(least[day]), *((usd_number(each.usd), usd_number(each.high_usd)) if each else ("", ""))]
        numbers = "".join(f'<td class="num">{number}</td>' for number in cells)
        rows.append(f'<tr><th scope="row">{escape(short_day(day))}</th>{numbers}</tr>')
    return SafeString("".join(rows))  # format_html takes ten times as long a cell
