"""Numbers that accompany an answer: token counts and costs. An invalid one is unknown, never an error."""

from collections.abc import Mapping
from contextlib import suppress
from decimal import Decimal, InvalidOperation
from typing import Final

MOST_TOKENS: Final = 2**31 - 1  # as our columns hold them
MOST_USD: Final = 10**9
_MOST_DIGITS: Final = 40


def count(*values: object) -> int | None:
    """Return the first of these that is a count, also one written as 12.0 or "12"; None: unknown."""
    amounts = (_number(value, MOST_TOKENS) for value in values)
    return next((int(amount) for amount in amounts if amount is not None and amount == int(amount)), None)


def usd(value: object) -> Decimal | None:
    """Return an amount of money, or the total of an itemised one; None: unknown."""
    if isinstance(value, Mapping):
        value = next((value[name] for name in ("total_cost", "total") if name in value), None)
    return _number(value, MOST_USD)


def amount(value: object) -> Decimal | None:
    """Return any other number from zero up; None: unknown."""
    return _number(value, MOST_USD)


def _number(value: object, most: int) -> Decimal | None:
    """Return a number from zero to `most`; never converts an endless number into text or digits."""
    if isinstance(value, str) and len(value) < _MOST_DIGITS:
        with suppress(InvalidOperation):
            value = Decimal(value.strip())
    if isinstance(value, bool) or not isinstance(value, int | Decimal):
        return None
    if isinstance(value, Decimal) and not value.is_finite():
        return None
    return Decimal(value) if 0 <= value <= most else None
