"""The use of a person's keys, each with its days, its budget, its last use, and of the budget for all of them."""

from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any, Final
from uuid import UUID

from django.db.models import Case, F, Max, Q, Subquery, Sum, Value, When

from accounts.models import User
from keys.models import Key, PersonBudget, Team
from keys.use import NOTHING_USD, KeyUse, PersonSpent, PersonUse, TeamUse
from usage.models import DayToken, UsageState
from usage.periods import budget_first_day, budget_reset_day

SPARK_DAYS: Final = 30
BUDGET_PERIODS: Final = ("1d", "7d", "30d")
KNOWN: Final = Q(budget_usd__gt=0, budget_period__in=BUDGET_PERIODS)  # budgets with known periods
FIELDS: Final = ("label", "kind", "state", "intern", "budget_usd", "budget_period", "expires_at", "ended_at")
BUDGET_FIELDS: Final = ("budget_usd", "budget_period", "state")
OF_PERSON: Final = "owner__person_budget__"
AS_OF: Final = Subquery(UsageState.objects.filter(pk=1).values("last_ok_at"))

Days = dict[date | None, Decimal]  # spend by day; None: on all days before


def person_use(person: User, today: date, among: Sequence[Key] | None = None) -> PersonUse:
    """Return the use of all keys, newest first, with their last days, and of the budget; two queries (no key: three).

    `among` these keys, which were read with their owner's budget: one query, two before their first use. The days of a
    token that had another owner count for its key, not for the person's budget.
    """
    keys = _read(person) if among is None else [_as_read(key) for key in among]
    spent: dict[Any, Days] = defaultdict(lambda: defaultdict(Decimal))
    own_spent: Days = defaultdict(Decimal)
    last_days: dict[Any, date] = {}
    as_of = keys[0]["as_of"] if keys else None
    for key, kind, team, owner, day, read_at, spend_usd, last_day in _days(person, [key["pk"] for key in keys], today):
        as_of = read_at
        spent[key][day] += spend_usd
        last_days[key] = max(last_day, last_days.get(key, last_day))
        if owner == person.pk and kind != Key.Kind.EXTERNAL and team is None:
            own_spent[day] += spend_usd
    if among and as_of is None:
        as_of = UsageState.load().last_ok_at
    budget = _budget(person, keys)
    return PersonUse(
        by_key={key["pk"]: _use(key, spent[key["pk"]], last_days.get(key["pk"]), today, as_of) for key in keys},
        of_person=_person_spent(budget, _since(budget.budget_period, own_spent, today), today) if budget else None,
    )


def _read(person: User) -> list[dict[str, Any]]:
    """Read what this module needs of a person's keys, and of their budget."""
    keys = Key.objects.owned_by(person).order_by("-created_at", "pk")
    return list(keys.values("pk", *FIELDS, "team", *(OF_PERSON + name for name in BUDGET_FIELDS), as_of=AS_OF))


def _as_read(key: Key) -> dict[str, Any]:
    """Return the same of a key that was read with its owner's budget."""
    budget = getattr(key.owner, "person_budget", None)  # the relation raises an AttributeError without a row
    of_key = {name: getattr(key, name) for name in ("pk", *FIELDS) if name != "intern"}
    of_person = {OF_PERSON + name: getattr(budget, name, None) for name in BUDGET_FIELDS}
    return {**of_key, "intern": key.intern_id, "team": key.team_id, **of_person, "as_of": None}


def _days(person: User, keys: list[Any], today: date) -> Iterator[tuple[Any, ...]]:
    """Yield (key, its kind, its team, owner, day or None for all days before, when they were read, spend, last day)."""
    recent = Case(When(day__gte=min(_spark_days(today)[0], today.replace(day=1)), then=F("day")))
    return (
        DayToken.objects.filter(Q(token_ref__owner=person) | Q(token_ref__key__in=keys))
        .order_by()
        .values_list(
            *("token_ref__key", "token_ref__key__kind", "token_ref__key__team", "token_ref__owner", recent, AS_OF)
        )
        .annotate(Sum("spend_usd"), Max("day"))
        .iterator()
    )


