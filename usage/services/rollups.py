"""Maintains the sums of facts by day: with model and kind, also with group, and with token; by week, too (ADR 35)."""

from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from datetime import date, timedelta
from itertools import product
from typing import Any, Final, NamedTuple

from django.db import transaction
from django.db.models import Exists, F, OuterRef, QuerySet, Sum, Value
from django.db.models.expressions import Combinable
from django.db.models.functions import Coalesce

from accounts.models import User
from usage.bitsets import packed
from usage.models import (
    ALL_CENTRES,
    ALL_MODELS,
    MEASURES,
    CountedMember,
    DayCostCentre,
    DayGroup,
    DayModel,
    DayPerson,
    DaySet,
    DayToken,
    Fact,
    TokenRef,
    WeekToken,
)
from usage.services.state import lock_state, mark_changed
from usage.services.upsert import upsert_changes

MEMBERS: Final = User.groups.through
BATCH: Final = 1000  # rows
PLACE: Final = ("model_number", "cost_centre_number")  # of a DaySet
SETS: Final = ("people", "tokens")
Place = tuple[int, int]


class Rollup(NamedTuple):
    """A table of sums: its rows of a day have these fields, with these values of the facts."""

    model: type[DayModel] | type[DayToken] | type[DayPerson] | type[DayGroup] | type[DayCostCentre]
    fields: dict[str, Combinable]


KIND: Final = Coalesce("token_ref__key__kind", Value(""))
ROLLUPS: Final = (
    Rollup(DayModel, {"model_id": F("model"), "kind": KIND}),
    Rollup(DayToken, {"token_ref_id": F("token_ref")}),
    Rollup(
        DayPerson,
        {"person_number": Coalesce("token_ref__owner_id", Value(0)), "cost_centre_number": F("cost_centre_number")},
    ),
    Rollup(DayCostCentre, {"cost_centre_number": F("cost_centre_number"), "model_id": F("model"), "kind": KIND}),
    Rollup(
        DayGroup,
        {"group_number": Coalesce("token_ref__owner__groups", Value(0)), "model_id": F("model"), "kind": KIND},
    ),
)


def roll_up(day: date) -> int:
    """Update the sums of a day and its week to its facts; return how many rows differed. Call it in the facts'
    transaction.
    """
    return _roll_up_day(day) + _roll_up_week(_monday(day))


def _roll_up_day(day: date) -> int:
    differed = 0
    for rollup in ROLLUPS:
        stored: QuerySet[Any] = rollup.model._default_manager.filter(day=day)
        sums = _sums(day, rollup.fields)
        differed += upsert_changes(stored, sums, key=tuple(rollup.fields), fixed={"day": day}).rows
    return differed + _roll_up_sets(day)


def _monday(day: date) -> date:
    return day - timedelta(days=day.weekday())


def _roll_up_sets(day: date) -> int:
    """Update the sets of people and tokens of a day; return how many differed."""
    people, tokens = defaultdict[Place, set[int]](set), defaultdict[Place, set[int]](set)
    rows = Fact.objects.filter(day=day).order_by()
    columns = rows.values_list("model_id", "cost_centre_number", "token_ref_id", "token_ref__owner_id")
    for model, centre, token, owner in columns.iterator(chunk_size=2000):
        for place in product((model, ALL_MODELS), (centre, ALL_CENTRES)):
            tokens[place].add(token)
            people[place].update([owner] if owner else [])
    wanted = {place: (packed(people[place]), packed(found)) for place, found in tokens.items()}
    vanished, same = [], set()
    for pk, model, centre, *stored in DaySet.objects.filter(day=day).values_list("pk", *PLACE, *SETS):
        if (model, centre) not in wanted:
            vanished.append(pk)
        elif wanted[model, centre] == tuple(map(bytes, stored)):
            same.add((model, centre))
    DaySet.objects.filter(pk__in=vanished).delete()
    changed = [
        DaySet(day=day, **dict(zip((*PLACE, *SETS), (*place, *sets), strict=True)))
        for place, sets in wanted.items()
        if place not in same
    ]
    DaySet.objects.bulk_create(
        changed, batch_size=BATCH, update_conflicts=True, unique_fields=["day", *PLACE], update_fields=SETS
    )
    return len(changed) + len(vanished)


def _roll_up_week(week: date) -> int:
    """Update the sums of a week to those of its days."""
    rows = DayToken.objects.filter(day__range=(week, week + timedelta(days=6))).order_by().values("token_ref")
    sums = {f"sum_{measure}": Sum(measure) for measure in MEASURES}
    found = rows.annotate(**sums).values_list("token_ref", *sums).iterator(chunk_size=2000)
    wanted = {(token_ref,): amounts for token_ref, *amounts in found}
    return upsert_changes(WeekToken.objects.filter(week=week), wanted, key=("token_ref_id",), fixed={"week": week}).rows


