"""The list of all keys: a page of them, with their spend. See people/key_search.py for filters and order.

A key is listed as long as it exists, or may exist, at the gateway; deleted ones are in the history of their owner.
"""

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import date, timedelta
from decimal import Decimal
from typing import Any, ClassVar, Final
from uuid import UUID

from django.contrib.auth.models import Group
from django.db.models import Case, Count, DateField, Exists, OuterRef, QuerySet, Subquery, Sum, Value, When

from accounts.models import User
from accounts.names import name_order
from accounts.rights import people_above
from keys.models import Key, Token, UnownedKey
from keys.status import Status, TokenSummary, brief_status_of
from keys.use import NOTHING_USD, PersonSpent, Spent, pressing_budget
from people.key_search import FoundPage, KeyFilters, found_ids, keys_within, page_in_order
from people.listing import OF_ALL, OF_BUDGETS, PERIODS
from usage.models import DayToken, UsageState
from usage.periods import budget_first_day, budget_reset_day
from usage.queries.budgets import Budget, days_of_danger
from web.json_list import JsonList, values_in
from web.listing import ListedPage, number_within

KEYS_PER_PAGE: Final = 25


@dataclass(frozen=True, slots=True, kw_only=True)
class ListedKey:
    """A key in the list."""

    key: Key
    status: Status
    last_four: str  # of its newest secret
    use: Spent  # of its own budget
    may_be_limited: bool  # by the person who looks at the list


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyPage(ListedPage):
    """One page of the list."""

    PER_PAGE: ClassVar = KEYS_PER_PAGE

    rows: tuple[ListedKey, ...]
    groups: tuple[str, ...]  # the options of the filter
    unowned: int  # keys that were made outside and have no owner


def key_page(
    filters: KeyFilters, order: str, number: int, state: UsageState, today: date, *, admin: User | None = None
) -> KeyPage:
    """Return a page of the keys; the last one if the number is too high. `admin`: who may set limits of some of them.

    Two queries; one more for a search, one for an order by names, for used-up budgets, and for later pages.
    """
    if filters.over:
        ids = found_ids(filters, order, state, today)
        number = number_within(number, len(ids), KEYS_PER_PAGE)
        shown = ids[(number - 1) * KEYS_PER_PAGE : number * KEYS_PER_PAGE]
        found = FoundPage(list(map(UUID, shown)), number, len(ids))
    else:
        found = page_in_order(keys_within(filters, today), order, number, KEYS_PER_PAGE)
    rows = _with_danger(_in_order_of(_with_others(Key.objects.all()), found.ids, today, admin), state)
    annotated: Any = rows[0].key if rows else None
    return KeyPage(
        rows=tuple(rows),
        number=found.number,
        count=found.count,
        groups=tuple(sorted(_group_names(annotated), key=name_order)),
        unowned=annotated.unowned or 0 if rows else UnownedKey.objects.count(),
    )


def every_key(filters: KeyFilters, order: str, state: UsageState, today: date) -> Iterable[ListedKey]:
    """Yield all keys of the list, read in batches: for files."""
    ids = found_ids(filters, order, state, today)
    for start in range(0, len(ids), 200):
        yield from _in_order_of(Key.objects.all(), list(map(UUID, ids[start : start + 200])), today, None)


# --- What a page shows of its keys --------------------------------------------------------------------
def _in_order_of(keys: QuerySet[Key], ids: Sequence[UUID], today: date, admin: User | None) -> list[ListedKey]:
    """Return the keys of these ids, in this order. One query."""
    by_id = {key.pk: key for key in _with_use(keys.filter(pk__in=ids), today, admin)}
    found = (by_id.get(pk) for pk in ids)
    return [_listed(key, today) for key in found if key]  # else deleted meanwhile


def _with_others(keys: QuerySet[Key]) -> QuerySet[Any]:
    """Add to each key what the page shows besides the keys: it costs no query of its own."""
    unowned = UnownedKey.objects.order_by().values(one=Value(1)).annotate(count=Count("pk"))
    groups = Group.objects.order_by().values(one=Value(1)).annotate(names=JsonList("name"))
    return keys.annotate(unowned=Subquery(unowned.values("count")), group_names=Subquery(groups.values("names")))


