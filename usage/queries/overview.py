"""A page's numbers: totals, days by model, keys, models. The same for one person and for everybody."""

from collections import defaultdict
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any, Final

from django.db.models import Case, Q, Value, When

from keys.models import Key
from usage.models import TokenRef
from usage.periods import Period
from usage.queries.aggregates import sums_by_day_and_model, sums_by_token
from usage.queries.scope import FilteredScope, Scope
from usage.queries.splits import Reader
from usage.queries.sums import NOTHING_USD, SUMS, Sums, total_of

SERIES: Final = 5  # models on the chart; the rest together are the sixth
MAX_KEYS: Final = 500  # of everybody's keys, only the first are of interest


@dataclass(frozen=True, slots=True, kw_only=True)
class Share:
    """A line of a list; `value` is its value in a filter, `colour` that of a model."""

    value: str
    label: str
    sums: Sums
    last_day: date | None = None
    colour: int = 0
    ended_on: date | None = None
    known: bool = True  # False: a token whose key is unknown
    owner: str = ""  # of a key


@dataclass(frozen=True, slots=True)
class Day:
    """A UTC day; `parts_usd` are in the order of Overview.series."""

    day: date
    parts_usd: tuple[Decimal, ...]
    spend_usd: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class Totals:
    """The sums of a period, and of the one before."""

    period: Period
    totals: Sums
    before: Sums

    @property
    def change_usd(self) -> Decimal:
        """The difference to the spend of the period before."""
        return self.totals.spend_usd - self.before.spend_usd


@dataclass(frozen=True, slots=True, kw_only=True)
class Overview(Totals):
    """The numbers of a period.

    `series` are the names of up to five models and, if there are more, None for the rest of them.
    """

    series: tuple[str | None, ...]
    days: tuple[Day, ...]  # every day, also those without spend, oldest first
    models: tuple[Share, ...]  # most spend first
    keys: tuple[Share, ...]  # highest spend first, limited to the requested number
    keys_count: int
    people: dict[int | None, tuple[Sums, date]]  # by owner; None: unattributed

    @property
    def coloured_series(self) -> list[tuple[str | None, int]]:
        """The series, each with its colour; the rest has colour 0."""
        return [(share.value, share.colour) for share in self.models[:SERIES]] + ([(None, 0)] * (None in self.series))

    @property
    def series_sums(self) -> tuple[Decimal, ...]:
        """The sum of each series in the period."""
        return tuple(sum((day.parts_usd[at] for day in self.days), NOTHING_USD) for at in range(len(self.series)))


def totals_in(scope: Scope, period: Period) -> Totals:
    """Read the sums of a period, and of the one before; one query, with filters two."""
    before = period.previous()
    rows = Reader(scope).rows(before.first_day, period.last_day)
    is_now = Case(When(day__gte=period.first_day, then=Value(True)), default=Value(False))
    only = Q(day__gte=period.first_day) | Q(day__lte=before.last_day)  # they need not be adjacent
    found = {bool(now): Sums(*sums) for now, *sums in rows.grouped(SUMS, is_now, only=only)}
    return Totals(period=period, totals=found.get(True, Sums()), before=found.get(False, Sums()))


def overview(of: FilteredScope, period: Period, *, max_keys: int = MAX_KEYS) -> Overview:
    """Read the numbers: three queries, however many facts there are."""
    days: dict[date, dict[str, Sums]] = defaultdict(dict)
    before = Sums()
    colours: dict[str, int] = {}
    for day, model, colour, *sums in sums_by_day_and_model(of, period):
        if day is None:
            before += Sums(*sums)
        else:
            days[day][model] = Sums(*sums)
            colours[model] = colour
    models = _models(days, colours)
    series: tuple[str | None, ...] = tuple(share.value for share in models[:SERIES])
    series += (None,) if len(models) > len(series) else ()
    token_refs = list(sums_by_token(of, period))
    keys = _by_key(token_refs)
    return Overview(
        period=period,
        totals=total_of(share.sums for share in models),
        before=before,
        series=series,
        days=tuple(_day(day, days[day], series) for day in period.days()),
        models=models,
        keys=_named(keys[:max_keys]),
        keys_count=len(keys),
        people=_by_person(token_refs),
    )


def _models(days: dict[date, dict[str, Sums]], colours: dict[str, int]) -> tuple[Share, ...]:
    """Return the models, highest spend first."""
    found: dict[str, Sums] = defaultdict(Sums)
    for by_model in days.values():
        for name, sums in by_model.items():
            found[name] += sums
    ranked = sorted(found.items(), key=lambda item: (-item[1].spend_usd, -item[1].requests, item[0]))
    return tuple(Share(value=name, label=name, sums=sums, colour=colours[name]) for name, sums in ranked)


def _day(day: date, by_model: dict[str, Sums], series: tuple[str | None, ...]) -> Day:
    total = sum((sums.spend_usd for sums in by_model.values()), NOTHING_USD)
    named = [by_model[name].spend_usd if name in by_model else NOTHING_USD for name in series if name is not None]
    rest = [total - sum(named, NOTHING_USD)] if None in series else []
    return Day(day, (*named, *rest), total)


KeyLine = tuple[Any, int, Sums, date]  # the key's id or None, a TokenRef of it, its sums, its last day


def _by_key(token_refs: list[tuple[Any, ...]]) -> list[KeyLine]:
    """Return a line for each key, and one for each token without a key, highest spend first."""
    found: dict[Any, KeyLine] = {}
    for token_ref, key, _owner, last_day, *numbers in token_refs:
        name = key or f"@{token_ref}"
        _, _, sums, last = found.get(name, (key, token_ref, Sums(), last_day))
        found[name] = (key, token_ref, sums + Sums(*numbers), max(last, last_day))
    return sorted(found.values(), key=lambda line: (-line[2].spend_usd, -line[2].requests, line[1]))


def _by_person(token_refs: list[tuple[Any, ...]]) -> dict[int | None, tuple[Sums, date]]:
    found: dict[int | None, tuple[Sums, date]] = {}
    for _source, _key, owner, last_day, *numbers in token_refs:
        sums, last = found.get(owner, (Sums(), last_day))
        found[owner] = (sums + Sums(*numbers), max(last, last_day))
    return found


def _named(lines: list[KeyLine]) -> tuple[Share, ...]:
    """Return the lines with their labels; one query for both keys and tokens without one."""
    about = {
        token_ref.pk: token_ref
        for token_ref in TokenRef.objects.filter(pk__in=[line[1] for line in lines]).select_related("key", "owner")
    }
    return tuple(_share(about[token_ref], sums, last_day) for _key, token_ref, sums, last_day in lines)


def _share(token_ref: TokenRef, sums: Sums, last_day: date) -> Share:
    key, owner = token_ref.key, token_ref.owner.display_name if token_ref.owner else ""
    if key is None:
        value = f"@{token_ref.pk}"
        return Share(value=value, label=str(token_ref), sums=sums, last_day=last_day, owner=owner, known=False)
    ended = key.ended_at.date() if key.ended_at and key.state == Key.State.DELETED else None
    return Share(value=str(key.pk), label=key.label, sums=sums, last_day=last_day, owner=owner, ended_on=ended)
