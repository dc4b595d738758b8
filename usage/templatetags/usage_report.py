"""Words of reports: estimates of energy and emissions, each as a range."""

from math import floor, log10
from typing import Final

from django import template
from django.utils import formats
from django.utils.translation import gettext as _

from usage.energy import Impact
from web.templatetags.portal import NO_BREAK_SPACE

register = template.Library()

DIGITS: Final = 2  # more would look exact
THOUSAND: Final = 1000


@register.filter
def energy_range(impact: Impact | None) -> str:
    """Return "1.2 to 3.4 kWh", or in Wh when it is less than one."""
    if impact is None:
        return _("unknown")
    return _range(impact.low_kwh, impact.high_kwh, "Wh", "kWh")


@register.filter
def emissions_range(impact: Impact | None) -> str:
    """Return "0.5 to 1.6 kg", or in grams when it is less than one."""
    if impact is None:
        return _("unknown")
    return _range(impact.low_kg, impact.high_kg, "g", "kg")


def _range(low: float, high: float, small: str, large: str) -> str:
    """Return both ends in the same unit; one number where they are the same."""
    unit, factor = (small, THOUSAND) if high < 1 else (large, 1)
    first, last = _number(low * factor), _number(high * factor)
    words = first if first == last else _("%(low)s to %(high)s") % {"low": first, "high": last}
    return f"{words}{NO_BREAK_SPACE}{unit}"


def _number(value: float) -> str:
    places = 0 if value <= 0 else max(0, DIGITS - 1 - floor(log10(value)))
    return formats.number_format(round(value, places), places, force_grouping=True)