def _group_names(key: Any) -> list[str]:
    """Return the names of all groups, from a key `_with_others`; with a query if there is none."""
    return values_in(key.group_names) if key else list(Group.objects.values_list("name", flat=True))


def _with_danger(rows: list[ListedKey], state: UsageState) -> list[ListedKey]:
    """Add the days on which budgets will be used up; at most one query."""
    budgets = [Budget(row.key.pk, row.use.budget_usd, row.use.budget_period, row.use.spent_usd) for row in rows]
    ends = days_of_danger(budgets, DayToken.objects.all(), "token_ref__key", state)
    return [replace(row, use=replace(row.use, used_up_on=ends.get(row.key.pk))) for row in rows]


def _with_use(keys: QuerySet[Key], today: date, admin: User | None) -> QuerySet[Any]:
    """Load keys with what a page shows of them, of their secrets, and of their owners' budgets. One query."""
    tokens = Token.objects.filter(key=OuterRef("pk")).order_by()
    return (
        keys.select_related("owner__person_budget", "intern")
        .alias(
            first_day=_first_day("budget_period", today),
            person_first_day=_first_day("owner__person_budget__budget_period", today),
        )
        .annotate(
            spent_usd=_spend_since(OuterRef("first_day"), "key", "pk"),
            person_spent_usd=_spend_since(OuterRef("person_first_day"), "owner", "owner"),
            is_lost=Exists(tokens.filter(answer_lost=True)),
            is_retiring=Exists(tokens.filter(state=Token.State.RETIRING)),
            ending=Subquery(tokens.exclude(last_four="").order_by("-created_at", "-pk").values("last_four")[:1]),
            is_beyond=Value(True) if admin is None else Exists(people_above(admin).filter(pk=OuterRef("owner"))),
        )
    )


def _listed(key: Any, today: date) -> ListedKey:
    use = _spent(key.budget_usd, key.budget_period, key.spent_usd, today)
    budget = getattr(key.owner, "person_budget", None)  # the relation raises an AttributeError without a row
    of_person = None
    if budget and budget.budget_usd and budget.budget_period in PERIODS:
        about = _spent(budget.budget_usd, budget.budget_period, key.person_spent_usd, today)
        of_person = PersonSpent(**asdict(about), kept_by_gateway=budget.state != budget.State.WITHOUT_TEAMS)
    status = brief_status_of(key, pressing_budget(use, key, of_person), TokenSummary(key.is_lost, key.is_retiring))
    return ListedKey(
        key=key,
        status=status,
        last_four=key.ending or "",
        use=use,
        may_be_limited=not key.is_beyond and key.state == Key.State.ACTIVE and key.kind in Key.COUNTED_KINDS,
    )


def _spent(budget_usd: Decimal | None, period: str, usd: Decimal | None, today: date) -> Spent:
    """Return the spend of a budget; unknown for a period that is none of PERIODS."""
    spent_usd = usd or NOTHING_USD if period in PERIODS else None
    resets_on = budget_reset_day(period, today)
    return Spent(budget_usd=budget_usd, budget_period=period, spent_usd=spent_usd, resets_on=resets_on)


def _first_day(period: str, today: date) -> Case:
    """Return the first day of the budget period that a field of the key names; without a known one, tomorrow."""
    firsts = [When(**{period: name}, then=Value(budget_first_day(name, today))) for name in PERIODS]
    return Case(*firsts, default=Value(today + timedelta(days=1)), output_field=DateField())


def _spend_since(first_day: date | OuterRef, whose: str, outer: str) -> Subquery:
    """Return the spend of a key, or of an owner in their budget, in which keys made outside do not count."""
    which = OF_BUDGETS if whose == "owner" else OF_ALL
    days = DayToken.objects.filter(which, day__gte=first_day, **{f"token_ref__{whose}": OuterRef(outer)}).order_by()
    return Subquery(days.values(f"token_ref__{whose}").annotate(usd=Sum("spend_usd")).values("usd"))
