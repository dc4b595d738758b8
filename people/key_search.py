"""Which keys the list has: the filters, the search, the order. See people/key_listing.py for what it shows of them.

The database filters and sorts. It cannot compare names as people expect, without case and accents, the same on every
database: so Python reads the names, each once, and not the keys.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from functools import partial
from typing import Any, Final, NamedTuple
from uuid import UUID

from django.db.models import (
    Case,
    CharField,
    Count,
    Exists,
    F,
    IntegerField,
    OuterRef,
    Q,
    QuerySet,
    Sum,
    Value,
    When,
    Window,
)
from django.db.models.functions import Cast, Concat
from django.utils import timezone

from accounts.models import User
from accounts.names import name_order
from keys.models import Intern, Key, Token
from keys.services import supervisors_who_left
from people.listing import (
    IDLE_DAYS,
    PERIODS,
    RECENT_DAYS,
    SPENT_TTL_S,
    SpentSteps,
    cached,
    in_steps,
    is_over,
    spent_of_all,
    steps,
)
from usage.models import DayToken, UsageState
from usage.periods import budget_first_day
from web.json_list import JsonList, values_in
from web.listing import number_within
from web.money import PLACES as MONEY_PLACES

SOON: Final = timedelta(days=7)
STATES: Final = ("active", "blocked", "expired", "soon", "outside")
OWNERS: Final = ("inactive", "left")  # left: keys of interns whose supervisor has left
KINDS: Final = (
    *(Key.Kind.PERSONAL.value, Key.Kind.TEMPORARY.value),
    *(Key.Kind.PLAYGROUND.value, Key.Kind.COURSE.value),
)
BY_NAME: Final = {"label": "label", "owner": "owner"}  # the orders for which Python compares names: the column
COLUMNS: Final = {"expires": "expires_at", "last": "last_used_on"}
ORDERS: Final = ("created", "spend", *BY_NAME, *COLUMNS)
DEFAULT_ORDER: Final = "-created"
NAMES_OF: Final = {  # the column of an order: the texts of which `_name_of` makes a name
    "label": ("label",),
    "owner": ("owner__username", "owner__first_name", "owner__last_name"),
}
BUDGETS: Final = (
    *("owner_id", steps("budget_usd"), "budget_period", "blocked_for_budget", "kind", "team"),
    *(steps("owner__person_budget__budget_usd"), "owner__person_budget__budget_period"),
)
SEARCHED: Final = Concat(
    *("username", Value(" "), "first_name", Value(" "), "last_name", Value(" "), "email"), output_field=CharField()
)
TEXT_ID: Final = Cast("pk", CharField())  # to make UUIDs of 10,000 keys takes longer than all the rest of a page
NOT_ASCII: Final = r"[^ -~]"  # of these texts the database cannot tell whether they contain a word
LAST_FOUR: Final = 4  # characters of a secret that are known

SpentOfKeys = dict[str, tuple[int, ...]]  # as SpentSteps, by key


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyFilters:
    """The filters in the URL; "" is "any"."""

    q: str = ""  # in label, owner's name, user name or address, intern; or the end of the secret
    state: str = ""  # one of STATES
    kind: str = ""  # one of KINDS
    idle: str = ""  # unused for so many days, one of IDLE_DAYS
    owner: str = ""  # one of OWNERS
    group: str = ""  # of the owner
    over: str = ""  # "1": those with their own budget, or their owner's, used up

    def params(self) -> dict[str, str]:
        """Return the active filters as URL parameters."""
        return {name: value for name in self.__slots__ if (value := getattr(self, name))}


def key_filters_of(params: Mapping[str, str]) -> KeyFilters:
    """Return the filters that a URL names, without invalid ones."""
    allowed = {
        "state": STATES,
        "kind": KINDS,
        "idle": tuple(map(str, IDLE_DAYS)),
        "owner": OWNERS,
        "over": ("1",),
    }
    values = {name: params.get(name, "").replace("\0", "").strip()[:200] for name in KeyFilters.__slots__}
    return KeyFilters(**{name: value for name, value in values.items() if value in allowed.get(name, (value,))})


def keys_within(filters: KeyFilters, today: date) -> QuerySet[Key]:
    """Return the keys within the filters, but for budgets: see `found_ids`. A search takes a query."""
    keys = _filtered(filters, today)
    return keys.filter(_contains(filters.q)) if filters.q else keys


@dataclass(frozen=True, slots=True)
class FoundPage:
    """The ids of a page of keys, in order."""

    ids: list[UUID]
    number: int  # the last page, if a higher one was asked for
    count: int  # of all keys


def page_in_order(keys: QuerySet[Key], order: str, number: int, per_page: int) -> FoundPage:
    """Return a page of keys in this order ("-" before it: the largest first).

    Keys without a value are the smallest, but those that never expire come last. Of the same value, the newest come
    first. One query; two for an order by names, and for later pages.
    """
    name, is_reversed = order.removeprefix("-"), order.startswith("-")
    if name in BY_NAME:
        return _page_by_name(keys, BY_NAME[name], number, per_page, is_reversed=is_reversed)
    keys = keys.order_by(*_columns_of(name, is_reversed=is_reversed))
    if number == 1:
        count = Window(Count("pk"))  # a subquery would search once more
        rows = list(keys.annotate(count=count).values_list("pk", "count")[:per_page])
        return FoundPage([pk for pk, _count in rows], 1, rows[0][1] if rows else 0)
    count_of_all = keys.count()
    number = number_within(number, count_of_all, per_page)
    start = (number - 1) * per_page
    return FoundPage(list(keys.values_list("pk", flat=True)[start : start + per_page]), number, count_of_all)


def found_ids(filters: KeyFilters, order: str, state: UsageState, today: date) -> list[str]:
    """Return the ids of all keys within the filters as texts, in order. One query for each, and one for a search."""
    name, is_reversed = order.removeprefix("-"), order.startswith("-")
    known = _known(state, today) if filters.over else None
    keys = keys_within(filters, today)
    keys = keys.filter(_may_be_over(known)) if known else keys
    names = NAMES_OF[BY_NAME[name]] if name in BY_NAME else ()
    keys = keys.order_by(*_columns_of("created" if names else name, is_reversed=bool(names) or is_reversed))
    rows = list(keys.values_list(TEXT_ID, *names, *(BUDGETS if known else ())))
    if known:
        rows = [row for row in rows if _is_over(row[0], row[1 + len(names) :], known)]
    if names:
        rows.sort(key=lambda row: _name_of(row[1 : 1 + len(names)]), reverse=is_reversed)
    return [row[0] for row in rows]


# --- Order --------------------------------------------------------------------------------------------
def _columns_of(name: str, *, is_reversed: bool) -> list[Any]:
    """Return the columns of an order of the database."""
    if name == "created":
        return ["-created_at" if is_reversed else "created_at", "pk"]
    if name == "spend":  # never empty, so that the index serves
        return ["-recent_usd" if is_reversed else "recent_usd", "-created_at", "pk"]
    value = F(COLUMNS[name])
    if is_reversed:
        return [value.desc(nulls_last=True), "-created_at", "pk"]
    asc = value.asc(nulls_last=True) if name == "expires" else value.asc(nulls_first=True)
    return [asc, "-created_at", "pk"]


class _Names(NamedTuple):
    """The labels, or the owners, of keys by the names after which they are sorted: without case and accents."""

    values: dict[str, list[Any]]
    counts: dict[str, int]  # of keys


def _page_by_name(keys: QuerySet[Key], column: str, number: int, per_page: int, *, is_reversed: bool) -> FoundPage:
    """Return a page of keys in the order of labels or owners: only the keys with names on that page are sorted."""
    names = _names_of_owners(keys) if column == "owner" else _labels(keys)
    count = sum(names.counts.values())
    number = number_within(number, count, per_page)
    start, found = (number - 1) * per_page, 0
    shown: list[list[Any]] = []
    for name in sorted(names.values, reverse=is_reversed):
        if not shown and names.counts[name] <= start:  # all its keys are on earlier pages
            start -= names.counts[name]
        elif found < start + per_page:
            shown.append(names.values[name])
            found += names.counts[name]
    ranks = (When(**{f"{column}__in": values}, then=Value(rank)) for rank, values in enumerate(shown))
    keys = keys.filter(**{f"{column}__in": [value for values in shown for value in values]})
    keys = keys.order_by(Case(*ranks, output_field=IntegerField()), "-created_at", "pk")
    return FoundPage(list(keys.values_list("pk", flat=True)[start : start + per_page]), number, count)


def _labels(keys: QuerySet[Key]) -> _Names:
    """Return the labels of keys. One query."""
    labels = Counter(values_in(keys.order_by().aggregate(labels=JsonList("label"))["labels"]))
    return _by_name((name_order(label), label, count) for label, count in labels.items())


def _names_of_owners(keys: QuerySet[Key]) -> _Names:
    """Return the owners of keys. One query."""
    rows = keys.order_by().values_list("owner", *NAMES_OF["owner"]).annotate(count=Count("pk"))
    return _by_name((_name_of(row[1:-1]), row[0], row[-1]) for row in rows)


def _by_name(rows: Iterable[tuple[str, Any, int]]) -> _Names:
    """Gather (name, value, number of keys) by name."""
    names = _Names(defaultdict(list), defaultdict(int))
    for name, value, count in rows:
        names.values[name].append(value)
        names.counts[name] += count
    return names


def _name_of(texts: Sequence[str]) -> str:
    """Return by what a key is sorted: its label, or the name of its owner."""
    if len(texts) == 1:
        return name_order(texts[0])
    username, first, last = texts
    return name_order(f"{first} {last}".strip() or username)


# --- Search -------------------------------------------------------------------------------------------
def _contains(q: str) -> Q:
    """Return the condition that each word is in owner, label or intern, or that the secret has this ending. One query.

    The database compares ASCII texts, and Python those few names that have other letters.
    """
    others = _other_texts()
    found = Q()
    for word in name_order(q).split():
        theirs = {what: [row.value for row in rows if row.hides(word)] for what, rows in others.items()}
        owners = User.objects.annotate(searched=SEARCHED).filter(searched__icontains=word)
        found &= (
            Q(owner__in=owners.values("pk"))
            | Q(owner__in=theirs["owner"])
            | Q(label__icontains=word)
            | Q(label__in=theirs["label"])
            | Q(intern__in=Intern.objects.filter(name__icontains=word).values("pk"))
            | Q(intern__in=theirs["intern"])
        )
    end = q.removeprefix("…")
    if len(end) == LAST_FOUR:
        found |= Q(pk__in=Token.objects.filter(last_four__iexact=end).values("key"))
    return found


class _OtherText(NamedTuple):
    """A text with letters for which the database cannot tell whether it contains a word."""

    value: str  # itself, or the id of whose name it is
    as_found: str  # what the database finds in it, whatever its language
    as_sorted: str

    def hides(self, word: str) -> bool:
        """Return whether the word is in the text, and the database does not find it."""
        return word in self.as_sorted and word not in self.as_found


def _other_texts() -> dict[str, list[_OtherText]]:
    """Return the names of owners, labels and names of interns that are not ASCII."""
    text = CharField()
    owners = User.objects.annotate(what=Value("owner"), value=Cast("pk", text), text=SEARCHED)
    labels: Any = Key.objects.filter(state__in=Key.LIVE_STATES)
    labels = labels.annotate(what=Value("label"), value=Cast("label", text), text=Cast("label", text))
    interns = Intern.objects.annotate(what=Value("intern"), value=Cast("pk", text), text=Cast("name", text))
    parts: list[Any] = [
        rows.filter(text__regex=NOT_ASCII).order_by().values_list("what", "value", "text")
        for rows in (owners, labels, interns)
    ]
    found: dict[str, list[_OtherText]] = {"owner": [], "label": [], "intern": []}
    for what, value, name in parts[0].union(*parts[1:]):
        as_found = name.encode().lower().decode()  # of bytes: only ASCII letters
        found[what].append(_OtherText(value, as_found, name_order(name)))
    return found


# --- Filters ------------------------------------------------------------------------------------------
def _may_be_over(known: "_Known") -> Q:
    """Return what the database can say of used-up budgets: those that are larger than any spend of theirs are not."""
    found = Q(blocked_for_budget=True)
    for place, name in enumerate(PERIODS, start=1):
        most_usd = Decimal(max((spent[place] for spent in known.spent.values()), default=0)).scaleb(-MONEY_PLACES)
        most_of_person = max((spent[place] for spent in known.spent_of_people.values()), default=0)
        found |= Q(budget_period=name, budget_usd__lte=most_usd)
        found |= Q(
            owner__person_budget__budget_period=name,
            owner__person_budget__budget_usd__lte=Decimal(most_of_person).scaleb(-MONEY_PLACES),
        )
    return found


def _is_over(text_id: str, row: Sequence[Any], known: "_Known") -> bool:
    """Return whether the key's own budget, or its owner's, is used up.

    Keys made outside, and those of courses, count in no person's.
    """
    owner_id, own_steps, own_period, blocked_for_budget, kind, team, steps_of_owner, period = row
    if blocked_for_budget or is_over(known.spent.get(text_id), own_steps, own_period):
        return True
    is_of_person = kind != Key.Kind.EXTERNAL and team is None
    return is_of_person and is_over(known.spent_of_people.get(owner_id), steps_of_owner, period)


def _filtered(filters: KeyFilters, today: date) -> QuerySet[Key]:
    keys, now = Key.objects.filter(state__in=Key.LIVE_STATES), timezone.now()
    expiring = Q(state=Key.State.ACTIVE) & ~Q(kind=Key.Kind.PLAYGROUND)  # those are renewed automatically
    states = {
        "active": Q(state=Key.State.ACTIVE, blocked=False)
        & ~Q(kind=Key.Kind.EXTERNAL)
        & (Q(expires_at=None) | Q(expires_at__gt=now)),
        "blocked": Q(state=Key.State.ACTIVE, blocked=True, blocked_for_budget=False),
        "expired": expiring & Q(expires_at__lte=now),
        "soon": expiring & Q(expires_at__gt=now, expires_at__lte=now + SOON),
        "outside": Q(kind=Key.Kind.EXTERNAL),
    }
    keys = keys.filter(states[filters.state]) if filters.state else keys
    keys = keys.filter(kind=filters.kind) if filters.kind else keys
    if filters.owner == "left":
        keys = keys.filter(intern__isnull=False, owner__in=supervisors_who_left())
    elif filters.owner:
        keys = keys.filter(owner__is_active=False)
    if filters.group:
        keys = keys.filter(owner__in=User.objects.filter(groups__name=filters.group).values("pk"))
    if filters.idle:  # a key that is younger than that is not unused
        since = today - timedelta(days=int(filters.idle))
        used = Exists(DayToken.objects.filter(token_ref__key=OuterRef("pk"), day__gt=since))
        keys = keys.filter(~used, created_at__lt=datetime(since.year, since.month, since.day, tzinfo=UTC))
    return keys


# --- What is the same for many pages ------------------------------------------------------------------
@dataclass(frozen=True, slots=True, kw_only=True)
class _Known:
    """The cached spend of all keys, by their ids as texts, and of people."""

    spent: SpentOfKeys
    spent_of_people: SpentSteps


def _known(state: UsageState, today: date) -> _Known:
    of_facts = f"{state.version}:{today}"
    makers: dict[str, tuple[str, int, Callable[[], Any]]] = {
        "spent": (f"keys-spent:{of_facts}", SPENT_TTL_S, partial(_spent_of_keys, today)),
        "spent_of_people": (f"people-spent:{of_facts}", SPENT_TTL_S, partial(spent_of_all, today)),
    }
    return _Known(**cached(makers))


def _spent_of_keys(today: date) -> SpentOfKeys:
    """Return each key's spend: in the recent days, and since the start of each of PERIODS."""
    firsts = [today - timedelta(days=RECENT_DAYS - 1), *(budget_first_day(name, today) or today for name in PERIODS)]
    days = DayToken.objects.filter(day__gte=min(firsts), token_ref__key__isnull=False).order_by()
    sums = {f"sum_{place}": Sum("spend_usd", filter=Q(day__gte=first)) for place, first in enumerate(firsts)}
    rows = days.values(text_id=Cast("token_ref__key", CharField())).annotate(**sums).values_list("text_id", *sums)
    return {text_id: tuple(in_steps(usd) for usd in spent) for text_id, *spent in rows}
