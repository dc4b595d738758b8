"""Reads the gateway's usage of one UTC day, completely or not at all."""

import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from itertools import islice
from typing import Final, NamedTuple, TypeVar

from gateway import parsing
from gateway.django import get_gateway
from gateway.errors import GatewayError, GatewayUnavailable, is_unknown_route
from gateway.parsing import not_understood
from gateway.types import ActivityPage, ActivityRow, DayTotals, InvalidMetric
from gateway.usage import PAGE_SIZE
from usage.models import MODEL_LENGTH, TOKEN_LENGTH
from usage.money import largest_day_usd
from web.money import exact_usd

T = TypeVar("T", ActivityPage, DayTotals)
V = TypeVar("V")
Amounts = list[Decimal | int]  # in the order of models.MEASURES
LARGEST_COUNT: Final = 10**12  # of tokens or requests of a key in a day; sums of such fit 64 bits
ROW_FIELDS: Final = (  # the fields of ActivityRow, in the order of models.MEASURES
    "spend_usd",
    "prompt_tokens",
    "completion_tokens",
    "cache_read_tokens",
    "cache_creation_tokens",
    "successful_requests",
    "failed_requests",
    "response_time_ms",
)
TOTALED_MEASURES: Final = (
    {"spend_usd"},
    {"prompt_tokens"},
    {"completion_tokens"},
    {"successful_requests", "failed_requests"},
)
TRIES: Final = 3  # of a day whose pages do not fit, at a busy gateway
NAMES_AT_ONCE: Final = 500  # SQLite takes 999 values in a statement
SPEND_TOLERANCE: Final = Decimal("0.000001")  # of the sum, and at least so many USD: the gateway adds floats


class _PagesMoved(GatewayUnavailable):
    """Pages of a day are inconsistent: a row came or went while they were read."""


class TokenInfo(NamedTuple):
    """The gateway's name and owner of a token."""

    alias: str
    gateway_user_id: str


@dataclass(slots=True)
class Tally:
    """The totals of a run so far."""

    pages: int = 0
    rows: int = 0
    invalid: int = 0  # invalid numbers, and rows
    missing: set[str] = field(default_factory=set)  # measures that an older gateway does not report
    gateway_s: float = 0.0


@dataclass(slots=True)
class DayUsage:
    """The usage of a day by (token, model name), and the gateway's name and owner of each token."""

    day: date
    facts: dict[tuple[str, str], Amounts] = field(default_factory=dict)
    token_info: dict[str, TokenInfo] = field(default_factory=dict)
    invalid: list[InvalidMetric] = field(default_factory=list)  # those of facts are 0 in `facts`
    # by (the gateway's name of a former owner, token, model): their part of `facts`, see services.owners
    shares: dict[tuple[str, str, str], Amounts] = field(default_factory=dict)

    def add(self, row: ActivityRow) -> None:
        """Add a row; several pages, and several endpoints, may have parts of the same."""
        token = row.token[:TOKEN_LENGTH]
        info = TokenInfo((row.alias or "")[:TOKEN_LENGTH], (row.user_id or "")[:TOKEN_LENGTH])
        if self.token_info.setdefault(token, info) != info and any(info):
            self.token_info[token] = info
        amounts = _amounts(row)
        sums = self.facts.setdefault((token, row.model_group[:MODEL_LENGTH]), amounts)
        if sums is not amounts:
            sums[:] = [one + other for one, other in zip(sums, amounts, strict=True)]

    def mark_invalid(self, token: str, model: str, place: int) -> None:
        """Record that an amount is invalid, and count it as 0."""
        amounts = self.facts[token, model]
        reported = parsing.shown(amounts[place])
        self.invalid.append(InvalidMetric(token=token, model_group=model, measure=ROW_FIELDS[place], reported=reported))
        amounts[place] = 0

    def totals(self) -> list[Decimal]:
        """Return spend, prompt tokens, completion tokens and requests of the day."""
        facts = self.facts.values()
        sums = [sum((Decimal(amounts[place]) for amounts in facts), Decimal(0)) for place in (0, 1, 2, 5, 6)]
        return [*sums[:3], sums[3] + sums[4]]


def read_day(day: date, tally: Tally, extend_lease: Callable[[], None], *, page_size: int = PAGE_SIZE) -> DayUsage:
    """Read every page of a day, calling `extend_lease` after each.

    Raises GatewayError when a page is missing or garbled, or when pages are inconsistent. The gateway cuts pages
    anew for each answer: a row that is created meanwhile moves another one to the next page, which is then read
    twice. So with several pages, their sum must lie between the day's totals before and after; where it does not,
    the day is read again, `TRIES` times in all. An older gateway has no such totals: its pages are accepted as they
    are, and read again as every day is.
    """
    read = _Reader(day, tally, extend_lease, page_size)
    return _until_consistent(lambda: _read_once(read))


def _read_once(read: "_Reader") -> DayUsage:
    first = next(read.pages())
    if first.total_pages <= 1:
        return read.combine([first])
    before = read.totals()
    day_usage = read.combine(read.pages())
    after = read.totals()
    if before and after:
        _assert_between(day_usage, before, after)
    return day_usage


def read_day_of(
    user_id: str, day: date, tally: Tally, extend_lease: Callable[[], None], *, page_size: int = PAGE_SIZE
) -> DayUsage:
    """Read what a person, by their name at the gateway, used on a day. Raises GatewayError."""
    read = _Reader(day, tally, extend_lease, page_size, user_id)
    return _until_consistent(lambda: read.combine(read.pages()))


