"""A picture of amounts by day, with the numbers as titles; the page has them as a table, too."""

from collections.abc import Sequence
from datetime import date, timedelta
from decimal import Decimal
from typing import Any, Final

from django import template
from django.utils.html import format_html, format_html_join

from web.amounts import usd
from web.templatetags.portal import day

register = template.Library()

HEIGHT: Final = 100
GAP: Final = 0.18  # of a bar's place


@register.simple_tag
def day_plot(days_usd: Sequence[Decimal], last: date, *, label: str) -> dict[str, Any]:
    """Return the drawing of these days, oldest first, which end with `last`; `label` is the id of its heading."""
    first, highest = last - timedelta(days=len(days_usd) - 1), max(days_usd, default=Decimal(0))
    days = [(first + timedelta(days=at), amount) for at, amount in enumerate(days_usd)]
    bars = (
        (place, HEIGHT, f"{day(each)}: {usd(amount)}", *_bar(place, amount, highest))
        for place, (each, amount) in enumerate(days)
    )
    drawn = format_html_join(
        "",
        '<g><title>{2}</title><rect class="place" x="{0}" y="0" width="1" height="{1}"/>'
        '<rect class="c1" x="{3}" y="{4}" width="{5}" height="{6}"/></g>',
        bars,
    )
    svg = format_html(
        '<svg class="ps-plot ps-plot-low" viewBox="0 0 {} {}" preserveAspectRatio="none" role="img" '
        'aria-labelledby="{}">{}</svg>',
        len(days),
        HEIGHT,
        label,
        drawn,
    )
    middle = first + (last - first) // 2
    return {"svg": svg, "highest": highest, "days": days, "first": first, "middle": middle, "last": last}


def _bar(place: int, amount: Decimal, highest: Decimal) -> tuple[str, str, str, str]:
    """Return left, top, width and height of a bar; any spend is visible, a correction below zero has no bar."""
    height = max(1.0, float(HEIGHT * amount / highest)) if amount > 0 else 0.0
    return f"{place + GAP / 2:g}", f"{HEIGHT - height:.2f}", f"{1 - GAP:g}", f"{height:.2f}"
