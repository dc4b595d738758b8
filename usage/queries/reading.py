"""Sums out of facts, or out of the rollup that has them already: the same question costs the least rows."""

from datetime import date
from typing import Any

from django.db.models import Case, F, Max, Q, QuerySet, Sum, When

from usage.models import DayModel, DaySource, Fact
from usage.periods import Period
from usage.queries.scope import Narrowed
from usage.queries.sums import SUMS

Rows = Any  # a queryset of tuples, which no type can tell column by column


def facts(of: Narrowed, first_day: date, last_day: date) -> QuerySet[Fact]:
    """Return the facts of these days, both included."""
    return Fact.objects.filter(_sources(of) & _models(of), day__range=(first_day, last_day))


def sums_by_day_and_model(of: Narrowed, period: Period) -> Rows:
    """Return (day, model's name, its colour, SUMS…) of the period; under the day None, those of the period before."""
    before = period.previous()
    rows = _with_models(of, before.first_day, period.last_day)
    rows = rows.filter(Q(day__gte=period.first_day) | Q(day__lte=before.last_day))  # they need not touch
    at = Case(When(day__gte=period.first_day, then=F("day")), default=None)
    return rows.order_by().values_list(at, "model__name", "model__colour").annotate(**SUMS)


def sums_by_source(of: Narrowed, period: Period) -> Rows:
    """Return (source, its key, its owner, last day, SUMS…) of the period."""
    rows = _with_sources(of, period.first_day, period.last_day).order_by()
    return rows.values_list("source", "source__key", "source__owner").annotate(last_day=Max("day"), **SUMS)


def spend_by_day(of: Narrowed, first_day: date, last_day: date) -> Rows:
    """Return (day, USD), only days that have some."""
    rows = _with_models if of.sources is None else _with_sources
    return rows(of, first_day, last_day).order_by().values_list("day").annotate(usd=Sum("spend_usd"))


def _with_models(of: Narrowed, first_day: date, last_day: date) -> Rows:
    """Return rows that have a model: of the rollup, unless sources are narrowed."""
    if of.sources is not None:
        return facts(of, first_day, last_day)
    return DayModel.objects.filter(_models(of), day__range=(first_day, last_day))


def _with_sources(of: Narrowed, first_day: date, last_day: date) -> Rows:
    """Return rows that have a source: of the rollup, unless models are narrowed."""
    if of.models is not None:
        return facts(of, first_day, last_day)
    return DaySource.objects.filter(_sources(of), day__range=(first_day, last_day))


def _sources(of: Narrowed) -> Q:
    return Q() if of.sources is None else Q(source__in=of.sources)


def _models(of: Narrowed) -> Q:
    return Q() if of.models is None else Q(model__in=of.models)
