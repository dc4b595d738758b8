"""The list of all keys: filtered, sorted, paged, with their spend. See people/listing.py.

A key is listed as long as it exists, or may exist, at the gateway; deleted ones are in the history of their owner.
The database sorts by time. Names are compared in Python, as are cached values of all keys.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from functools import partial
from math import ceil
from typing import Any, ClassVar, Final, NamedTuple
from uuid import UUID

from django.db.models import (
    BooleanField,
    Case,
    CharField,
    Count,
    DateField,
    Exists,
    ExpressionWrapper,
    F,
    OuterRef,
    Q,
    QuerySet,
    Subquery,
    Sum,
    Value,
    When,
)
from django.db.models.functions import Cast
from django.utils import timezone

from accounts.models import User
from accounts.names import name_order
from accounts.rights import people_above
from keys.models import Key, Token, UnownedKey
from keys.services import supervisors_who_left
from keys.status import Status, brief_status_of
from keys.use import NOTHING_USD, PersonSpent, Spent, pressing_budget
from people.listing import (
    IDLE_DAYS,
    OF_ALL,
    OF_BUDGETS,
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
from usage.models import DayToken, TokenRef, UsageState
from usage.periods import budget_first_day, budget_reset_day
from web.listing import ListedPage
from web.money import PLACES as MONEY_PLACES

KEYS_PER_PAGE: Final = 25
SOON: Final = timedelta(days=7)
STATES: Final = ("active", "blocked", "expired", "soon", "outside")
OWNERS: Final = ("inactive", "left")  # left: keys of interns whose supervisor has left
KINDS: Final = (
    *(Key.Kind.PERSONAL.value, Key.Kind.TEMPORARY.value),
    *(Key.Kind.PLAYGROUND.value, Key.Kind.COURSE.value),
)
ORDERS: Final = ("created", "owner", "label", "spend", "last", "expires")
DEFAULT_ORDER: Final = "-created"
BY_DATABASE: Final = ("created", "expires")
COLUMNS_OF_ORDERS: Final = {"label": "label", "owner": "owner_id"}
OWNER_NAMES: Final = ("username", "first_name", "last_name", "email")
TEXT_ID: Final = Cast("pk", CharField())  # to make UUIDs of 10,000 keys takes longer than all the rest of a page
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
    over: str = ""  # "1": those with their own budget, or their owner's, used up

    def params(self) -> dict[str, str]:
        """Return the active filters as URL parameters."""
        return {name: value for name in self.__slots__ if (value := getattr(self, name))}


@dataclass(frozen=True, slots=True, kw_only=True)
class ListedKey:
    """A key in the list."""

    key: Key
    status: Status
    recent_usd: Decimal
    last_day: date | None
    use: Spent  # of its own budget
    may_be_limited: bool  # by the person who looks at the list


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyPage(ListedPage):
    """One page of the list."""

    PER_PAGE: ClassVar = KEYS_PER_PAGE

    rows: tuple[ListedKey, ...]
    unowned: int  # keys that were made outside and have no owner


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


def key_page(
    filters: KeyFilters, order: str, number: int, state: UsageState, today: date, *, admin: User | None = None
) -> KeyPage:
    """Return a page of the keys; the last one if the number is too high. `admin`: who may set limits of some of them.

    Three queries; one more where the search may be the end of a secret.
    """
    ids, number, count = _page_of_ids(filters, order, number, _known(filters, order, state, today), today)
    rows = tuple(listed_keys(ids, today, admin=admin))
    annotated: Any = rows[0].key if rows else None
    unowned = annotated.unowned or 0 if rows else UnownedKey.objects.count()
    return KeyPage(rows=rows, number=number, count=count, unowned=unowned)


def every_key(filters: KeyFilters, order: str, state: UsageState, today: date) -> Iterable[ListedKey]:
    """Yield all keys of the list, read in batches: for files."""
    found = found_keys(filters, order, state, today)
    for start in range(0, len(found), 200):
        yield from listed_keys(found[start : start + 200], today)


def found_keys(filters: KeyFilters, order: str, state: UsageState, today: date) -> list[UUID]:
    """Return the ids of all keys of the list."""
    found = _found(filters, order, _known(filters, order, state, today), today)
    return [UUID(text) for text in found] if isinstance(found, list) else list(found)


# --- Which keys are found, in which order --------------------------------------------------------------
def _page_of_ids(
    filters: KeyFilters, order: str, number: int, known: "_Known", today: date
) -> tuple[list[UUID], int, int]:
    """Return the ids of a page, its number, and the number of keys; if the database sorts, it reads only those."""
    found, number = _found(filters, order, known, today), max(1, number)
    if isinstance(found, list):
        number = min(number, max(1, ceil(len(found) / KEYS_PER_PAGE)))
        texts = found[(number - 1) * KEYS_PER_PAGE : number * KEYS_PER_PAGE]
        return [UUID(text) for text in texts], number, len(found)
    all_of_them = _filtered(filters, today).order_by().values(one=Value(1)).annotate(count=Count("pk"))
    counted = found.annotate(count=Subquery(all_of_them.values("count"))).values_list("pk", "count")
    rows = list(counted[(number - 1) * KEYS_PER_PAGE : number * KEYS_PER_PAGE])
    if not rows and number > 1:  # the page number is too high
        return _page_of_ids(filters, order, max(1, ceil(found.count() / KEYS_PER_PAGE)), known, today)
    return [pk for pk, _count in rows], number, rows[0][1] if rows else 0


def _found(filters: KeyFilters, order: str, known: "_Known", today: date) -> "QuerySet[Any, UUID] | list[str]":
    """Return the ids of the filtered keys, in this order: a list of texts, if Python filters or sorts."""
    name, is_reversed = order.removeprefix("-"), order.startswith("-")
    keys = _filtered(filters, today)
    if name == "expires":
        moment = F("expires_at")
        keys = keys.order_by(moment.desc(nulls_last=True) if is_reversed else moment.asc(nulls_last=True), "pk")
    else:
        keys = keys.order_by("created_at" if order == "created" else "-created_at", "pk")
    if name in BY_DATABASE and not (filters.q or filters.over):
        return keys.values_list("pk", flat=True)
    if name in ("spend", "last"):
        ids = [row[0] for row in _by_python(filters, keys, known, {})]
        return _by_value(ids, known.recent if name == "spend" else known.last_days, is_reversed=is_reversed)
    owners = _owners() if filters.q or name == "owner" else {}
    rows = _by_python(filters, keys, known, owners, with_column=COLUMNS_OF_ORDERS.get(name))
    if name == "label":
        rows.sort(key=lambda row: name_order(row[1]), reverse=is_reversed)
    elif name == "owner":
        rows.sort(key=lambda row: owners[row[1]].name, reverse=is_reversed)
    return [row[0] for row in rows]


def _by_value(ids: list[str], values: Mapping[str, int], *, is_reversed: bool) -> list[str]:
    """Sort by these values; most keys have none, and stay in their order."""
    used = {text_id for text_id, value in values.items() if value}
    some = [text_id for text_id in ids if text_id in used]
    none = [text_id for text_id in ids if text_id not in used] if len(some) < len(ids) else []
    some.sort(key=values.__getitem__, reverse=is_reversed)
    return [*some, *none] if is_reversed else [*none, *some]


class _Owner(NamedTuple):
    """An owner's name to sort by, and all that a search looks at; both without case and accents."""

    name: str
    searched: str


