"""The forecast of a budget: what was spent on each day, and what the next days will cost. Knows no database.

Each weekday costs what it has cost on average since four weeks ago, or since the first use if that is later; a weekday
that was seen seldom is drawn towards the mean of all days. Four of five outcomes are within the band, if days differ
as they have done.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from math import sqrt
from typing import Final, NamedTuple

HISTORY_DAYS: Final = 28
LEAST_DAYS: Final = 3  # with spend: of fewer nobody knows what is usual
BAND: Final = 1.28  # standard deviations of a normal distribution with four of five values between
NOTHING_USD: Final = Decimal(0)
A_DAY: Final = timedelta(days=1)
Spend = Mapping[date, Decimal]  # by UTC day


class Expected(NamedTuple):
    """What will have been spent at the end of a day: at least, probably, at most."""

    day: date
    low_usd: Decimal
    usd: Decimal
    high_usd: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class Forecast:
    """A budget's period so far, and its days to come, the present one included; none where too little is known."""

    first_day: date
    last_day: date
    budget_usd: Decimal | None
    so_far_usd: tuple[Decimal, ...]  # by the end of each day since the first
    expected: tuple[Expected, ...]
    is_over: bool = False  # the period has ended: nothing is to come

    @property
    def spent_usd(self) -> Decimal:
        """The spend of the period so far."""
        return self.so_far_usd[-1] if self.so_far_usd else NOTHING_USD

    @property
    def is_known(self) -> bool:
        """Whether there is a forecast, or nothing is to come."""
        return bool(self.expected) or self.is_over

    @property
    def projected_usd(self) -> Decimal:
        """The spend at the end of the period; the spend so far where too little is known."""
        return self.expected[-1].usd if self.expected else self.spent_usd

    @property
    def over_usd(self) -> Decimal | None:
        """By how much the forecast exceeds the budget; negative if it is below."""
        return None if self.budget_usd is None else self.projected_usd - self.budget_usd

    @property
    def is_used_up(self) -> bool:
        """Whether the budget is used up already."""
        return bool(self.budget_usd) and self.spent_usd >= (self.budget_usd or 0)

    @property
    def used_up_on(self) -> date | None:
        """The day on which the budget is, or was, used up; None if it will probably not be."""
        if not self.budget_usd:
            return None
        for number, usd in enumerate(self.so_far_usd if self.is_used_up else ()):  # else a correction was below zero
            if usd >= self.budget_usd:
                return self.first_day + number * A_DAY
        return next((each.day for each in self.expected if each.usd >= self.budget_usd), None)


def history_first_day(first_day: date, as_of: datetime) -> date:
    """Return the first day whose spend a forecast needs."""
    return min(first_day, as_of.date() - HISTORY_DAYS * A_DAY)


def forecast(
    spend: Spend, *, first_day: date, last_day: date, budget_usd: Decimal | None, as_of: datetime, is_over: bool = False
) -> Forecast:
    """Return the forecast of a period as of a moment (UTC), from the spend since `history_first_day`."""
    today = max(first_day, min(as_of.date(), last_day))
    so_far, total = [], NOTHING_USD
    for number in range((today - first_day).days + 1):
        total += spend.get(first_day + number * A_DAY, NOTHING_USD)
        so_far.append(total)
    is_over = is_over or as_of.date() > last_day
    return Forecast(
        first_day=first_day,
        last_day=last_day,
        budget_usd=budget_usd,
        so_far_usd=tuple(so_far),
        expected=() if is_over else _expected(spend, total, today, last_day, as_of),
        is_over=is_over,
    )


def _expected(spend: Spend, spent: Decimal, today: date, last: date, as_of: datetime) -> tuple[Expected, ...]:
    recent = [today - number * A_DAY for number in range(HISTORY_DAYS, 0, -1)]
    used = [day for day in (*recent, today) if spend.get(day)]
    if len(used) < LEAST_DAYS:
        return ()
    days = [day for day in recent if day >= used[0]]
    usual = _by_weekday({day: float(spend.get(day, 0)) for day in days})
    deviation = sqrt(sum((float(spend.get(day, 0)) - usual[day.weekday()]) ** 2 for day in days) / (len(days) - 1))
    rest_of_today = 1 - (as_of.hour * 3600 + as_of.minute * 60 + as_of.second) / 86400 if as_of.date() == today else 1
    found, total, ahead = [], float(spent), 0.0
    for number in range((last - today).days + 1):
        day, part = today + number * A_DAY, rest_of_today if number == 0 else 1.0
        total += part * usual[day.weekday()]
        ahead += part
        off = BAND * deviation * sqrt(ahead + ahead**2 / len(days))  # the mean of so few days may be wrong, too
        found.append(Expected(day, max(spent, _usd(total - off)), _usd(total), _usd(total + off)))
    return tuple(found)


def _by_weekday(spend: Mapping[date, float]) -> list[float]:
    """Return the mean of each weekday, drawn towards the mean of all days as if that were one more of them."""
    mean = sum(spend.values()) / len(spend)
    found = []
    for weekday in range(7):
        amounts = [usd for day, usd in spend.items() if day.weekday() == weekday]
        found.append((sum(amounts) + mean) / (len(amounts) + 1))
    return found


def _usd(amount: float) -> Decimal:
    return Decimal(max(0.0, amount)).quantize(Decimal("0.000001"))
