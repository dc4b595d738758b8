"""The list of people: filtered, sorted, paged, with their budgets and spend.

Filters and order look at everybody, so they read as little as possible; the rest is read for the shown page.
Names are compared in Python, without case and accents, since databases differ.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from decimal import Decimal
from functools import partial
from typing import Any, ClassVar, Final

from django.contrib.auth.models import Group
from django.core.cache import cache
from django.db.models import BigIntegerField, Count, Exists, F, OuterRef, Q, QuerySet, Subquery, Sum, Value
from django.db.models.functions import Cast, Coalesce

from accounts.models import Invitation, User
from accounts.names import name_order
from keys.models import Key
from keys.services import supervisors_who_left
from keys.use import NOTHING_USD, WARN_SHARE
from usage.models import DayToken, TokenRef, UsageState
from usage.periods import budget_first_day, budget_reset_day
from usage.queries.budgets import Budget, days_of_danger
from web.json_list import JsonList, values_in
from web.listing import ListedPage, number_within
from web.money import PLACES

PEOPLE_PER_PAGE: Final = 25
RECENT_DAYS: Final = 30  # of the spend that the list shows
IDLE_DAYS: Final = (7, 30, 60, 90, 180)
ORDERS: Final = ("person", "keys", "spend", "last", "joined")
DEFAULT_ORDER: Final = "person"
STATES: Final = ("active", "invited", "inactive", "left", "anonymised")  # "left": with interns who have keys
KEYS: Final = ("some", "none")
PERIODS: Final = ("1d", "7d", "30d")
OF_ALL: Final = Q()
OF_BUDGETS: Final = ~Q(token_ref__key__kind=Key.Kind.EXTERNAL) & Q(
    token_ref__key__team=None
)  # else in no person's budget
SPENT_TTL_S: Final = 600  # for one state of the facts
CHOICES_TTL_S: Final = 60

Supervisors = tuple[tuple[str, str], ...]  # user name, name
SpentSteps = dict[int, tuple[int, ...]]  # by person, in the database's steps: recently, and since PERIODS began


@dataclass(frozen=True, slots=True, kw_only=True)
class Filters:
    """The filters in the URL; "" is "any"."""

    q: str = ""  # in name, user name or address
    group: str = ""
    supervisor: str = ""  # user name of their supervisor
    state: str = ""  # one of STATES
    idle: str = ""  # unused for so many days, one of IDLE_DAYS
    keys: str = ""  # one of KEYS
    over: str = ""  # "1": people whose budget is used up

    def params(self) -> dict[str, str]:
        """Return the active filters as URL parameters."""
        return {name: value for name in self.__slots__ if (value := getattr(self, name))}


@dataclass(frozen=True, slots=True, kw_only=True)
class Listed:
    """A person in the list."""

    person: User
    groups: tuple[str, ...]
    live_keys: int
    recent_usd: Decimal
    last_day: date | None
    budget_usd: Decimal | None  # None: none was set, or there is no limit
    spent_usd: Decimal  # of the budget
    resets_on: date | None
    budget_period: str = ""
    used_up_on: date | None = None  # at this pace, before the reset

    @property
    def is_invited(self) -> bool:
        """Whether the person was invited, and has not signed in yet."""
        invitation = getattr(self.person, "invitation", None)  # the relation raises an AttributeError without a row
        is_open = self.person.is_active and self.person.last_login is None
        return is_open and invitation is not None and invitation.withdrawn_at is None

    @property
    def tone(self) -> str:
        """ "bad" when the budget is used up, "warn" when nearly, else ""."""
        if not self.budget_usd:
            return ""
        if self.spent_usd >= self.budget_usd:
            return "bad"
        return "warn" if self.spent_usd >= WARN_SHARE * self.budget_usd else ""

    @property
    def bar_usd(self) -> Decimal:
        """The spend, limited to the length of the budget's bar."""
        return max(NOTHING_USD, min(self.spent_usd, self.budget_usd or NOTHING_USD))


@dataclass(frozen=True, slots=True, kw_only=True)
class ListPage(ListedPage):
    """One page of the list."""

    PER_PAGE: ClassVar = PEOPLE_PER_PAGE

    people: tuple[Listed, ...]
    supervisors: Supervisors


