"""The use of a person's keys, each with its budget, its last use, its days, and of the budget for all of them."""

from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from decimal import Decimal
from types import MappingProxyType
from typing import Any, Final, NamedTuple
from uuid import UUID

from django.db.models import Case, F, Max, OuterRef, Q, Subquery, Sum, Value, When

from accounts.models import User
from keys.models import Key, PersonBudget, Team
from keys.use import NOTHING_USD, KeyUse, PersonSpent, PersonUse, TeamUse
from usage.models import DayToken, TokenRef, UsageState
from usage.periods import budget_first_day, budget_reset_day

SPARK_DAYS: Final = 30
BUDGET_PERIODS: Final = ("1d", "7d", "30d")
KNOWN: Final = Q(budget_usd__gt=0, budget_period__in=BUDGET_PERIODS)  # budgets with known periods
FIELDS: Final = ("label", "kind", "state", "intern", "budget_usd", "budget_period", "expires_at", "ended_at")
BUDGET_FIELDS: Final = ("budget_usd", "budget_period", "state")
OF_PERSON: Final = "owner__person_budget__"
STORED: Final = ("recent_usd", "last_used_on")  # by each poll, see usage/services/key_spend.py
WHOSE: Final = ("key", "key__kind", "key__team", "owner")
AS_OF: Final = Subquery(UsageState.objects.filter(pk=1).values("last_ok_at"))

ALL: Final = "all"  # the period of a budget for the whole time, as those of courses


@dataclass(slots=True)
class _Spend:
    """What a key spent, or a person within the budget for all keys: in budget periods, and by day where asked for."""

    in_period: dict[str, Decimal] = field(default_factory=dict)
    days: dict[date, Decimal] = field(default_factory=dict)
    last_day: date | None = None

    def add(self, row: "_Row") -> None:
        """Add a row."""
        for name, usd in row.in_period.items():
            self.in_period[name] = self.in_period.get(name, NOTHING_USD) + usd
        for day, usd in row.days.items():
            self.days[day] = self.days.get(day, NOTHING_USD) + usd
        self.last_day = max(self.last_day or date.min, row.last_day or date.min)


class _Row(NamedTuple):
    """What a token spent, or the tokens of a key, then on each of its last days too."""

    key: UUID | None
    of_budget: bool  # counts in the budget for all keys of its owner
    owner: int | None
    as_of: datetime | None
    in_period: dict[str, Decimal]
    days: Mapping[date, Decimal] = MappingProxyType({})
    last_day: date | None = None


def person_use(person: User, today: date, among: Sequence[Key] | None = None, *, by_day: bool = False) -> PersonUse:
    """Return the use of all keys, newest first, and of the budget; two queries (no key: three).

    `among` these keys, which were read with their owner's budget: one query, two before their first use. The days of a
    token that had another owner count for its key, not for the person's budget. `by_day`: with the last thirty days,
    which takes a row for each key and day; else the spend of these is what the last poll stored.
    """
    keys = _read(person) if among is None else [_as_read(key) for key in among]
    budget = _budget(person, keys)
    ids, periods = [key["pk"] for key in keys], {budget.budget_period} if budget else set()
    rows = (
        _by_day(person, ids, today) if by_day else _by_token(person, ids, today, periods | set(map(_period_of, keys)))
    )
    spent: dict[Any, _Spend] = defaultdict(_Spend)
    own_spent = _Spend()
    as_of = keys[0]["as_of"] if keys else None
    for row in rows:
        as_of = row.as_of
        spent[row.key].add(row)
        if row.of_budget and row.owner == person.pk:
            own_spent.add(row)
    if among and as_of is None:
        as_of = UsageState.load().last_ok_at
    return PersonUse(
        by_key={key["pk"]: _use(key, spent[key["pk"]], today, as_of, by_day=by_day) for key in keys},
        of_person=_person_spent(budget, own_spent.in_period.get(budget.budget_period), today) if budget else None,
    )


def _period_of(key: Mapping[str, Any]) -> str:
    """Return the period of a key's budget, if the start of it is known."""
    period: str = key["budget_period"]
    return period if period in BUDGET_PERIODS else ALL if key["team"] else ""


def _read(person: User) -> list[dict[str, Any]]:
    """Read what this module needs of a person's keys, and of their budget."""
    keys = Key.objects.owned_by(person).order_by("-created_at", "pk")
    return list(keys.values("pk", *FIELDS, *STORED, "team", *(OF_PERSON + name for name in BUDGET_FIELDS), as_of=AS_OF))


def _as_read(key: Key) -> dict[str, Any]:
    """Return the same of a key that was read with its owner's budget."""
    budget = getattr(key.owner, "person_budget", None)  # the relation raises an AttributeError without a row
    of_key = {name: getattr(key, name) for name in ("pk", *FIELDS, *STORED) if name != "intern"}
    of_person = {OF_PERSON + name: getattr(budget, name, None) for name in BUDGET_FIELDS}
    return {**of_key, "intern": key.intern_id, "team": key.team_id, **of_person, "as_of": None}


