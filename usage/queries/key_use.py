"""The use of each key of a person: its days, its budget, its last use. One query for all of them."""

from collections.abc import Collection, Iterator
from datetime import date, timedelta
from decimal import Decimal
from typing import Any, Final
from uuid import UUID

from django.db.models import Max, OuterRef, Q, QuerySet, Subquery, Sum

from accounts.models import User
from keys.models import Key, PersonBudget
from keys.use import NOTHING_USD, KeyUse, PersonSpent
from usage.models import DayToken, Notice, UsageState
from usage.periods import budget_first_day, budget_reset_day

SPARK_DAYS: Final = 30
BUDGET_PERIODS: Final = ("1d", "7d", "30d")
KNOWN: Final = Q(budget_usd__gt=0, budget_period__in=BUDGET_PERIODS)  # budgets with known periods
FIELDS: Final = ("pk", "label", "kind", "state", "intern", "budget_usd", "budget_period", "expires_at", "ended_at")


def use_of(keys: QuerySet[Key], today: date, *, with_days: bool = False) -> list[KeyUse]:
    """Return the use of these keys, newest key first; one query."""
    days = [today - timedelta(days=SPARK_DAYS - 1 - number) for number in range(SPARK_DAYS)] if with_days else []
    rows = (
        keys.order_by("-created_at", "pk")
        .values(*FIELDS)
        .annotate(
            **{
                f"since_{name}": _spend(token_refs__days__day__gte=budget_first_day(name, today))
                for name in BUDGET_PERIODS
            },
            **{f"day_{place}": _spend(token_refs__days__day=day) for place, day in enumerate(days)},
            last_day=Max("token_refs__days__day"),
            as_of=Subquery(UsageState.objects.filter(pk=1).values("last_ok_at")),
            notice=Subquery(_notices().values("pk")[:1]),
        )
    )
    return [_use(row, today, len(days)) for row in rows]


def spent_with(token: str | None, alias: str | None) -> Decimal:
    """Return the spend of one secret on all days; the gateway bills some calls under another hash of it."""
    same = Q(token_ref__token=token) | Q(token_ref__alias=alias, token_ref__alias__gt="")
    return DayToken.objects.filter(same).aggregate(usd=Sum("spend_usd"))["usd"] or NOTHING_USD


def spent_of_teams(team_ids: Collection[UUID]) -> dict[UUID, Decimal]:
    """Return the spend of all keys of each of these teams, on all days; a team without any is missing."""
    days = DayToken.objects.filter(token_ref__key__team__in=team_ids).order_by()
    sums = days.values("token_ref__key__team").annotate(sum_usd=Sum("spend_usd"))
    return dict(sums.values_list("token_ref__key__team", "sum_usd"))


def person_spent(user: User, today: date) -> PersonSpent | None:
    """Return the person's budget for all keys together and its spend; one query. None: no limit."""
    ours = ~Q(owner__token_refs__key__kind=Key.Kind.EXTERNAL) & Q(owner__token_refs__key__team=None)
    since = {
        f"since_{name}": Sum(
            "owner__token_refs__days__spend_usd",
            filter=ours & Q(owner__token_refs__days__day__gte=budget_first_day(name, today)),
        )
        for name in BUDGET_PERIODS
    }
    for row in PersonBudget.objects.filter(KNOWN, owner=user).annotate(**since):
        return _person_spent(row, getattr(row, f"since_{row.budget_period}"), today)
    return None


def people_spent(today: date) -> Iterator[tuple[PersonBudget, PersonSpent]]:
    """Yield all people's budgets that have any spend, with its amount; two queries for each period in use."""
    for period in BUDGET_PERIODS:
        rows = PersonBudget.objects.filter(KNOWN, budget_period=period).select_related("owner")
        days = DayToken.objects.filter(
            day__gte=budget_first_day(period, today),
            token_ref__owner__person_budget__budget_period=period,
            token_ref__key__team=None,
        ).exclude(token_ref__key__kind=Key.Kind.EXTERNAL)
        sums = days.order_by().values("token_ref__owner").annotate(sum_usd=Sum("spend_usd"))
        spent = dict(sums.values_list("token_ref__owner", "sum_usd"))
        for row in rows.iterator():
            if row.owner_id in spent:
                yield row, _person_spent(row, spent[row.owner_id], today)


def _person_spent(row: PersonBudget, spent_usd: Decimal | None, today: date) -> PersonSpent:
    return PersonSpent(
        budget_usd=row.budget_usd,
        budget_period=row.budget_period,
        spent_usd=spent_usd or NOTHING_USD,
        resets_on=budget_reset_day(row.budget_period, today),
        kept_by_gateway=row.state != PersonBudget.State.WITHOUT_TEAMS,
    )


def _spend(**days: object) -> Sum:
    return Sum("token_refs__days__spend_usd", filter=Q(**days))


def _notices() -> QuerySet[Notice]:
    """Return the notices about the key that its owner has not dismissed, newest first."""
    return Notice.objects.filter(key=OuterRef("pk"), person=OuterRef("owner"), seen_at=None)


def _use(row: dict[str, Any], today: date, days: int) -> KeyUse:
    budget_period = row["budget_period"]
    known = budget_period in BUDGET_PERIODS
    return KeyUse(
        id=row["pk"],
        **{name: row[name] for name in FIELDS[1:]},
        spent_usd=(row[f"since_{budget_period}"] or NOTHING_USD) if known else None,
        resets_on=budget_reset_day(budget_period, today),
        last_day=row["last_day"],
        as_of=row["as_of"],
        notice_id=row["notice"],
        days_usd=tuple(row[f"day_{place}"] or NOTHING_USD for place in range(days)),
    )
