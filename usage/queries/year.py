"""The spend of a year by day, and the forecast of the month at the present pace."""

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from statistics import median
from typing import Final

from django.utils import timezone

from usage.models import UsageState
from usage.periods import next_month
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


@dataclass(frozen=True, slots=True)
class Forecast:
    """The current month: spend so far, and forecast at this pace; the budget, if there is one."""

    first_day: date
    last_day: date
    spent_usd: Decimal
    projected_usd: Decimal
    budget_usd: Decimal | None

    @property
    def over_usd(self) -> Decimal | None:
        """By how much the forecast exceeds the budget; negative if it is below."""
        return None if self.budget_usd is None else self.projected_usd - self.budget_usd

    @property
    def spent_percent(self) -> int:
        """The spent share of the whole, for a bar."""
        return self._percent(self.spent_usd)

    @property
    def projected_percent(self) -> int:
        """The forecast share of the whole, for a bar."""
        return self._percent(self.projected_usd)

    def _percent(self, part: Decimal) -> int:
        """Return the share of the budget, or else of the forecast, limited to the bar."""
        whole = self.budget_usd or self.projected_usd
        return min(100, max(0, round(100 * part / whole))) if whole > 0 else 0


def forecast(spent_usd: Decimal, budget_usd: Decimal | None, as_of: datetime) -> Forecast:
    """Extrapolate the month linearly from the spend until `as_of` (UTC).

    The first day counts as a whole: an hour says nothing about a month.
    """
    first = as_of.date().replace(day=1)
    days = (next_month(first) - first).days
    gone = max(Decimal(1), as_of.day - 1 + Decimal(as_of.hour * 60 + as_of.minute) / 1440)
    return Forecast(first, first + timedelta(days=days - 1), spent_usd, spent_usd * days / gone, budget_usd)


def month_forecast(spent_usd: Decimal, budget_usd: Decimal | None, state: UsageState) -> Forecast:
    """Return the month so far, as of the last numbers if those are of this month."""
    now = timezone.now()
    as_of = state.last_ok_at.astimezone(UTC) if state.last_ok_at else now
    if (as_of.year, as_of.month) != (now.year, now.month):
        as_of = now
    return forecast(spent_usd, budget_usd, as_of)


def spent_since(first_day: date, today: date) -> Decimal:
    """Return everybody's spend since a day; one query."""
    return sum((usd for _, usd in spend_by_day(FilteredScope(), first_day, today)), NOTHING_USD)
