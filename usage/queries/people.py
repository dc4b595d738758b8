"""The table of people: usage in a period, number of keys; and people with a key and no usage."""

from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import date
from math import ceil
from typing import Any, ClassVar, Final

from django.db.models import Count

from accounts.models import User
from accounts.names import name_order
from keys.models import Key
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


ORDERS: Final[dict[str, Callable[[Person], Any]]] = {
    "person": lambda person: (person.name == "", name_order(person.name), person.value),
    "spend": lambda person: person.sums.spend_usd,
    "requests": lambda person: person.sums.requests,
    "failed": lambda person: person.sums.failed_share or 0,
    "keys": lambda person: person.live_keys,
    "last": lambda person: person.last_day or date.min,
}
DEFAULT_ORDER: Final = "-spend"
PEOPLE_PER_PAGE: Final = 25


def people_of(found: dict[int | None, tuple[Sums, date]], scope: Scope) -> tuple[Person, ...]:
    """Return the people in the sums, and those who could have used something, highest spend first.

    Two queries; with filters a third.
    """
    live = dict(Key.objects.live().order_by().values_list("owner").annotate(number=Count("pk")))
    could = scope.live_keys().values_list("owner", flat=True).distinct() if scope.params() else live
    idle: dict[int | None, tuple[Sums, date | None]] = {owner: (Sums(), None) for owner in could}
    used_by = {**idle, **found}
    known = _names([owner for owner in used_by if owner is not None])
    people = [
        _person(owner, known.get(owner), sums, last_day, live.get(owner, 0))
        for owner, (sums, last_day) in used_by.items()
    ]
    return tuple(in_order(people, DEFAULT_ORDER))


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


def page_of(people: tuple[Person, ...], order: str, number: int) -> PeoplePage:
    """Return a page of the people in this order; the last one if the number is too high."""
    pages = max(1, ceil(len(people) / PEOPLE_PER_PAGE))
    number = min(max(1, number), pages)
    start = (number - 1) * PEOPLE_PER_PAGE
    shown = in_order(people, order)[start : start + PEOPLE_PER_PAGE]
    idle = sum(not person.used_something for person in people)
    used = sum(person.used_something and person.value != UNATTRIBUTED for person in people)
    return PeoplePage(people=tuple(shown), number=number, count=len(people), used=used, idle=idle)


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


def _person(owner: int | None, known: Known | None, sums: Sums, last_day: date | None, live_keys: int) -> Person:
    value, name, groups = known or (UNATTRIBUTED, "", ())
    keys = live_keys if owner is not None else 0
    return Person(value=value, pk=owner, name=name, groups=groups, sums=sums, last_day=last_day, live_keys=keys)