def _owners() -> dict[int, _Owner]:
    """Return everybody who may own keys, by id: read once, not with each key."""
    owners: dict[int, _Owner] = {}
    for pk, username, first, last, email in User.objects.order_by().values_list("pk", *OWNER_NAMES):
        name = name_order(f"{first} {last}".strip() or username)
        owners[pk] = _Owner(name, name_order(f"{username} {first} {last} {email}"))
    return owners


def _by_python(
    filters: KeyFilters,
    keys: QuerySet[Key],
    known: "_Known",
    owners: Mapping[int, _Owner],
    *,
    with_column: str | None = None,
) -> list[Any]:
    """Return the ids of the keys that match search and budgets, with a column to sort by, and more after these."""
    if filters.over:
        keys = keys.filter(_may_be_over(known))
    fields: list[Any] = [TEXT_ID, with_column or Value(0)]
    if filters.q:
        keys = keys.annotate(has_ending=_has_ending(filters.q))
        fields += ["owner_id", "label", "intern__name", "has_ending"]
    if filters.over:
        fields += ["owner_id", steps("budget_usd"), "budget_period", "blocked_for_budget", "kind", "team"]
        fields += [steps("owner__person_budget__budget_usd"), "owner__person_budget__budget_period"]
    rows = list(keys.values_list(*fields))
    if filters.q:
        rows = _matching(rows, name_order(filters.q).split(), owners or _owners())
    if filters.over:
        rows = [row for row in rows if _is_over(row[0], row[-8], row[-7:], known)]
    return rows


