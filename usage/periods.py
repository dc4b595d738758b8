"""Periods of usage: those that a URL names, the one before each, and those of budgets.

Days are the gateway's, UTC. A period never reaches beyond today.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import product
from typing import Final

from django.conf import settings

MAX_DAYS: Final = 1100  # of a custom period: three years
DEFAULT: Final = "30d"
LENGTHS: Final = {"today": 1, "7d": 7, "30d": 30, "90d": 90}
NAMES: Final = (*LENGTHS, "month", "last-month")
MORE_NAMES: Final = ("yesterday", "week", "last-week", "semester", "year")  # in the menu of pages
A_DAY: Final = timedelta(days=1)
A_WEEK: Final = timedelta(days=7)


@dataclass(frozen=True, slots=True)
class Period:
    """Whole UTC days, both ends included; `name` as in the URL, "" for a custom period."""

    name: str
    first_day: date
    last_day: date

    @property
    def length(self) -> int:
        """The number of days."""
        return (self.last_day - self.first_day).days + 1

    def days(self) -> list[date]:
        """Return every day, oldest first."""
        return [self.first_day + timedelta(days=number) for number in range(self.length)]

    def previous(self) -> "Period":
        """Return the same number of days just before; for a month the month before, for a part of one the same part.

        So for a week, a semester and a year.
        """
        if self.name == "last-month":
            return Period("", _month_before(self.first_day), self.first_day - A_DAY)
        if self.name in ("month", *MORE_NAMES) and self.name != "yesterday":
            first = _start_before(self.name, self.first_day)
            return Period("", first, min(first + timedelta(days=self.length - 1), self.first_day - A_DAY))
        return Period("", self.first_day - timedelta(days=self.length), self.first_day - A_DAY)

    def params(self) -> dict[str, str]:
        """Return its URL parameters; none for the default."""
        if not self.name:
            return {"from": self.first_day.isoformat(), "to": self.last_day.isoformat()}
        return {} if self.name == DEFAULT else {"period": self.name}


def named(name: str, today: date) -> Period:
    """Return one of NAMES or MORE_NAMES as it is today."""
    monday = today - timedelta(days=today.weekday())
    ends = {
        "month": (today.replace(day=1), today),
        "last-month": (_month_before(today), today.replace(day=1) - A_DAY),
        "yesterday": (today - A_DAY, today - A_DAY),
        "week": (monday, today),
        "last-week": (monday - A_WEEK, monday - A_DAY),
        "semester": (semester_start(today), today),
        "year": (today.replace(month=1, day=1), today),
    }
    return Period(name, *ends.get(name, (today - timedelta(days=LENGTHS.get(name, 1) - 1), today)))


def semester_start(day: date) -> date:
    """Return the first day of the semester of a day: the last of SEMESTER_STARTS."""
    starts = [
        date.fromisoformat(f"{year}-{start}")
        for year, start in product((day.year - 1, day.year), settings.SEMESTER_STARTS)
    ]
    return max(start for start in starts if start <= day)


def period_of(params: Mapping[str, str], today: date) -> Period:
    """Return the period that a URL names; the default if it names none or an invalid one.

    One end is enough for a custom period; swapped ends are corrected.
    """
    ends = [day for day in (_day(params.get("from", "")), _day(params.get("to", ""))) if day]
    if ends:
        first, last = min(ends), (max(ends) if len(ends) == 2 else today)
        return _chosen(first, last, today)
    name = params.get("period", DEFAULT)
    return named(name if name in (*NAMES, *MORE_NAMES) else DEFAULT, today)


def _chosen(first: date, last: date, today: date) -> Period:
    last = min(last, today)
    first = min(first, last)
    return Period("", max(first, last - timedelta(days=MAX_DAYS - 1)), last)


def _day(text: str) -> date | None:
    """Return the day in the format of a browser's date field; None for days outside of the calendar's range."""
    try:
        day = date.fromisoformat(text)
    except ValueError:
        return None
    return day if date(2000, 1, 1) <= day <= date(9000, 1, 1) else None


def budget_first_day(budget_period: str, today: date) -> date | None:
    """Return the day since which the gateway counts a budget ("1d", "7d", "30d"); None if unknown."""
    if budget_period == "1d":
        return today
    if budget_period == "7d":
        return today - timedelta(days=today.weekday())
    return today.replace(day=1) if budget_period == "30d" else None


def budget_reset_day(budget_period: str, today: date) -> date | None:
    """Return the day at whose beginning (UTC) a budget resets; None if unknown."""
    first = budget_first_day(budget_period, today)
    if first is None:
        return None
    if budget_period == "30d":
        return next_month(today)
    return first + (A_DAY if budget_period == "1d" else timedelta(days=7))


def _month_before(day: date) -> date:
    """Return the first day of the month before that of `day`."""
    return (day.replace(day=1) - A_DAY).replace(day=1)


def _start_before(name: str, first: date) -> date:
    """Return the first day of the week, month, semester or year before the one that starts on `first`."""
    if name == "semester":
        return semester_start(first - A_DAY)
    if name == "year":
        return first.replace(year=first.year - 1)
    return _month_before(first) if name == "month" else first - A_WEEK


def next_month(day: date) -> date:
    """Return the first day of the month after that of `day`."""
    return (day.replace(day=1) + timedelta(days=32)).replace(day=1)
