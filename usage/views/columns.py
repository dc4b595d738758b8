"""Names of columns and rows in files: for programs as in the code, for people in their language."""

from collections.abc import Callable, Mapping
from typing import Final

from django.utils.translation import gettext_lazy as _

from keys.models import Key
from web.spreadsheet import Format

WORDS: Final = {
    "part": _("Part"),
    "day": _("Day (UTC)"),
    "name": _("Name"),
    "person": _("User name"),
    "owner": _("Owner"),
    "groups": _("Groups"),
    "intern": _("Intern"),
    "supervisor": _("Supervisor"),
    "cost_centre": _("Cost centre"),
    "month": _("Month"),
    "key": _("Key"),
    "key_id": _("Key ID"),
    "kind": _("Kind of key"),
    "alias": _("Name at the gateway"),
    "model": _("Model"),
    "provider": _("Provider"),
    "spend_usd": _("Spend (USD)"),
    "requests": _("Requests"),
    "ok_requests": _("Requests answered"),
    "failed_requests": _("Requests that failed"),
    "prompt_tokens": _("Tokens in"),
    "completion_tokens": _("Tokens out"),
    "cache_read_tokens": _("Tokens read from the cache"),
    "cache_creation_tokens": _("Tokens written to the cache"),
    "response_ms": _("Total response time (ms)"),
    "mean_response_s": _("Average response time (s)"),
    "live_keys": _("Live keys"),
    "last_use": _("Last use"),
    "failed_share": _("Share of failed requests"),
    "people": _("People"),
    "keys": _("Keys"),
    "share": _("Share"),
    "before": _("Period before"),
    "before_usd": _("Period before (USD)"),
    "number": _("Student number"),
    "email": _("E-mail"),
    "state": _("State"),
    "budget_usd": _("Budget (USD)"),
    "low_kwh": _("Energy, low estimate (kWh)"),
    "high_kwh": _("Energy, high estimate (kWh)"),
    "low_kg": _("Emissions, low estimate (kg CO2e)"),
    "high_kg": _("Emissions, high estimate (kg CO2e)"),
}
PARTS: Final = {
    "total": _("Total"),
    "total of the period before": _("Total of the period before"),
    "day": _("Day"),
    "day and model": _("Day and model"),
    "model": _("Model"),
    "key": _("Key"),
    "person": _("Person"),
    "person and model": _("Person and model"),
    "(other models)": _("(other models)"),
    "(others)": _("(others)"),
    "interval": _("Interval"),
    "interval and part": _("Interval and part"),
    "provider": _("Provider"),
    "group": _("Group"),
    "supervisor": _("Supervisor"),
    "kind": _("Kind of key"),
    "cost_centre": _("Cost centre"),
}
LabelFor = Callable[[str], str]


def column_labels(form: Format) -> LabelFor:
    """Return the name of a column."""
    return _translated(form, WORDS)


def row_labels(form: Format) -> LabelFor:
    """Return the name of a part of a page, or of a kind of key."""
    return _translated(form, {**PARTS, **dict(Key.Kind.choices)})


def _translated(form: Format, words: Mapping[str, object]) -> LabelFor:
    """Return the texts themselves: a file is written when its request, and its language, may be over."""
    if not form.for_people:
        return str
    translated = {name: str(text) for name, text in words.items()}
    return lambda name: translated.get(name, name)
