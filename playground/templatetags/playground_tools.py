"""Numbers of the tools."""

from django import template
from django.utils import formats

register = template.Library()

STEPS = (0.2, 0.4, 0.6, 0.8)  # the lower bounds of the darker four of five levels


@register.filter
def step(similarity: float | None) -> int:
    """Return the level of a cell of the heat map, 0 to 4."""
    return sum(similarity >= start for start in STEPS) if similarity is not None else 0


@register.filter
def hundredths(number: float | None) -> str:
    """Return a number with two decimals and a real minus sign, a dash if there is none; never "−0.00"."""
    return "–" if number is None else formats.number_format(round(number, 2) + 0.0, 2).replace("-", "\N{MINUS SIGN}")


@register.filter
def hundred(share: float) -> int:
    """Return a share of 1 as hundredths for an attribute, whatever the language."""
    return round(100 * min(max(share, 0.0), 1.0))
