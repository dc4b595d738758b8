"""Sums of facts, or of the rollup that has them already, whichever needs fewer rows."""

from datetime import date
from typing import Any

from django.db.models import Case, F, Max, Q, QuerySet, Sum, Value, When
from django.db.models.functions import Coalesce

from usage.models import DayCostCentre, DayModel, DayPerson, DayToken, Fact, TokenRef
from usage.periods import Period
from usage.queries.scope import FilteredScope
from usage.queries.sums import SUMS

Rows = Any  # a queryset of tuples, which no type can tell column by column


def facts(of: FilteredScope, first_day: date, last_day: date) -> QuerySet[Fact]:
    """Return the facts of these days, both included."""
    return Fact.objects.filter(_token_refs(of) & _models(of) & of_cost_centres(of), day__range=(first_day, last_day))


def sums_by_day_and_model(of: FilteredScope, period: Period) -> Rows:
    """Return (day, model's name, its colour, SUMS…) of the period; under the day None, those of the period before."""
    before = period.previous()
    rows = _with_models(of, before.first_day, period.last_day)
    rows = rows.filter(Q(day__gte=period.first_day) | Q(day__lte=before.last_day))  # they need not be adjacent
    at = Case(When(day__gte=period.first_day, then=F("day")), default=None)
    return rows.order_by().values_list(at, "model__name", "model__colour").annotate(**SUMS)


def sums_by_person(of: FilteredScope, period: Period, *, by_owner: bool) -> Rows:
    """Return (owner, 0 or None for nobody, last day, SUMS…) of the period.

    `by_owner`: the filters are of owners, and have all tokens of each, and of cost centres.
    """
    if not by_owner:
        rows = _with_token_refs(of, period.first_day, period.last_day).order_by().values_list("token_ref__owner")
        return rows.annotate(last_day=Max("day"), **SUMS)
    days = DayPerson.objects.filter(of_cost_centres(of), day__range=(period.first_day, period.last_day)).order_by()
    if of.token_refs is not None:
        owners = TokenRef.objects.filter(Q(pk__in=of.token_refs)).values_list(Coalesce("owner_id", Value(0)), flat=True)
        days = days.filter(person_number__in=owners)
    return days.values_list("person_number").annotate(last_day=Max("day"), **SUMS)


def sums_by_token(of: FilteredScope, period: Period) -> Rows:
    """Return (TokenRef's id, its key, its owner, last day, SUMS…) of the period."""
    rows = _with_token_refs(of, period.first_day, period.last_day).order_by()
    return rows.values_list("token_ref", "token_ref__key", "token_ref__owner").annotate(last_day=Max("day"), **SUMS)


def spend_by_day(of: FilteredScope, first_day: date, last_day: date) -> Rows:
    """Return (day, USD), only for days with spend."""
    rows = _with_models if of.token_refs is None else _with_token_refs
    return rows(of, first_day, last_day).order_by().values_list("day").annotate(usd=Sum("spend_usd"))


def _with_models(of: FilteredScope, first_day: date, last_day: date) -> Rows:
    """Return rows with a model: of the rollup, unless tokens are filtered."""
    if of.token_refs is not None:
        return facts(of, first_day, last_day)
    if of.cost_centres is not None:
        return DayCostCentre.objects.filter(_models(of) & of_cost_centres(of), day__range=(first_day, last_day))
    return DayModel.objects.filter(_models(of), day__range=(first_day, last_day))


def _with_token_refs(of: FilteredScope, first_day: date, last_day: date) -> Rows:
    """Return rows with a token: of the rollup, unless models or cost centres are filtered."""
    if of.needs_facts:
        return facts(of, first_day, last_day)
    return DayToken.objects.filter(_token_refs(of), day__range=(first_day, last_day))


def _token_refs(of: FilteredScope) -> Q:
    return Q() if of.token_refs is None else Q(token_ref__in=of.token_refs)


def _models(of: FilteredScope) -> Q:
    return Q() if of.models is None else Q(model__in=of.models)


def of_cost_centres(of: FilteredScope) -> Q:
    """Match the rows of the filtered cost centres."""
    return Q() if of.cost_centres is None else Q(cost_centre_number__in=of.cost_centres)
