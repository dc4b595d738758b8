"""The lab's currency and its rate; without one, amounts are shown in USD, as they are stored (ADR 42)."""

from dataclasses import dataclass
from decimal import Decimal
from typing import Final

from django.conf import settings

USD: Final = "USD"


@dataclass(frozen=True, slots=True)
class Rate:
    """What a USD is worth in a currency."""

    currency: str
    per_usd: Decimal

    def amount(self, usd: Decimal) -> Decimal:
        """Return an amount in this currency."""
        return usd * self.per_usd


def present_rate() -> Rate | None:
    """Return the rate at which pages show amounts; None: they show USD."""
    if not settings.CURRENCY or settings.CURRENCY_RATE is None:
        return None
    return Rate(settings.CURRENCY, settings.CURRENCY_RATE)


def shown_currency() -> str:
    """Return the code of the currency in which pages show amounts: "USD", "EUR"."""
    rate = present_rate()
    return rate.currency if rate else USD


def shown_amount(usd: Decimal) -> Decimal:
    """Return an amount in the currency in which pages show it."""
    rate = present_rate()
    return rate.amount(usd) if rate else usd
