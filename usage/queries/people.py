"""The table of people: usage in a period, number of keys; and people with a key and no usage."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from math import ceil
from typing import Any, ClassVar, Final

from django.db.models import Count

from accounts.models import User
from accounts.names import name_order
from keys.models import Key
from usage.periods import Period
from usage.queries.aggregates import sums_by_person
from usage.queries.scope import UNATTRIBUTED, Scope
from usage.queries.sums import Sums
from web.listing import ListedPage


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """A person and their share; `value` is the person's value in a filter."""

    value: str
    pk: int | None  # None: the owner is unknown
    name: str  # "" for an unknown owner
    groups: tuple[str, ...]
    sums: Sums
    last_day: date | None  # in the period; None: no usage
    live_keys: int

    @property
    def used_something(self) -> bool:
        """Whether there is any usage, and not only a usable key."""
        return self.last_day is not None


OF_OWNERS: Final = {"person", "group", "cost_centre"}  # filters that DayPerson has
ORDERS: Final[dict[str, Callable[[Any], Any]]] = {
    "person": lambda person: (person.name == "", name_order(person.name), person.value),
    "spend": lambda person: person.sums.spend_usd,
    "requests": lambda person: person.sums.requests,
    "failed": lambda person: person.sums.failed_share or 0,
    "keys": lambda person: person.live_keys,
    "last": lambda person: person.last_day or date.min,
}
DEFAULT_ORDER: Final = "-spend"
PEOPLE_PER_PAGE: Final = 25


@dataclass(frozen=True, slots=True)
class _Line:
    """A person whose name is not read yet."""

    pk: int | None
    sums: Sums
    last_day: date | None
    live_keys: int


def people_of(found: Mapping[int | None, tuple[Sums, date]], scope: Scope) -> tuple[Person, ...]:
    """Return the people in the sums, and those who could have used something, highest spend first.

    Two queries; with filters a third.
    """
    return tuple(in_order(_named(_lines(found, scope)), DEFAULT_ORDER))


def _lines(found: Mapping[int | None, tuple[Sums, date]], scope: Scope) -> list[_Line]:
    """Return the people in the sums, and those with a key; one query, with filters two."""
    live = dict(Key.objects.live().order_by().values_list("owner").annotate(number=Count("pk")))
    could = scope.live_keys().values_list("owner", flat=True).distinct() if scope.params() else live
    idle: dict[int | None, tuple[Sums, date | None]] = {owner: (Sums(), None) for owner in could}
    return [
        _Line(owner, sums, last_day, live.get(owner, 0) if owner is not None else 0)
        for owner, (sums, last_day) in {**idle, **found}.items()
    ]


def _named(lines: Iterable[_Line]) -> list[Person]:
    """Return these people with names and groups; one query."""
    found = list(lines)
    known = _names([line.pk for line in found if line.pk is not None])
    people = []
    for line in found:
        value, name, groups = known.get(line.pk, (UNATTRIBUTED, "", ()))
        people.append(
            Person(
                value=value,
                pk=line.pk,
                name=name,
                groups=groups,
                sums=line.sums,
                last_day=line.last_day,
                live_keys=line.live_keys,
            )
        )
    return people


def in_order(people: Iterable[Person], order: str) -> list[Person]:
    """Return the people by one of ORDERS, "-" before it for the largest first; ties by name."""
    by_name = sorted(people, key=ORDERS["person"])
    name = order.removeprefix("-")
    return sorted(by_name, key=ORDERS.get(name, ORDERS["spend"]), reverse=order.startswith("-"))


@dataclass(frozen=True, slots=True, kw_only=True)
class PeoplePage(ListedPage):
    """One page of the people.

    Of all, `used` is the number of known people with usage, `idle` those with a key and no usage.
    """

    PER_PAGE: ClassVar = PEOPLE_PER_PAGE

    people: tuple[Person, ...]
    used: int = 0
    idle: int = 0

    @property
    def has_somebody_in_two_groups(self) -> bool:
        """Whether somebody on this page counts in several groups."""
        return any(len(person.groups) > 1 for person in self.people)


def page_of(scope: Scope, period: Period, order: str, number: int) -> PeoplePage:
    """Return a page of the people in this order, the last one if the number is too high; three to five queries.

    Names are read of those only who are on the page, or equal somebody on it: ties are in the order of names.
    """
    of = scope.filtered()
    by_owner = of.models is None and scope.owner_id is None and scope.params().keys() <= OF_OWNERS
    rows = sums_by_person(of, period, by_owner=by_owner)
    lines = _lines({owner or None: (Sums(*sums), last) for owner, last, *sums in rows}, scope)
    number = min(max(1, number), max(1, ceil(len(lines) / PEOPLE_PER_PAGE)))
    start = (number - 1) * PEOPLE_PER_PAGE
    name = order.removeprefix("-")
    before = 0
    tied: list[_Line] = lines
    if name != "person":
        value = ORDERS.get(name, ORDERS["spend"])
        ranked = sorted(lines, key=value, reverse=order.startswith("-"))
        shown = {value(line) for line in ranked[start : start + PEOPLE_PER_PAGE]}
        tied = [line for line in ranked if value(line) in shown]
        before = next((at for at, line in enumerate(ranked) if value(line) in shown), 0)
    people = in_order(_named(tied), order)[start - before : start - before + PEOPLE_PER_PAGE]
    used = sum(line.last_day is not None and line.pk is not None for line in lines)
    idle = sum(line.last_day is None for line in lines)
    return PeoplePage(people=tuple(people), number=number, count=len(lines), used=used, idle=idle)


Known = tuple[str, str, tuple[str, ...]]  # user name, name, groups


def _names(owners: list[int]) -> dict[int | None, Known]:
    rows = User.objects.filter(pk__in=owners).order_by("groups__name")
    found: dict[int | None, Known] = {}
    groups: dict[int, list[str]] = defaultdict(list)
    for pk, username, first, last, group in rows.values_list(
        "pk", "username", "first_name", "last_name", "groups__name"
    ):
        if group:
            groups[pk].append(group)
        found[pk] = (username, f"{first} {last}".strip() or username, tuple(groups[pk]))
    return found
