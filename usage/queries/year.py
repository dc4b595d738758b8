"""The spend of a year by day."""

from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from statistics import median
from typing import Final

from usage.queries.aggregates import spend_by_day
from usage.queries.scope import FilteredScope
from usage.queries.sums import NOTHING_USD

WEEKS: Final = 53
SATURDAY: Final = 5


@dataclass(frozen=True, slots=True)
class Year:
    """Whole weeks from Monday to today, oldest first; `spend_usd` has every day."""

    first_day: date
    spend_usd: tuple[Decimal, ...]

    def day(self, place: int) -> date:
        """Return the day at a place of `spend_usd`."""
        return self.first_day + timedelta(days=place)

    @property
    def total_usd(self) -> Decimal:
        """The total."""
        return sum(self.spend_usd, NOTHING_USD)

    @property
    def most(self) -> tuple[date, Decimal]:
        """The day with the highest spend, and its amount."""
        place = max(range(len(self.spend_usd)), key=self.spend_usd.__getitem__)
        return self.day(place), self.spend_usd[place]

    @property
    def usual_usd(self) -> Decimal:
        """The median of weekdays with any spend."""
        working = [usd for place, usd in enumerate(self.spend_usd) if place % 7 < SATURDAY and usd]
        return median(working) if working else NOTHING_USD

    def levels(self) -> list[int]:
        """Return 0 for no spend, otherwise 1 to 4 by quartile of the days with any."""
        ranked = sorted(usd for usd in self.spend_usd if usd)
        bounds = [ranked[len(ranked) * part // 4] for part in (1, 2, 3)] if ranked else []
        return [1 + sum(usd >= bound for bound in bounds) if usd else 0 for usd in self.spend_usd]


def year(of: FilteredScope, today: date) -> Year:
    """Read the days of a year; one query."""
    first = today - timedelta(days=today.weekday() + 7 * (WEEKS - 1))
    found = dict(spend_by_day(of, first, today))
    days = (first + timedelta(days=number) for number in range((today - first).days + 1))
    return Year(first, tuple(found.get(day, NOTHING_USD) for day in days))
