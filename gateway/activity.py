"""Reads a page of daily activity. Invalid values are left out, number by number, and the rest is read."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from decimal import Decimal
from typing import Any, Final

from gateway.parsing import Body, Fields, Money, Name, Whole, not_understood, read, shown, sift
from gateway.transport import Answer
from gateway.types import ActivityPage, ActivityRow, InvalidMetric

DUST_USD: Final = Decimal("1e-9")  # the gateway's sums are floats, so equal ones may differ by this much
COUNTERS: Final = (
    "prompt_tokens",
    "completion_tokens",
    "cache_read_tokens",
    "cache_creation_tokens",
    "requests",
    "successful_requests",
    "failed_requests",
    "response_time_ms",
)
NAMES: Final = {  # of the gateway for the measures of a row
    "spend_usd": "spend",
    "cache_read_tokens": "cache_read_input_tokens",
    "cache_creation_tokens": "cache_creation_input_tokens",
    "requests": "api_requests",
    "response_time_ms": "total_response_time_ms",
}
MEASURES: Final = {NAMES.get(measure, measure): measure for measure in ("spend_usd", *COUNTERS)}  # by these names


class _Metadata(Body):
    total_pages: Whole  # required: otherwise a malformed answer would count as a day without use
    page: Whole | None = None
    has_more: bool | None = None


class _Breakdown(Body):
    """The parts of a day that are read. Public names of models are under `model_groups`, which older gateways lack."""

    model_groups: dict[str, Any] | None = None
    models: dict[str, Any] | None = None  # by the providers' names
    api_keys: Fields = {}


class _Day(Body):
    date: Name
    breakdown: _Breakdown


class _PageAnswer(Body):
    metadata: _Metadata
    results: tuple[_Day, ...] | None = None


class _Metrics(Body):
    """The measures of a row, each of which may be invalid."""

    spend: Money | None = None
    prompt_tokens: Whole | None = None
    completion_tokens: Whole | None = None
    cache_read_input_tokens: Whole | None = None
    cache_creation_input_tokens: Whole | None = None
    api_requests: Whole | None = None
    successful_requests: Whole | None = None
    failed_requests: Whole | None = None
    total_response_time_ms: Money | None = None


class _About(Body):
    """What a row says about its key, each field of which may be invalid."""

    key_alias: str | None = None
    user_id: str | None = None
    user_email: str | None = None
    team_id: str | None = None
    key_exists: bool | None = None


def activity_page(answer: Answer, page: int) -> ActivityPage:
    """Read the page of this number. Raises GatewayUnreadable where it is no page of activity."""
    parsed = read(answer.body, _PageAnswer)
    if parsed.metadata.page not in (None, page):
        raise not_understood("it is another page")
    reading = _Reading()
    rows = [row for day in parsed.results or () for row in _rows(reading, day)]
    return ActivityPage(
        rows=tuple(rows),
        invalid=tuple(reading.invalid),
        missing=frozenset(reading.missing | (reading.absent if rows else set())),
        page=page,
        total_pages=parsed.metadata.total_pages,
        has_more=parsed.metadata.has_more or False,
        took_s=answer.took_s,
    )


@dataclass(slots=True)
class _Reading:
    """What was noticed while a page was read."""

    invalid: list[InvalidMetric] = field(default_factory=list)
    missing: set[str] = field(default_factory=set)
    absent: set[str] = field(default_factory=lambda: set(COUNTERS))  # measures that no row has

    def set_aside(self, token: str | None, model_group: str, measure: str = "", value: object = None) -> None:
        """Record an invalid value: a measure, or the whole row."""
        reported = shown(value) if measure else ""
        self.invalid.append(InvalidMetric(token=token, model_group=model_group, measure=measure, reported=reported))


def _rows(reading: _Reading, parsed: _Day) -> Iterator[ActivityRow]:
    """Yield the (model, key) facts of one day of one page.

    What failed before its model was known is reported by key only: it becomes a fact of the model "".
    """
    try:
        day = date.fromisoformat(parsed.date)
    except ValueError:
        raise not_understood("results: date is not a date") from None
    by_token: dict[str, list[ActivityRow]] = {}
    for group, token, entry in _entries(reading, parsed.breakdown):
        row = _row(reading, day, group, token, entry)
        if row:
            by_token.setdefault(token, []).append(row)
            yield row
    spoilt = {metric.token for metric in reading.invalid}  # what remains of these cannot be read
    for token, entry in parsed.breakdown.api_keys.items():
        if token in spoilt or None in spoilt:
            continue
        whole = _row(reading, day, "", token, entry)
        rest = whole and _rest(whole, by_token.get(token, []))
        if rest and rest.successful_requests + rest.failed_requests > 0:
            yield rest


def _entries(reading: _Reading, breakdown: _Breakdown) -> Iterator[tuple[str, str, object]]:
    """Yield model, token and what is reported of the two."""
    groups = breakdown.model_groups
    if groups is None and breakdown.models is not None:
        groups = breakdown.models
        reading.missing.add("model_groups")
    if groups is None:
        raise not_understood("results: model_groups is missing")
    for group, parsed in groups.items():
        by_key = parsed.get("api_key_breakdown") if isinstance(parsed, dict) else None
        if not isinstance(by_key, dict):
            reading.set_aside(None, group)
            continue
        for token, entry in by_key.items():
            yield group, token, entry


def _rest(whole: ActivityRow, parts: Sequence[ActivityRow]) -> ActivityRow:
    """Return the use of a key that is attributed to no model."""
    left = {name: getattr(whole, name) - sum(getattr(part, name) for part in parts) for name in COUNTERS}
    spend_usd = whole.spend_usd - sum((part.spend_usd for part in parts), Decimal(0))
    return replace(whole, **left, spend_usd=spend_usd.quantize(DUST_USD))


def _row(reading: _Reading, day: date, model_group: str, token: str, entry: object) -> ActivityRow | None:
    """Read a row; None, recorded, where it is invalid. An invalid measure is 0, recorded."""
    parsed = entry if isinstance(entry, dict) else {}
    measures = parsed.get("metrics")
    if not isinstance(measures, dict):
        reading.set_aside(token, model_group)
        return None
    metrics, odd = sift(measures, _Metrics)
    about, _odd = sift(parsed.get("metadata"), _About)
    reading.absent -= {measure for measure in reading.absent if measures.get(NAMES.get(measure, measure)) is not None}
    for name, value in odd.items():
        reading.set_aside(token, model_group, MEASURES[name], value)
    return ActivityRow(
        day=day,
        model_group=model_group,
        token=token,
        alias=about.key_alias,
        user_id=about.user_id,
        user_email=about.user_email,
        team_id=about.team_id,
        key_exists=about.key_exists or False,
        spend_usd=metrics.spend or Decimal(0),
        prompt_tokens=metrics.prompt_tokens or 0,
        completion_tokens=metrics.completion_tokens or 0,
        cache_read_tokens=metrics.cache_read_input_tokens or 0,
        cache_creation_tokens=metrics.cache_creation_input_tokens or 0,
        requests=metrics.api_requests or 0,
        successful_requests=metrics.successful_requests or 0,
        failed_requests=metrics.failed_requests or 0,
        response_time_ms=metrics.total_response_time_ms or Decimal(0),
    )
