"""Reads a page of daily activity: what makes no sense is set aside, number by number, and the rest is read."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from decimal import Decimal
from typing import Final, TypeVar

from gateway import reading
from gateway.errors import GatewayUnreadable
from gateway.transport import Answer
from gateway.types import ActivityPage, ActivityRow, InvalidMetric

DUST_USD: Final = Decimal("1e-9")  # the gateway's sums are floats: what is left of equal ones is not quite nothing
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
T = TypeVar("T", int, Decimal)


def activity_page(answer: Answer, page: int) -> ActivityPage:
    """Read the page of this number. Raises GatewayUnreadable where it is no page of activity."""
    body = reading.fields(answer.body, "answer")
    metadata = reading.fields(body.get("metadata"), "metadata")
    if metadata.get("total_pages") is None:  # else nonsense would read as a day without use
        raise reading.not_understood("total_pages is missing")
    if reading.optional_whole(metadata, "page") not in (None, page):
        raise reading.not_understood("it is another page")
    read = _Reading()
    rows = [row for result in reading.items(body.get("results"), "results") for row in _rows(read, result)]
    return ActivityPage(
        rows=tuple(rows),
        invalid=tuple(read.invalid),
        missing=frozenset(read.missing | (set(COUNTERS) - read.present if rows else set())),
        page=page,
        total_pages=reading.whole(metadata, "total_pages"),
        has_more=reading.flag(metadata, "has_more"),
        took_s=answer.took_s,
    )


@dataclass(slots=True)
class _Reading:
    """What was noticed while a page was read."""

    invalid: list[InvalidMetric] = field(default_factory=list)
    missing: set[str] = field(default_factory=set)
    present: set[str] = field(default_factory=set)  # measures that at least one row has

    def set_aside(self, token: str | None, model_group: str, measure: str = "", value: object = None) -> None:
        """Note what makes no sense: a measure, or the whole row."""
        reported = reading.shown(value) if measure else ""
        self.invalid.append(InvalidMetric(token=token, model_group=model_group, measure=measure, reported=reported))


def _rows(read: _Reading, value: object) -> Iterator[ActivityRow]:
    """Yield the (model, key) facts of one day of one page. Public model names are under `model_groups`.

    What failed before its model was known is told by key only: it becomes a fact of the model "".
    """
    result = reading.fields(value, "result")
    day = _day(result)
    breakdown = reading.fields(result.get("breakdown"), "breakdown")
    by_token: dict[str, list[ActivityRow]] = {}
    for group, token, entry in _entries(read, breakdown):
        row = _row(read, day, group, token, entry)
        if row:
            by_token.setdefault(token, []).append(row)
            yield row
    spoilt = {metric.token for metric in read.invalid}  # what is left of these is what was set aside
    for name, entry in reading.fields(breakdown.get("api_keys") or {}, "api_keys").items():
        token = reading.clean(name)
        if token in spoilt or None in spoilt:
            continue
        whole = _row(read, day, "", token, entry)
        rest = whole and _rest(whole, by_token.get(token, []))
        if rest and rest.successful_requests + rest.failed_requests > 0:
            yield rest


def _entries(read: _Reading, breakdown: reading.Fields) -> Iterator[tuple[str, str, object]]:
    """Yield model, token and what is told of the two; an older gateway has the providers' names of models only."""
    groups = breakdown.get("model_groups")
    if groups is None and "models" in breakdown:
        groups = breakdown["models"]
        read.missing.add("model_groups")
    for name, told in reading.fields(groups, "model_groups").items():
        group = reading.clean(name)
        by_key = told.get("api_key_breakdown") if isinstance(told, dict) else None
        if not isinstance(by_key, dict):
            read.set_aside(None, group)
            continue
        for token, entry in by_key.items():
            yield group, reading.clean(token), entry


def _rest(whole: ActivityRow, parts: Sequence[ActivityRow]) -> ActivityRow:
    """Return what of a key's use no model has."""
    left = {name: getattr(whole, name) - sum(getattr(part, name) for part in parts) for name in COUNTERS}
    spend_usd = whole.spend_usd - sum((part.spend_usd for part in parts), Decimal(0))
    return replace(whole, **left, spend_usd=spend_usd.quantize(DUST_USD))


def _day(result: reading.Fields) -> date:
    try:
        return date.fromisoformat(reading.text(result, "date"))
    except ValueError:
        raise reading.not_understood("date is not a date") from None


def _row(read: _Reading, day: date, model_group: str, token: str, entry: object) -> ActivityRow | None:
    """Read a row; None, and a note, where it is none. A measure that makes no sense is 0, and noted."""
    told = entry if isinstance(entry, dict) else {}
    metrics, about = told.get("metrics"), told.get("metadata")
    if not isinstance(metrics, dict):
        read.set_aside(token, model_group)
        return None
    measures: reading.Fields = metrics
    about = about if isinstance(about, dict) else {}

    def number(reader: Callable[[reading.Fields, str], T], measure: str, nothing: T) -> T:
        name = NAMES.get(measure, measure)
        if measures.get(name) is not None:
            read.present.add(measure)
        try:
            return reader(measures, name)
        except GatewayUnreadable:
            read.set_aside(token, model_group, measure, measures.get(name))
            return nothing

    return ActivityRow(
        day=day,
        model_group=model_group,
        token=token,
        alias=reading.lenient(reading.optional_text, about, "key_alias"),
        user_id=reading.lenient(reading.optional_text, about, "user_id"),
        user_email=reading.lenient(reading.optional_text, about, "user_email"),
        team_id=reading.lenient(reading.optional_text, about, "team_id"),
        key_exists=reading.lenient(reading.flag, about, "key_exists") or False,
        spend_usd=number(reading.money, "spend_usd", Decimal(0)),
        prompt_tokens=number(reading.whole, "prompt_tokens", 0),
        completion_tokens=number(reading.whole, "completion_tokens", 0),
        cache_read_tokens=number(reading.whole, "cache_read_tokens", 0),
        cache_creation_tokens=number(reading.whole, "cache_creation_tokens", 0),
        requests=number(reading.whole, "requests", 0),
        successful_requests=number(reading.whole, "successful_requests", 0),
        failed_requests=number(reading.whole, "failed_requests", 0),
        response_time_ms=number(reading.money, "response_time_ms", Decimal(0)),
    )
