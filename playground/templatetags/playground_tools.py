"""Numbers of the pages beside the chat."""

from django import template
from django.utils import formats

register = template.Library()

STEPS = (0.2, 0.4, 0.6, 0.8)  # where the next darker of five begins


@register.filter
def step(similarity: float | None) -> int:
    """Return how dark a cell of the heat map is, 0 to 4."""
    return sum(similarity >= start for start in STEPS) if similarity is not None else 0


@register.filter
def hundredths(number: float | None) -> str:
    """Return a number with two places and a true minus, a dash where there is none; never "−0.00"."""
    return "–" if number is None else formats.number_format(round(number, 2) + 0.0, 2).replace("-", "\N{MINUS SIGN}")


@register.filter
def hundred(share: float) -> int:
    """Return a share of 1 as hundredths for an attribute, whatever the language."""
    return round(100 * min(max(share, 0.0), 1.0))