def _by_token(person: User, keys: list[Any], today: date, periods: Collection[str]) -> Iterator[_Row]:
    """Yield what each token spent in these periods.

    By a subquery each: for a join with hundreds of tokens PostgreSQL reads the days of all tokens that there are.
    """
    days = DayToken.objects.filter(token_ref=OuterRef("pk")).order_by()
    since = {name: days.filter(day__gte=budget_first_day(name, today)) for name in periods if name in BUDGET_PERIODS}
    since |= {ALL: days} if ALL in periods else {}
    sums = {
        f"sum_{name}": Subquery(rows.values("token_ref").annotate(usd=Sum("spend_usd")).values("usd"))
        for name, rows in since.items()
    }
    tokens = TokenRef.objects.filter(Q(owner=person) | Q(key__in=keys)).order_by()
    for key, kind, team, owner, as_of, *usd in tokens.values_list(*WHOSE, AS_OF, *sums.values()):
        in_period = {name: amount or NOTHING_USD for name, amount in zip(since, usd, strict=True)}
        yield _Row(key, is_of_budget(kind, team), owner, as_of, in_period)


def _by_day(person: User, keys: list[Any], today: date) -> Iterator[_Row]:
    """Yield what each key spent under each owner, in all and on its last days.

    Not by `iterator`: PostgreSQL plans a cursor for its first rows, and read all tokens that there are.
    """
    firsts = {name: budget_first_day(name, today) or today for name in BUDGET_PERIODS}
    recent = Case(When(day__gte=min(_spark_days(today)[0], *firsts.values()), then=F("day")))
    theirs = DayToken.objects.filter(Q(token_ref__owner=person) | Q(token_ref__key__in=keys)).order_by()
    rows = theirs.values_list(*(f"token_ref__{name}" for name in WHOSE), AS_OF, recent)
    spent: dict[tuple[Any, ...], dict[date | None, Decimal]] = defaultdict(dict)  # None: on all days before
    last_days: dict[tuple[Any, ...], date] = {}
    for *whose, day, usd, last_day in rows.annotate(Sum("spend_usd"), Max("day")):
        row = tuple(whose)
        spent[row][day] = usd
        last_days[row] = max(last_days.get(row, last_day), last_day)
    for row, found in spent.items():
        key, kind, team, owner, as_of = row
        days = {day: usd for day, usd in found.items() if day}
        in_period = {
            name: sum([usd for day, usd in days.items() if day >= first], NOTHING_USD) for name, first in firsts.items()
        }
        in_period[ALL] = sum(found.values(), NOTHING_USD)
        yield _Row(key, is_of_budget(kind, team), owner, as_of, in_period, days, last_days[row])


def is_of_budget(kind: str | None, team: UUID | None) -> bool:
    """Return whether a key counts in its owner's budget for all keys."""
    return kind != Key.Kind.EXTERNAL and team is None


def _budget(person: User, keys: list[dict[str, Any]]) -> PersonBudget | None:
    """Return the person's budget, mostly read with their keys; None without a limit."""
    if not keys:
        return PersonBudget.objects.filter(KNOWN, owner=person).first()
    budget = PersonBudget(**{name: keys[0][OF_PERSON + name] for name in BUDGET_FIELDS})
    return budget if budget.budget_usd and budget.budget_period in BUDGET_PERIODS else None


def spent_with(token: str | None, alias: str | None, since: date | None = None) -> Decimal:
    """Return the spend of one secret, on all days or from one on; the gateway bills some calls under another hash."""
    same = Q(token_ref__token=token) | Q(token_ref__alias=alias, token_ref__alias__gt="")
    days = {} if since is None else {"day__gte": since}
    return DayToken.objects.filter(same, **days).aggregate(usd=Sum("spend_usd"))["usd"] or NOTHING_USD


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
        spent = _spent_by_owner(period, today, token_ref__owner__person_budget__budget_period=period)
        for row in rows.iterator():
            if row.owner_id in spent:
                yield row, _person_spent(row, spent[row.owner_id], today)


def spent_by_people(people: Collection[User], period: str, today: date) -> dict[int, Decimal]:
    """Return what counts in the budgets of these people in this period, by their numbers; one query."""
    return _spent_by_owner(period, today, token_ref__owner__in=people)


def _spent_by_owner(period: str, today: date, **of: object) -> dict[int, Decimal]:
    days = DayToken.objects.filter(day__gte=budget_first_day(period, today), token_ref__key__team=None, **of)
    counted = days.exclude(token_ref__key__kind=Key.Kind.EXTERNAL).order_by()
    sums = counted.values("token_ref__owner").annotate(sum_usd=Sum("spend_usd"))
    return dict(sums.values_list("token_ref__owner", "sum_usd"))


def _person_spent(row: PersonBudget, spent_usd: Decimal | None, today: date) -> PersonSpent:
    return PersonSpent(
        budget_usd=row.budget_usd,
        budget_period=row.budget_period,
        spent_usd=spent_usd or NOTHING_USD,
        resets_on=budget_reset_day(row.budget_period, today),
        kept_by_gateway=row.state != PersonBudget.State.WITHOUT_TEAMS,
    )


def _spark_days(today: date) -> list[date]:
    return [today - timedelta(days=SPARK_DAYS - 1 - number) for number in range(SPARK_DAYS)]


def _use(key: Mapping[str, Any], spent: _Spend, today: date, as_of: datetime | None, *, by_day: bool) -> KeyUse:
    period = _period_of(key)
    days_usd = tuple(spent.days.get(day, NOTHING_USD) for day in _spark_days(today)) if by_day else ()
    return KeyUse(
        id=key["pk"],
        **{name: key[name] for name in FIELDS},
        spent_usd=spent.in_period.get(period, NOTHING_USD) if period else None,
        resets_on=budget_reset_day(key["budget_period"], today),
        last_day=spent.last_day if by_day else key["last_used_on"],
        as_of=as_of,
        recent_usd=sum(days_usd, NOTHING_USD) if by_day else key["recent_usd"],
        days_usd=days_usd,
    )
