"""Budgets with their forecast: of the portal, a group, a course, a person, a key. One query each."""

from collections import defaultdict
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any, Final, NamedTuple
from uuid import UUID

from django.db.models import Q, QuerySet, Sum
from django.utils import timezone

from accounts.models import User
from keys.models import PersonBudget
from keys.use import KeyUse
from usage.forecast import Forecast, Spend, forecast, history_first_day
from usage.models import DayModel, DayPerson, DayToken, TokenRef, UsageState
from usage.periods import budget_first_day, budget_reset_day, next_month
from usage.queries.key_use import is_of_budget

A_DAY: Final = timedelta(days=1)
MONTH: Final = "30d"
LONG_PERIODS: Final = ("7d", MONTH)  # a day has no days to forecast


def read_at(state: UsageState) -> datetime:
    """Return the time of the numbers (UTC); now if they are of an earlier month."""
    return of_this_month(state.last_ok_at)


def of_this_month(polled_at: datetime | None) -> datetime:
    """Return the time of a poll (UTC); now if it was in an earlier month, or never."""
    now = timezone.now()
    as_of = polled_at.astimezone(UTC) if polled_at else now
    return as_of if (as_of.year, as_of.month) == (now.year, now.month) else now


def portal_days(as_of: datetime) -> Spend:
    """Return everybody's spend by day, as a forecast of the month needs it."""
    return _by_day(DayModel.objects.all(), history_first_day(as_of.date().replace(day=1), as_of))


def month_forecast(spend: Spend, budget_usd: Decimal | None, as_of: datetime) -> Forecast:
    """Return the forecast of the present month."""
    first = as_of.date().replace(day=1)
    return forecast(spend, first_day=first, last_day=next_month(first) - A_DAY, budget_usd=budget_usd, as_of=as_of)


def group_days(people: Collection[int], as_of: datetime) -> Spend:
    """Return the spend of these people by day, as a forecast of the month needs it."""
    rows = DayPerson.objects.filter(person_number__in=people)
    return _by_day(rows, history_first_day(as_of.date().replace(day=1), as_of))


def forecast_of_person(person: User, state: UsageState) -> Forecast | None:
    """Return the forecast of a person's budget for all keys; None without one for a week or a month; two queries."""
    budget = PersonBudget.objects.filter(owner=person, budget_usd__gt=0, budget_period__in=LONG_PERIODS).first()
    if budget is None:
        return None
    as_of = read_at(state)
    return forecast_of_budget(days_of_person(person, as_of).of_budget, budget.budget_usd, budget.budget_period, as_of)


def forecast_of_key(use: KeyUse, today: date) -> Forecast | None:
    """Return the forecast of a key's budget, from its thirty days; None without a budget for a week or a month."""
    first = budget_first_day(use.budget_period, today)
    if first is None or not use.is_live:
        return None
    spend = {today - number * A_DAY: usd for number, usd in enumerate(reversed(use.days_usd))}
    before = (use.spent_usd or Decimal(0)) - sum(usd for day, usd in spend.items() if day >= first)
    spend[first] = spend.get(first, Decimal(0)) + before  # a month may have one day more
    return forecast_of_budget(spend, use.budget_usd, use.budget_period, of_this_month(use.as_of))


@dataclass(frozen=True, slots=True, kw_only=True)
class PersonDays:
    """What somebody spent by day: with each key, former owners included, and in the budget for all keys together."""

    by_key: dict[UUID | None, Spend]
    of_budget: Spend


def days_of_person(person: User, as_of: datetime) -> PersonDays:
    """Return the spend of a person by day, as forecasts of a week or month need it; one query.

    Without keys of courses: their budgets are for the whole course, and a teacher may hand out hundreds.
    """
    first = history_first_day(as_of.date().replace(day=1), as_of)
    tokens = TokenRef.objects.filter(Q(owner=person) | Q(key__owner=person), key__team=None).values("pk")
    rows = DayToken.objects.filter(token_ref__in=tokens, day__gte=first).order_by()
    by_key: dict[UUID | None, dict[date, Decimal]] = defaultdict(lambda: defaultdict(Decimal))
    of_budget: dict[date, Decimal] = defaultdict(Decimal)
    names = ("token_ref__key", "token_ref__key__kind", "token_ref__owner", "day", "spend_usd")
    for key, kind, owner, day, usd in rows.values_list(*names):
        by_key[key][day] += usd
        if owner == person.pk and is_of_budget(kind, None):
            of_budget[day] += usd
    return PersonDays(by_key={key: dict(days) for key, days in by_key.items()}, of_budget=dict(of_budget))


def forecast_of_budget(spend: Spend, budget_usd: Decimal | None, period: str, as_of: datetime) -> Forecast | None:
    """Return the forecast of a budget in its present period; None without one for a week or a month.

    Numbers of an earlier period have no spend of this one: it is then as of now.
    """
    now = timezone.now()
    first, end = budget_first_day(period, now.date()), budget_reset_day(period, now.date())
    if not budget_usd or period not in LONG_PERIODS or first is None or end is None:
        return None
    as_of = as_of if as_of.date() >= first else now
    return forecast(spend, first_day=first, last_day=end - A_DAY, budget_usd=budget_usd, as_of=as_of)


def used_up_on(found: Forecast | None) -> date | None:
    """Return the day on which a budget will be used up, which it is not yet."""
    return None if found is None or found.is_used_up else found.used_up_on


class Budget(NamedTuple):
    """A budget in a list, and what was spent of it in its period; `pk` is whose it is."""

    pk: Any
    budget_usd: Decimal | None
    period: str
    spent_usd: Decimal | None

    @property
    def may_be_in_danger(self) -> bool:
        """Whether half of it is spent, but not all: of others the days are not read."""
        spent_usd, budget_usd = self.spent_usd or Decimal(0), self.budget_usd or Decimal(0)
        return self.period in LONG_PERIODS and budget_usd > spent_usd >= budget_usd / 2


def days_of_danger(budgets: Iterable[Budget], rows: QuerySet[Any], by: str, state: UsageState) -> dict[Any, date]:
    """Return the days on which budgets will be used up before they reset, where they will be.

    `by` is the field of `rows` that says whose a row is; at most one query.
    """
    found = [budget for budget in budgets if budget.may_be_in_danger]
    if not found:
        return {}
    as_of = read_at(state)
    first = history_first_day(as_of.date().replace(day=1), as_of)
    days: dict[Any, dict[date, Decimal]] = defaultdict(dict)
    recent = rows.filter(**{f"{by}__in": [budget.pk for budget in found]}, day__gte=first).order_by()
    for pk, day, usd in recent.values_list(by, "day").annotate(usd=Sum("spend_usd")):
        days[pk][day] = usd
    ends = {
        budget.pk: used_up_on(forecast_of_budget(days[budget.pk], budget.budget_usd, budget.period, as_of))
        for budget in found
    }
    return {pk: day for pk, day in ends.items() if day}


def _by_day(rows: QuerySet[Any], first_day: date) -> Spend:
    days = rows.filter(day__gte=first_day).order_by().values_list("day")
    return dict(days.annotate(usd=Sum("spend_usd")))
