"""The dated rates of the lab's currency, for web.currency."""

from typing import Final

from usage.models import ExchangeRate, utc_today
from web.currency import Rate


class _Rates:
    """The rates in the database."""

    def newest(self, currency: str) -> Rate | None:
        """Return the rate that holds today, else the first that will; one query."""
        rates = ExchangeRate.objects.filter(currency=currency)
        found = rates.filter(day__lte=utc_today()).order_by("-day").first() or rates.order_by("day").first()
        return _rate(found) if found else None

    def all(self, currency: str) -> list[Rate]:
        """Return all rates, oldest first; one query."""
        return [_rate(row) for row in ExchangeRate.objects.filter(currency=currency).order_by("day")]


def _rate(row: ExchangeRate) -> Rate:
    return Rate(row.currency, row.per_usd.normalize(), row.day)


RATES: Final = _Rates()
