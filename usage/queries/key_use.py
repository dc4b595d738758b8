"""What each key of a person has used: its days, its budget, its last use. One query for all of them."""

from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from typing import Any, Final

from django.db.models import Max, OuterRef, Q, QuerySet, Subquery, Sum

from accounts.models import User
from keys.models import Key, PersonBudget
from keys.status import BudgetUse
from usage.models import DayToken, Notice, UsageState
from usage.periods import budget_first_day, budget_reset_day
from usage.queries.sums import NOTHING_USD

SPARK_DAYS: Final = 30
WARN_SHARE: Final = Decimal("0.8")  # of a budget; from here on the owner is warned
BUDGET_PERIODS: Final = ("1d", "7d", "30d")
FIELDS: Final = ("pk", "label", "kind", "state", "intern_name", "budget_usd", "budget_period", "expires_at", "ended_at")


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyUse:
    """A key and its use. `days_usd` are thirty days, oldest first, when they were asked for."""

    id: Any
    label: str
    kind: str
    state: str
    intern_name: str
    budget_usd: Decimal | None
    budget_period: str
    expires_at: Any
    ended_at: Any
    spent_usd: Decimal | None  # in the budget's period; None: nobody knows when that began
    resets_on: date | None
    last_day: date | None
    as_of: Any  # when the numbers were read
    notice_id: int | None  # of its owner's newest notice that is not dismissed
    days_usd: tuple[Decimal, ...] = ()

    @property
    def recent_usd(self) -> Decimal:
        """What was spent in `days_usd`."""
        return sum(self.days_usd, NOTHING_USD)

    @property
    def is_live(self) -> bool:
        """Whether its budget still means something."""
        return self.state in Key.LIVE_STATES

    @property
    def left_usd(self) -> Decimal | None:
        """What is left of the budget, never less than nothing."""
        if self.budget_usd is None or self.spent_usd is None:
            return None
        return max(NOTHING_USD, self.budget_usd - self.spent_usd)

    @property
    def bar_usd(self) -> Decimal:
        """What is spent, as much as the bar of its budget holds."""
        return max(NOTHING_USD, min(self.spent_usd or NOTHING_USD, self.budget_usd or NOTHING_USD))

    @property
    def tone(self) -> str:
        """ "bad" when the budget is used up, "warn" when nearly, else ""."""
        if self.budget_usd is None or self.spent_usd is None:
            return ""
        if self.spent_usd >= self.budget_usd:
            return "bad"
        return "warn" if self.spent_usd >= WARN_SHARE * self.budget_usd else ""


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
    """Return what was spent with one secret on all days; the gateway bills some calls under another hash of it."""
    same = Q(token_ref__token=token) | Q(token_ref__alias=alias, token_ref__alias__gt="")
    return DayToken.objects.filter(same).aggregate(usd=Sum("spend_usd"))["usd"] or NOTHING_USD


def person_use(user: User, today: date) -> BudgetUse | None:
    """Return the person's budget for all keys together where little or nothing is left of it; one query."""
    since = {
        f"since_{name}": Sum(
            "owner__token_refs__days__spend_usd",
            filter=Q(owner__token_refs__days__day__gte=budget_first_day(name, today)),
        )
        for name in BUDGET_PERIODS
    }
    rows = PersonBudget.objects.filter(owner=user, budget_usd__gt=0, budget_period__in=BUDGET_PERIODS).annotate(**since)
    for row in rows:
        spent_usd = getattr(row, f"since_{row.budget_period}") or NOTHING_USD
        if row.budget_usd and spent_usd >= WARN_SHARE * row.budget_usd:
            resets_on = budget_reset_day(row.budget_period, today)
            return BudgetUse(is_used_up=spent_usd >= row.budget_usd, resets_on=resets_on, of_person=True)
    return None


def pressing_budget(use: KeyUse | None, kind: str, of_person: BudgetUse | None) -> BudgetUse | None:
    """Return the budget that stops a key first, if one comes to its end; keys made outside count in no person's."""
    own = None
    if use and use.tone:
        own = BudgetUse(is_used_up=use.tone == "bad", resets_on=use.resets_on, of_person=False)
    if of_person is None or kind == Key.Kind.OUTSIDE or (own and own.is_used_up >= of_person.is_used_up):
        return own
    return of_person


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