def _budget(person: User, keys: list[dict[str, Any]]) -> PersonBudget | None:
    """Return the person's budget, mostly read with their keys; None without a limit."""
    if not keys:
        return PersonBudget.objects.filter(KNOWN, owner=person).first()
    budget = PersonBudget(**{name: keys[0][OF_PERSON + name] for name in BUDGET_FIELDS})
    return budget if budget.budget_usd and budget.budget_period in BUDGET_PERIODS else None


def spent_with(token: str | None, alias: str | None) -> Decimal:
    """Return the spend of one secret on all days; the gateway bills some calls under another hash of it."""
    same = Q(token_ref__token=token) | Q(token_ref__alias=alias, token_ref__alias__gt="")
    return DayToken.objects.filter(same).aggregate(usd=Sum("spend_usd"))["usd"] or NOTHING_USD


def spent_of_teams(team_ids: Collection[UUID]) -> dict[UUID, Decimal]:
    """Return the spend of all keys of each of these teams, on all days; a team without any is missing."""
    days = DayToken.objects.filter(token_ref__key__team__in=team_ids).order_by()
    sums = days.values("token_ref__key__team").annotate(sum_usd=Sum("spend_usd"))
    return dict(sums.values_list("token_ref__key__team", "sum_usd"))


def person_spent(person: User, today: date) -> PersonSpent | None:
    """Return the person's budget for all keys together and its spend. None: no limit."""
    return person_use(person, today).of_person


def team_spent(team: Team, key: Key | None) -> TeamUse:
    """Return the spend of a team, and of a key in it with its owner's former ones, on all days; one query.

    A new key goes on with the budget of the one before it. A key that is handed out is for one student alone.
    """
    of_key: dict[str, object] = {"token_ref__key": key}
    if key and not key.handed_out:
        names = {"team": team, "owner": key.owner_id, "kind": key.kind, "handed_out": False}
        of_key = {f"token_ref__key__{name}": value for name, value in names.items()}
    sums = UsageState.objects.filter(pk=1).values(
        "last_ok_at", of_team=_sum(token_ref__key__team=team), of_key=_sum(**of_key)
    )
    row = sums.first() or {"last_ok_at": None, "of_team": None, "of_key": None}
    return TeamUse(
        spent_usd=row["of_team"] or NOTHING_USD,
        key_spent_usd=(key and row["of_key"]) or NOTHING_USD,  # without a key: that of keys which nobody here knows
        as_of=row["last_ok_at"],
    )


def _sum(**tokens: object) -> Subquery:
    days = DayToken.objects.filter(**tokens).order_by().annotate(all=Value(1)).values("all")
    return Subquery(days.annotate(usd=Sum("spend_usd")).values("usd"))


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


def _since(budget_period: str, spent: Days, today: date) -> Decimal:
    """Return the spend in the current period of a budget."""
    first_day = budget_first_day(budget_period, today) or today
    return sum((usd for day, usd in spent.items() if day and day >= first_day), NOTHING_USD)


def _spark_days(today: date) -> list[date]:
    return [today - timedelta(days=SPARK_DAYS - 1 - number) for number in range(SPARK_DAYS)]


def _use(key: Mapping[str, Any], spent: Days, last_day: date | None, today: date, as_of: datetime | None) -> KeyUse:
    budget_period, spent_usd = key["budget_period"], None
    if budget_period in BUDGET_PERIODS:
        spent_usd = _since(budget_period, spent, today)
    elif key["team"]:  # a budget for the whole time
        spent_usd = sum(spent.values(), NOTHING_USD)
    return KeyUse(
        id=key["pk"],
        **{name: key[name] for name in FIELDS},
        spent_usd=spent_usd,
        resets_on=budget_reset_day(budget_period, today),
        last_day=last_day,
        as_of=as_of,
        days_usd=tuple(spent.get(day, NOTHING_USD) for day in _spark_days(today)),
    )
