"""Upper bounds of plausible amounts."""

from decimal import Decimal
from typing import Final

from django.db import connection

LARGEST_DAY_USD: Final = Decimal(1_000_000)  # of all keys
LARGEST_DAY_ON_SQLITE_USD: Final = Decimal(8_000)  # it sums in 64 bits, which hold three years of such days


def largest_day_usd() -> Decimal:
    """Return the largest plausible spend of all keys in a day; more is a mistake in the gateway's prices."""
    return LARGEST_DAY_ON_SQLITE_USD if connection.vendor == "sqlite" else LARGEST_DAY_USD