def _matching(rows: list[Any], words: Sequence[str], owners: Mapping[int, _Owner]) -> list[Any]:
    """Keep the rows that have each word in their owner, their label or their intern, or whose secret has the ending."""
    texts: dict[tuple[str, str | None], str] = {}  # many keys have the same
    for word in words:
        theirs = {pk for pk, owner in owners.items() if word in owner.searched}
        kept = []
        for row in rows:
            if row[5] or row[2] in theirs:
                kept.append(row)
                continue
            text = texts.get(row[3:5])
            if text is None:
                text = texts[row[3:5]] = name_order(f"{row[3]} {row[4] or ''}")
            if word in text:
                kept.append(row)
        rows = kept
    return rows


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


def _has_ending(q: str) -> "ExpressionWrapper[Q] | Value":
    """Return, as part of a query, whether a secret of the key ends with the searched text of four letters."""
    end = q.removeprefix("…")
    if len(end) != LAST_FOUR:
        return Value(value=False)
    keys = Token.objects.filter(last_four__iexact=end).values("key")
    return ExpressionWrapper(Q(pk__in=keys), output_field=BooleanField())


def _is_over(text_id: str, owner_id: int, row: Sequence[Any], known: "_Known") -> bool:
    """Return whether the key's own budget, or its owner's, is used up.

    Keys made outside, and those of courses, count in no person's.
    """
    own_steps, own_period, blocked_for_budget, kind, team, steps_of_owner, period = row
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
    if filters.idle:  # a key that is younger than that is not unused
        since = today - timedelta(days=int(filters.idle))
        used = Exists(DayToken.objects.filter(token_ref__key=OuterRef("pk"), day__gt=since))
        keys = keys.filter(~used, created_at__lt=datetime(since.year, since.month, since.day, tzinfo=UTC))
    return keys


# --- What a page shows of its keys --------------------------------------------------------------------
def listed_keys(ids: Sequence[UUID], today: date, *, admin: User | None = None) -> Iterable[ListedKey]:
    """Yield these keys, in this order, with their spend and their owners'. Two queries."""
    recent = _spend_since(today - timedelta(days=RECENT_DAYS - 1), "key", "pk")
    keys = Key.objects.filter(pk__in=ids).select_related("owner__person_budget", "intern").prefetch_related("tokens")
    all_unowned = UnownedKey.objects.order_by().values(one=Value(1)).annotate(count=Count("pk"))  # asked once
    keys = keys.alias(
        first_day=_first_day("budget_period", today),
        person_first_day=_first_day("owner__person_budget__budget_period", today),
    )
    found = keys.annotate(
        recent_usd=recent,
        last_day=last_day_of_key(),
        spent_usd=_spend_since(OuterRef("first_day"), "key", "pk"),
        person_spent_usd=_spend_since(OuterRef("person_first_day"), "owner", "owner"),
        unowned=Subquery(all_unowned.values("count")),
        is_beyond=Value(True) if admin is None else Exists(people_above(admin).filter(pk=OuterRef("owner"))),
    )
    by_id = {key.pk: key for key in found}
    yield from (_listed(by_id[pk], today) for pk in ids if pk in by_id)  # else deleted meanwhile


def _listed(key: Any, today: date) -> ListedKey:
    use = _spent(key.budget_usd, key.budget_period, key.spent_usd, today)
    budget = getattr(key.owner, "person_budget", None)  # the relation raises an AttributeError without a row
    of_person = None
    if budget and budget.budget_usd and budget.budget_period in PERIODS:
        about = _spent(budget.budget_usd, budget.budget_period, key.person_spent_usd, today)
        of_person = PersonSpent(**asdict(about), kept_by_gateway=budget.state != budget.State.WITHOUT_TEAMS)
    status = brief_status_of(key, pressing_budget(use, key, of_person))
    recent_usd = key.recent_usd or NOTHING_USD
    return ListedKey(
        key=key,
        status=status,
        recent_usd=recent_usd,
        last_day=key.last_day,
        use=use,
        may_be_limited=not key.is_beyond and key.state == Key.State.ACTIVE and key.kind in Key.COUNTED_KINDS,
    )


