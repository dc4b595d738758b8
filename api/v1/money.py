"""Amounts in answers, in USD and in the lab's currency: exact, as strings without an exponent or idle zeros."""

from datetime import date
from decimal import Decimal
from typing import Annotated

from ninja import Field, Schema
from pydantic import PlainSerializer

from web.currency import present_rate


def text_of(amount: Decimal) -> str:
    """Return an amount as "2.5"."""
    return format(amount.normalize(), "f")


Usd = Annotated[Decimal, PlainSerializer(text_of, return_type=str)]


class CurrencyOut(Schema):
    """The lab’s currency, and what a USD is worth in it today."""

    code: str
    per_usd: Usd
    day: date | None = Field(description="The first day of this rate; null: it is fixed.")


def currency_out() -> CurrencyOut | None:
    """Return the lab's currency; None: amounts are in USD only."""
    rate = present_rate()
    return CurrencyOut(code=rate.currency, per_usd=rate.per_usd, day=rate.day) if rate else None


def in_currency(usd: Decimal | None) -> Decimal | None:
    """Return an amount in the lab's currency, at the rate of today; None without one."""
    rate = present_rate()
    return rate.amount(usd) if rate and usd is not None else None