def filters_of(params: Mapping[str, str]) -> Filters:
    """Return the filters that a URL names, without invalid ones."""
    allowed = {"state": STATES, "idle": tuple(map(str, IDLE_DAYS)), "keys": KEYS, "over": ("1",)}
    values = {name: params.get(name, "").replace("\0", "").strip()[:200] for name in Filters.__slots__}
    return Filters(**{name: value for name, value in values.items() if value in allowed.get(name, (value,))})


def list_page(filters: Filters, order: str, number: int, state: UsageState, today: date) -> ListPage:
    """Return a page of the people; the last one if the number is too high. Two or three queries."""
    known = _known(filters, order, state, today)
    page = _page(found_people(filters, order, known, today), number, today, known.supervisors)
    return replace(page, people=_with_danger(page.people, state))


def page_by_name(rows: list[list[Any]], q: str, number: int, today: date) -> ListPage:
    """Return a page, by name, of those people with `q` in their names read as in `found_people`. One query."""
    return _page([row[0] for row in sorted(_with_words(rows, q), key=_name_of)], number, today)


def _with_danger(people: Sequence[Listed], state: UsageState) -> tuple[Listed, ...]:
    """Add the days on which budgets will be used up; at most one query."""
    budgets = [Budget(each.person.pk, each.budget_usd, each.budget_period, each.spent_usd) for each in people]
    ends = days_of_danger(budgets, DayToken.objects.filter(OF_BUDGETS), "token_ref__owner", state)
    return tuple(replace(each, used_up_on=ends.get(each.person.pk)) for each in people)


def _page(found: Sequence[int], number: int, today: date, supervisors: Supervisors = ()) -> ListPage:
    number = number_within(number, len(found), PEOPLE_PER_PAGE)
    people = tuple(listed(found[(number - 1) * PEOPLE_PER_PAGE : number * PEOPLE_PER_PAGE], today))
    return ListPage(people=people, number=number, count=len(found), supervisors=supervisors)


def everybody(filters: Filters, order: str, state: UsageState, today: date) -> Iterable[Listed]:
    """Yield all people of the list, read in batches: for files."""
    known = _known(filters, order, state, today)
    found = found_people(filters, order, known, today)
    for start in range(0, len(found), 200):
        yield from listed(found[start : start + 200], today)


def ids_of_all(filters: Filters, state: UsageState, today: date) -> list[int]:
    """Return the ids of all people of the list."""
    return found_people(filters, DEFAULT_ORDER, _known(filters, DEFAULT_ORDER, state, today), today)


# --- Who is found, in which order ---------------------------------------------------------------------
def found_people(filters: Filters, order: str, known: "Known", today: date) -> list[int]:
    """Return the ids of the filtered people, in this order ("-" before it: the largest first).

    `known` are the cached values for filters and order. One query.
    """
    name = order.removeprefix("-")
    people = _filtered(filters, today).annotate(sort_value=_sort_value(name))
    fields: list[Any] = ["pk", "username", "first_name", "last_name", "email", "sort_value"]
    fields += [steps("person_budget__budget_usd"), "person_budget__budget_period"] if filters.over else []
    rows = _with_words(list(people.order_by().values_list(*fields)), filters.q)
    if filters.over:
        rows = [row for row in rows if is_over(known.spent.get(row[0]), row[6], row[7])]
    rows.sort(key=_name_of)
    if name == "spend":
        rows.sort(key=lambda row: known.spent.get(row[0], (0,))[0], reverse=order.startswith("-"))
    elif name == "last":
        rows.sort(key=lambda row: known.last_days.get(row[0], 0), reverse=order.startswith("-"))
    elif name != "person":
        rows.sort(key=lambda row: row[5], reverse=order.startswith("-"))
    elif order.startswith("-"):
        rows.reverse()
    return [row[0] for row in rows]


def _with_words(rows: list[Any], q: str) -> list[Any]:
    """Keep the people whose names or address have each word of a search."""
    words = name_order(q).split()
    return [row for row in rows if all(word in name_order(" ".join(row[1:5])) for word in words)] if words else rows


