"""The lab's currency and its rates; without one, amounts are shown in USD, as they are stored (ADR 42)."""

import time
from bisect import bisect_right
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Final, Protocol

from django.conf import settings
from django.utils.module_loading import import_string

USD: Final = "USD"
FRESH_S: Final = 15.0  # a process reads the newest rate again after so long


@dataclass(frozen=True, slots=True)
class Rate:
    """What a USD is worth in a currency; `day` is the first day on which it holds, None of a fixed rate."""

    currency: str
    per_usd: Decimal
    day: date | None = None

    def amount(self, usd: Decimal) -> Decimal:
        """Return an amount in this currency."""
        return usd * self.per_usd


class DatedRates(Protocol):
    """The rates that are entered in the portal; CURRENCY_RATES names an instance."""

    def newest(self, currency: str) -> Rate | None:
        """Return the rate that holds today."""

    def all(self, currency: str) -> Sequence[Rate]:
        """Return all rates, oldest first."""


class _Newest:
    """The dated rate that holds today, kept for FRESH_S."""

    def __init__(self) -> None:
        self._rate: Rate | None = None
        self._read_at: float | None = None

    def get(self) -> Rate | None:
        """Return the rate, or None before there is one; read it at most once in FRESH_S."""
        now = time.monotonic()
        if self._read_at is None or now - self._read_at >= FRESH_S:
            self._rate, self._read_at = _dated().newest(settings.CURRENCY), now
        return self._rate

    def forget(self) -> None:
        """Read it again at the next use."""
        self._read_at = None


newest_rate: Final = _Newest()


def _dated() -> DatedRates:
    rates: DatedRates = import_string(settings.CURRENCY_RATES)
    return rates


def has_dated_rates() -> bool:
    """Return whether rates are entered in the portal, by day."""
    return bool(settings.CURRENCY) and settings.CURRENCY_RATE is None


def present_rate() -> Rate | None:
    """Return the rate at which pages show amounts; None: they show USD."""
    if not settings.CURRENCY:
        return None
    if settings.CURRENCY_RATE is not None:
        return Rate(settings.CURRENCY, settings.CURRENCY_RATE)
    return newest_rate.get()


def day_rates() -> Callable[[date], Rate | None]:
    """Return a function that gives the rate of a day: the newest until then; before the first one, the first.

    Reads all dated rates: one query.
    """
    if not has_dated_rates():
        fixed = present_rate()
        return lambda _day: fixed
    rates = _dated().all(settings.CURRENCY)
    days = [rate.day for rate in rates if rate.day]
    return lambda day: rates[max(0, bisect_right(days, day) - 1)] if rates else None


def shown_currency() -> str:
    """Return the code of the currency in which pages show amounts: "USD", "EUR"."""
    rate = present_rate()
    return rate.currency if rate else USD


def shown_amount(usd: Decimal) -> Decimal:
    """Return an amount in the currency in which pages show it."""
    rate = present_rate()
    return rate.amount(usd) if rate else usd