def _spent(budget_usd: Decimal | None, period: str, usd: Decimal | None, today: date) -> Spent:
    """Return the spend of a budget; unknown for a period that is none of PERIODS."""
    spent_usd = usd or NOTHING_USD if period in PERIODS else None
    resets_on = budget_reset_day(period, today)
    return Spent(budget_usd=budget_usd, budget_period=period, spent_usd=spent_usd, resets_on=resets_on)


def last_day_of_key() -> Subquery:
    """Return the last day on which a key was used: one index lookup for each token."""
    of_token = DayToken.objects.filter(token_ref=OuterRef("pk")).order_by("-day").values("day")[:1]
    tokens = TokenRef.objects.filter(key=OuterRef("pk")).annotate(last=Subquery(of_token))
    return Subquery(tokens.order_by(F("last").desc(nulls_last=True)).values("last")[:1])


def _first_day(period: str, today: date) -> Case:
    """Return the first day of the budget period that a field of the key names; without a known one, tomorrow."""
    firsts = [When(**{period: name}, then=Value(budget_first_day(name, today))) for name in PERIODS]
    return Case(*firsts, default=Value(today + timedelta(days=1)), output_field=DateField())


def _spend_since(first_day: date | OuterRef, whose: str, outer: str) -> Subquery:
    """Return the spend of a key, or of an owner in their budget, in which keys made outside do not count."""
    which = OF_BUDGETS if whose == "owner" else OF_ALL
    days = DayToken.objects.filter(which, day__gte=first_day, **{f"token_ref__{whose}": OuterRef(outer)}).order_by()
    return Subquery(days.values(f"token_ref__{whose}").annotate(usd=Sum("spend_usd")).values("usd"))


# --- What is the same for many pages ------------------------------------------------------------------
@dataclass(frozen=True, slots=True, kw_only=True)
class _Known:
    """The cached values of all keys, by their ids as texts: only those that filters and order need."""

    recent: dict[str, int]  # the first of `spent`, for the order: the whole takes twice the time to load
    spent: SpentOfKeys
    spent_of_people: SpentSteps
    last_days: dict[str, int]  # of use; ordinals


def _known(filters: KeyFilters, order: str, state: UsageState, today: date) -> _Known:
    of_facts = f"{state.version}:{today}"
    makers: dict[str, tuple[str, int, Callable[[], Any]]] = {}
    if order.removeprefix("-") == "spend":
        makers["recent"] = (f"keys-recent:{of_facts}", SPENT_TTL_S, partial(_recent_of_keys, today))
    if filters.over:
        makers["spent"] = (f"keys-spent:{of_facts}", SPENT_TTL_S, partial(_spent_of_keys, today))
        makers["spent_of_people"] = (f"people-spent:{of_facts}", SPENT_TTL_S, partial(spent_of_all, today))
    if order.removeprefix("-") == "last":
        makers["last_days"] = (f"keys-last:{of_facts}", SPENT_TTL_S, _last_days)
    return _Known(**{"recent": {}, "spent": {}, "spent_of_people": {}, "last_days": {}, **cached(makers)})


def _recent_of_keys(today: date) -> dict[str, int]:
    return {text_id: recent for text_id, (recent, *_since) in _spent_of_keys(today).items()}


def _spent_of_keys(today: date) -> SpentOfKeys:
    """Return each key's spend: in the recent days, and since the start of each of PERIODS."""
    firsts = [today - timedelta(days=RECENT_DAYS - 1), *(budget_first_day(name, today) or today for name in PERIODS)]
    days = DayToken.objects.filter(day__gte=min(firsts), token_ref__key__isnull=False).order_by()
    sums = {f"sum_{place}": Sum("spend_usd", filter=Q(day__gte=first)) for place, first in enumerate(firsts)}
    rows = days.values(text_id=Cast("token_ref__key", CharField())).annotate(**sums).values_list("text_id", *sums)
    return {text_id: tuple(in_steps(usd) for usd in spent) for text_id, *spent in rows}


def _last_days() -> dict[str, int]:
    """Return the last day of use of each used key."""
    of_token = DayToken.objects.filter(token_ref=OuterRef("pk")).order_by("-day").values("day")[:1]
    tokens = TokenRef.objects.filter(key__isnull=False).annotate(last=Subquery(of_token)).filter(last__isnull=False)
    found: dict[str, int] = {}
    for text_id, day in tokens.values_list(Cast("key", CharField()), "last"):
        found[text_id] = max(found.get(text_id, 0), day.toordinal())
    return found