def _name_of(row: Sequence[Any]) -> tuple[str, str]:
    """Return by what a person is sorted."""
    return name_order(f"{row[2]} {row[3]}".strip() or row[1]), row[1]


def _filtered(filters: Filters, today: date) -> QuerySet[User]:
    people = User.objects.all()
    if filters.group:
        people = people.filter(groups__name=filters.group)
    if filters.supervisor:
        people = people.filter(pk__in=User.objects.filter(internships__supervisor__username=filters.supervisor))
    if filters.state == "anonymised":
        people = people.exclude(anonymised_at=None)
    else:
        people = people.filter(anonymised_at=None)
        people = people.filter(is_active=filters.state in ("active", "invited")) if filters.state else people
    if filters.state == "invited":
        people = people.filter(pk__in=Invitation.objects.pending().values("pk"))
    if filters.state == "left":
        people = people.filter(pk__in=supervisors_who_left().values("pk"))
    if filters.idle:
        since = today - timedelta(days=int(filters.idle))
        people = people.exclude(Exists(DayToken.objects.filter(token_ref__owner=OuterRef("pk"), day__gt=since)))
    if filters.keys:
        has_keys = Exists(Key.objects.live().filter(owner=OuterRef("pk")))
        people = people.filter(has_keys) if filters.keys == "some" else people.exclude(has_keys)
    return people


def _sort_value(name: str) -> Any:
    """Return the database's sort value of an order; None for those that are computed here."""
    if name == "keys":
        return live_keys()
    return F("date_joined") if name == "joined" else Value(0)


def is_over(spent: tuple[int, ...] | None, budget_steps: int | None, period: str | None) -> bool:
    """Return whether so much, of `SpentSteps`, is all of a budget or more."""
    if spent is None or not budget_steps or period not in PERIODS:
        return False
    return spent[1 + PERIODS.index(period)] >= budget_steps


# --- What a page shows of its people ------------------------------------------------------------------
def listed(ids: Sequence[int], today: date) -> Iterable[Listed]:
    """Yield these people, in this order, with their groups, budgets and spend. One query."""
    groups = Group.objects.filter(user=OuterRef("pk")).order_by().values(one=Value(1))
    names = Subquery(groups.annotate(names=JsonList("name")).values("names"))
    people = with_spend(User.objects.filter(pk__in=ids), today)
    people = people.annotate(live=live_keys(), last=last_day(), group_names=names)
    by_id = {person.pk: person for person in people}
    for pk in ids:
        if pk in by_id:  # else deleted meanwhile
            yield _listed(by_id[pk], today)


def _listed(person: Any, today: date) -> Listed:
    budget_usd, period, spent_usd = budget_of(person)
    return Listed(
        person=person,
        groups=tuple(sorted(values_in(person.group_names), key=name_order)),
        live_keys=person.live,
        recent_usd=person.recent_usd or NOTHING_USD,
        last_day=person.last,
        budget_usd=budget_usd,
        spent_usd=spent_usd,
        resets_on=budget_reset_day(period, today),
        budget_period=period,
    )


def with_spend(people: QuerySet[User], today: date) -> QuerySet[User]:
    """Add to each person their budget and their spend, for `budget_of`."""
    since = {f"since_{name}": _spend_since(budget_first_day(name, today) or today, OF_BUDGETS) for name in PERIODS}
    recent = _spend_since(today - timedelta(days=RECENT_DAYS - 1))
    return people.select_related("person_budget", "invitation").annotate(recent_usd=recent, **since)


def budget_of(person: Any) -> tuple[Decimal | None, str, Decimal]:
    """Return budget, period and spend of somebody loaded `with_spend`."""
    row = getattr(person, "person_budget", None)
    if row is None or row.budget_period not in PERIODS:
        return None, "", NOTHING_USD
    return row.budget_usd, row.budget_period, getattr(person, f"since_{row.budget_period}") or NOTHING_USD


def live_keys() -> Coalesce:
    """Return the number of a person's live keys."""
    live = Key.objects.live().filter(owner=OuterRef("pk")).order_by().values("owner").annotate(number=Count("pk"))
    return Coalesce(Subquery(live.values("number")), 0)


