"""The statement for the accounts: what was spent in a year, by month and cost centre (ADR 42)."""

from calendar import monthrange
from collections import defaultdict
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from django.db.models import F, Sum

from usage.models import CostCentre, DayCostCentre, DayModel
from web.currency import day_rates


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """The spend of a month under a cost centre, "" for none."""

    month: date  # its first day
    code: str
    spend_usd: Decimal
    amount: Decimal | None  # in the lab's currency, each day at its own rate; None: there is no such currency
    requests: int

    @property
    def last_day(self) -> date:
        """The last day of the month."""
        return self.month.replace(day=monthrange(self.month.year, self.month.month)[1])


def statement(year: int) -> list[Entry]:
    """Return the entries of a year, oldest month first, by code; three queries."""
    codes = dict(CostCentre.objects.values_list("pk", "code"))
    rate_of = day_rates()
    days = DayCostCentre.objects.filter(day__year=year).order_by().values("day", "cost_centre_number")
    sums = {"usd": Sum("spend_usd"), "requests": Sum(F("ok_requests") + F("failed_requests"))}
    found: dict[tuple[date, str], list[tuple[Decimal, Decimal | None, int]]] = defaultdict(list)
    for day, number, usd, requests in days.annotate(**sums).values_list("day", "cost_centre_number", *sums):
        rate = rate_of(day)
        amount = rate.amount(usd) if rate else None
        found[day.replace(day=1), codes.get(number, "")].append((usd, amount, requests))
    return [
        Entry(
            month=month,
            code=code,
            spend_usd=sum((usd for usd, _amount, _requests in rows), Decimal(0)),
            amount=_sum([amount for _usd, amount, _requests in rows]),
            requests=sum(requests for _usd, _amount, requests in rows),
        )
        for (month, code), rows in sorted(found.items())
    ]


def total_of(entries: list[Entry], month: date, code: str = "") -> Entry:
    """Return several entries as one."""
    return Entry(
        month=month,
        code=code,
        spend_usd=sum((entry.spend_usd for entry in entries), Decimal(0)),
        amount=_sum([entry.amount for entry in entries]),
        requests=sum(entry.requests for entry in entries),
    )


def first_year() -> int | None:
    """Return the year of the first usage; one query."""
    first = DayModel.objects.order_by("day").values_list("day", flat=True).first()
    return first.year if first else None


def _sum(amounts: list[Decimal | None]) -> Decimal | None:
    known = [amount for amount in amounts if amount is not None]
    return sum(known, Decimal(0)) if known else None
