"""The list of keys that were made outside and have no owner: searched, paged, with their spend."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from typing import Any, ClassVar, Final
from uuid import UUID

from django.db.models import F, OuterRef, Q, QuerySet, Subquery, Sum

from accounts.models import BudgetPeriod
from keys.budget_days import period_first_day
from keys.models import UnownedKey
from people.listing import RECENT_DAYS
from usage.models import DayToken
from web.listing import ListedPage, number_within

OUTSIDE_PER_PAGE: Final = 50
LONGEST_SEARCH: Final = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class OutsidePage(ListedPage):
    """One page of the list."""

    PER_PAGE: ClassVar = OUTSIDE_PER_PAGE

    rows: tuple[Any, ...]  # UnownedKey with `recent_usd`, `total_usd` and `last_day`


def outside_page(q: str, number: int, today: date) -> OutsidePage:
    """Return a page of the keys that match all words, last used first; the last page if the number is too high.

    Two queries.
    """
    found = outside_like(q)
    count = found.count()
    number = number_within(number, count, OUTSIDE_PER_PAGE)
    rows = with_use(found, today)[(number - 1) * OUTSIDE_PER_PAGE : number * OUTSIDE_PER_PAGE]
    return OutsidePage(rows=tuple(rows), number=number, count=count)


def outside_like(q: str) -> QuerySet[UnownedKey]:
    """Return the keys that match all words by alias, user or team at the gateway, or the end of the secret."""
    found = UnownedKey.objects.order_by(F("used_at").desc(nulls_last=True), F("made_at").desc(nulls_last=True), "pk")
    for word in q.split():
        ending = Q(last_four__iexact=word.removeprefix("…"))
        found = found.filter(
            ending | Q(alias__icontains=word) | Q(user_id__icontains=word) | Q(team_id__icontains=word)
        )
    return found


def outside_of(ids: Iterable[UUID], today: date) -> list[Any]:
    """Return these keys with their use, in the order of the list; one query."""
    return list(with_use(outside_like("").filter(pk__in=list(ids)), today))


def with_use(keys: QuerySet[UnownedKey], today: date) -> QuerySet[UnownedKey]:
    """Add recent and total spend, and the last day of use, as the facts have them; and whose it is about to be."""
    days = DayToken.objects.filter(token_ref__token=OuterRef("token"), token_ref__until=None).order_by()
    recent = days.filter(day__gte=today - timedelta(days=RECENT_DAYS - 1))
    sums = {"recent_usd": recent, "total_usd": days}
    spent = {
        name: Subquery(rows.values("token_ref").annotate(usd=Sum("spend_usd")).values("usd"))
        for name, rows in sums.items()
    }
    last_day = Subquery(days.order_by("-day").values("day")[:1])
    return keys.select_related("gift__owner").annotate(last_day=last_day, **spent)


def spend_of(rows: Iterable[Any]) -> Decimal:
    """Return what keys loaded `with_use` have spent in all."""
    return sum((row.total_usd or Decimal(0) for row in rows), Decimal(0))


def spend_by_period(rows: Sequence[UnownedKey], today: date) -> dict[str, Decimal]:
    """Return what these keys have spent together in the current period of a budget, for each period; one query."""
    first_days = {period: period_first_day(period, today) for period in BudgetPeriod.values}
    tokens = [row.token for row in rows]
    days = DayToken.objects.filter(
        token_ref__token__in=tokens, token_ref__until=None, day__gte=min(first_days.values())
    )
    sums = {period: Sum("spend_usd", filter=Q(day__gte=first)) for period, first in first_days.items()}
    return {period: usd or Decimal(0) for period, usd in days.aggregate(**sums).items()}