def in_parts(names: Iterable[V]) -> Iterator[list[V]]:
    """Yield tokens, or ids, in batches."""
    remaining = iter(names)
    while part := list(islice(remaining, NAMES_AT_ONCE)):
        yield part


def _until_consistent(read: Callable[[], DayUsage]) -> DayUsage:
    """Return the first consistent reading of at most `TRIES`."""
    tries_left = TRIES
    while True:
        try:
            return read()
        except _PagesMoved:
            tries_left -= 1
            if not tries_left:
                raise


class _Reader:
    def __init__(
        self, day: date, tally: Tally, extend_lease: Callable[[], None], page_size: int, user_id: str | None = None
    ) -> None:
        self._day, self._tally, self._extend_lease, self._page_size = day, tally, extend_lease, page_size
        self._user_id = user_id
        self._usage = get_gateway().usage

    def pages(self) -> Iterator[ActivityPage]:
        pages = self._usage.daily_activity(self._day, self._day, user_id=self._user_id, page_size=self._page_size)
        while page := self._timed(lambda: next(pages, None)):
            self._tally.pages += 1
            self._tally.rows += len(page.rows)
            self._tally.missing |= page.missing
            yield page

    def totals(self) -> DayTotals | None:
        """Return the gateway's own sums of the day; None from an older one without them, which is recorded."""
        try:
            return self._timed(lambda: self._usage.day_totals(self._day))
        except GatewayError as error:
            if not is_unknown_route(error):
                raise
            self._tally.missing.add("day_totals")
            return None

    def combine(self, pages: Iterable[ActivityPage]) -> DayUsage:
        """Add up consistent pages."""
        day_usage = DayUsage(self._day)
        expected = None
        for page in pages:
            expected = page.total_pages if expected is None else expected
            _assert_in_place(page, expected, self._day)
            day_usage.invalid.extend(page.invalid)
            for row in page.rows:
                day_usage.add(row)
        return _bounded(day_usage)

    def _timed(self, ask: Callable[[], T | None]) -> T | None:
        """Call the gateway, and record how long it worked, also when it failed."""
        began = time.monotonic()
        try:
            answer = ask()
        except GatewayError:
            self._tally.gateway_s += time.monotonic() - began
            raise
        self._tally.gateway_s += answer.took_s if answer else 0.0
        self._extend_lease()
        return answer


def _amounts(row: ActivityRow) -> Amounts:
    return [
        row.spend_usd,
        row.prompt_tokens,
        row.completion_tokens,
        row.cache_read_tokens,
        row.cache_creation_tokens,
        row.successful_requests,
        row.failed_requests,
        int(row.response_time_ms),
    ]


def _assert_in_place(page: ActivityPage, total_pages: int, day: date) -> None:
    """Raise for a page that does not belong to the others."""
    if page.total_pages != total_pages or page.has_more != (page.page < total_pages):
        raise _moved("the number of pages")
    if not page.rows and not page.invalid and total_pages:
        raise _moved("a page")
    if any(row.day != day for row in page.rows):
        raise not_understood("it is about another day")


def _assert_between(day_usage: DayUsage, before: DayTotals, after: DayTotals) -> None:
    """Raise for inconsistent pages of a day, as far as their numbers are valid."""
    invalid = {metric.measure for metric in day_usage.invalid}
    for place, (ours, least, most) in enumerate(zip(day_usage.totals(), _bounds(before), _bounds(after), strict=True)):
        if invalid & TOTALED_MEASURES[place] or least is None or most is None:
            continue
        slack = max(abs(most), Decimal(1)) * SPEND_TOLERANCE if place == 0 else Decimal(0)
        if ours > most + slack or (ours < least - slack and "" not in invalid):
            raise _moved("the sum of its pages")


def _bounds(totals: DayTotals) -> list[Decimal | None]:
    counts = (totals.prompt_tokens, totals.completion_tokens, totals.successful_requests, totals.failed_requests)
    prompt, completion, ok, failed = (None if count is None else Decimal(count) for count in counts)
    return [totals.spend_usd, prompt, completion, None if ok is None or failed is None else ok + failed]


def _moved(what: str) -> _PagesMoved:
    return _PagesMoved(f"The gateway's activity changed while it was read: {what} does not fit.")


def _bounded(day_usage: DayUsage) -> DayUsage:
    """Round amounts as the database does; leave out impossible ones, so that the others are counted."""
    for (token, model), amounts in day_usage.facts.items():
        for place, count in enumerate(amounts):
            if place and not -LARGEST_COUNT <= int(count) <= LARGEST_COUNT:
                day_usage.mark_invalid(token, model, place)
    total = sum((abs(Decimal(amounts[0])) for amounts in day_usage.facts.values()), Decimal(0))
    if total > (largest := largest_day_usd()):
        for (token, model), amounts in sorted(day_usage.facts.items(), key=lambda fact: -abs(Decimal(fact[1][0]))):
            total -= abs(Decimal(amounts[0]))
            day_usage.mark_invalid(token, model, 0)
            if total <= largest:
                break
    for amounts in day_usage.facts.values():
        amounts[0] = exact_usd(Decimal(amounts[0]))
    return day_usage