def _sums(day: date, fields: dict[str, Combinable]) -> dict[tuple[Any, ...], Sequence[Any]]:
    """Add up the facts of a day by some of their dimensions."""
    names = {f"by_{name}": value for name, value in fields.items()}
    sums = {f"sum_{measure}": Sum(measure) for measure in MEASURES}
    rows = Fact.objects.filter(day=day).order_by().values(**names).annotate(**sums).values_list(*names, *sums)
    return {tuple(row[: len(names)]): row[len(names) :] for row in rows.iterator(chunk_size=2000)}


class Changes(NamedTuple):
    """What the sums of earlier days do not know yet: tokens with owner (0: nobody) and kind, members of groups."""

    token_refs: dict[int, tuple[int, str]]
    added: list[tuple[int, int]]
    removed: list[tuple[int, int]]

    def days(self) -> list[date]:
        """Return the days of these tokens and of all tokens of these people, newest first."""
        people = {person for person, _group in (*self.added, *self.removed)}
        found: set[date] = set()
        for name, wanted in (("token_ref__in", list(self.token_refs)), ("token_ref__owner__in", list(people))):
            for start in range(0, len(wanted), BATCH):
                part = DayToken.objects.filter(**{name: wanted[start : start + BATCH]})
                found.update(part.order_by().values_list("day", flat=True).distinct())
        return sorted(found, reverse=True)

    @transaction.atomic
    def note(self) -> None:
        """Note that the sums know them."""
        if not any(self):
            return
        lock_state()
        for pk, (owner, kind) in self.token_refs.items():
            TokenRef.objects.filter(pk=pk).update(counted_owner=owner, counted_kind=kind)
        members = [CountedMember(person_id=person, group_number=group) for person, group in self.added]
        CountedMember.objects.bulk_create(members, batch_size=BATCH, ignore_conflicts=True)
        for person, group in self.removed:
            CountedMember.objects.filter(person=person, group_number=group).delete()


def roll_up_reattributed() -> int:
    """Update the sums of the days of tokens whose owner, kind of key or groups changed; return how many rows differed.

    Each day is a transaction; the changes are noted last, so that a run that was killed is repeated.
    """
    changes = _changes()
    differed = sum(_alone(roll_up, day) for day in changes.days())
    changes.note()
    return differed


def _changes() -> Changes:
    return Changes({pk: (owner, kind) for pk, owner, kind in _changed_token_refs()}, *_changed_members())


def _changed_token_refs() -> list[tuple[int, int, str]]:
    """Return (id, owner or 0, kind) of the tokens that the sums have under another owner or as another kind."""
    kind_now, owner_now = Coalesce("key__kind", Value("")), Coalesce("owner_id", Value(0))
    found = TokenRef.objects.annotate(kind_now=kind_now, owner_now=owner_now)
    same = found.filter(counted_owner=F("owner_now"), counted_kind=F("kind_now"))
    return list(found.exclude(pk__in=same.values("pk")).values_list("pk", "owner_now", "kind_now"))


def _changed_members() -> tuple[list[tuple[int, int]], list[tuple[int, int]]]:
    """Return (person, group) that joined and that left since they were counted, of people with any usage."""
    counted = CountedMember.objects.filter(person=OuterRef("user"), group_number=OuterRef("group"))
    used = TokenRef.objects.filter(owner=OuterRef("user"))
    added = MEMBERS.objects.filter(Exists(used), ~Exists(counted)).values_list("user", "group")
    still = MEMBERS.objects.filter(user=OuterRef("person"), group=OuterRef("group_number"))
    removed = CountedMember.objects.filter(~Exists(still)).values_list("person", "group_number")
    return list(added), list(removed)


def _alone(update: Callable[[date], int], day: date) -> int:
    """Update the sums of a day, or of the week that begins with it, in a transaction of its own."""
    with transaction.atomic():
        lock_state()
        rows = update(day)
        if rows:
            mark_changed()
    return rows


def rebuild_rollups() -> dict[date, int]:
    """Rebuild all sums from the facts, a day at a time; return how many rows differed, for days where any did.

    Weeks follow when all of their days are right, and count for their Monday.
    """
    changes = _changes()
    tables: list[QuerySet[Any]] = [rollup.model._default_manager.all() for rollup in ROLLUPS]
    tables += [Fact.objects.all(), DaySet.objects.all()]
    days = {day for rows in tables for day in rows.order_by("day").values_list("day", flat=True).distinct()}
    weeks = {_monday(day) for day in days} | set(WeekToken.objects.values_list("week", flat=True).distinct())
    differed = Counter({day: _alone(_roll_up_day, day) for day in days})
    differed.update({week: _alone(_roll_up_week, week) for week in weeks})
    changes.note()
    return {day: rows for day, rows in sorted(differed.items()) if rows}