def last_day() -> Subquery:
    """Return the last day of a person's usage: one index lookup for each token."""
    of_token = DayToken.objects.filter(token_ref=OuterRef("pk")).order_by("-day").values("day")[:1]
    tokens = TokenRef.objects.filter(owner=OuterRef("pk")).annotate(last=Subquery(of_token))
    return Subquery(tokens.order_by(F("last").desc(nulls_last=True)).values("last")[:1])


def _spend_since(first_day: date, which: Q = OF_ALL) -> Subquery:
    days = DayToken.objects.filter(which, token_ref__owner=OuterRef("pk"), day__gte=first_day).order_by()
    return Subquery(days.values("token_ref__owner").annotate(usd=Sum("spend_usd")).values("usd"))


# --- What is the same for many pages ------------------------------------------------------------------
@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """Cached values about everybody: only those that filters and order need."""

    supervisors: Supervisors  # the options of the filter
    spent: SpentSteps
    last_days: dict[int, int]  # of use, by person; ordinals


def _known(filters: Filters, order: str, state: UsageState, today: date) -> Known:
    """Return values that many pages share: one read of the cache, and one query for each missing one."""
    of_facts = f"{state.version}:{today}"
    makers: dict[str, tuple[str, int, Callable[[], Any]]] = {
        "supervisors": ("people-supervisors", CHOICES_TTL_S, _supervisors)
    }
    if filters.over or order.removeprefix("-") == "spend":
        makers["spent"] = (f"people-spent:{of_facts}", SPENT_TTL_S, partial(spent_of_all, today))
    if order.removeprefix("-") == "last":
        makers["last_days"] = (f"people-last:{of_facts}", SPENT_TTL_S, _last_days_of_all)
    return Known(**{"spent": {}, "last_days": {}, **cached(makers)})


def cached(makers: Mapping[str, tuple[str, int, Callable[[], Any]]]) -> dict[str, Any]:
    """Return the cached values of these names, each by its key; missing ones are computed, and cached for their time.

    `makers` has the name, the seconds and the function of each.
    """
    found = cache.get_many([name for name, _ttl_s, _make in makers.values()]) if makers else {}
    for name, ttl_s, make in makers.values():
        if name not in found:
            found[name] = make()
            cache.set(name, found[name], ttl_s)
    return {each: found[name] for each, (name, _ttl_s, _make) in makers.items()}


def _supervisors() -> Supervisors:
    """Return supervisors whose interns have an account here, and so are in the list."""
    people = User.objects.filter(interns__account__isnull=False).distinct()
    named = [(person.username, person.display_name) for person in people]
    return tuple(sorted(named, key=lambda row: name_order(row[1])))


def spent_of_all(today: date) -> SpentSteps:
    """Return each person's spend, by id: in the recent days, and since the start of each of PERIODS."""
    firsts = [today - timedelta(days=RECENT_DAYS - 1), *(budget_first_day(name, today) or today for name in PERIODS)]
    days = DayToken.objects.filter(day__gte=min(firsts), token_ref__owner__isnull=False).order_by()
    sums = {
        f"sum_{place}": Sum("spend_usd", filter=Q(day__gte=first) & (OF_BUDGETS if place else OF_ALL))
        for place, first in enumerate(firsts)
    }
    rows = days.values("token_ref__owner").annotate(**sums).values_list("token_ref__owner", *sums)
    return {owner: tuple(in_steps(usd) for usd in spent) for owner, *spent in rows}


def _last_days_of_all() -> dict[int, int]:
    """Return the last day of usage of each person, by id; only of people with usage."""
    rows = User.objects.annotate(last=last_day()).filter(last__isnull=False).values_list("pk", "last")
    return {pk: day.toordinal() for pk, day in rows}


def steps(field: str) -> Cast:
    """Return an amount in a query as `in_steps`: the database stores it so, and no Decimal is made of it."""
    return Cast(field, BigIntegerField())


def in_steps(usd: Decimal | None) -> int:
    """Return an amount as a whole number, which a cache loads faster."""
    return int((usd or NOTHING_USD).scaleb(PLACES))
