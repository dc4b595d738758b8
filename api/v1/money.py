"""Amounts in answers: exact, as strings without an exponent or idle zeros."""

from decimal import Decimal
from typing import Annotated

from pydantic import PlainSerializer


def text_of(amount: Decimal) -> str:
    """Return an amount as "2.5"."""
    return format(amount.normalize(), "f")


Usd = Annotated[Decimal, PlainSerializer(text_of, return_type=str)]
