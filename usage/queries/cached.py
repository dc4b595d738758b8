"""The numbers of pages, cached until a fact changes: by the version of the facts and the day."""

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import date
from typing import Any, Final
from uuid import UUID

from django.contrib.auth.models import Group
from django.core.cache import cache

from accounts.models import User
from courses.models import Course
from usage.forecast import Spend
from usage.models import CostCentre, UsageState, UsedModel, utc_today
from usage.periods import DEFAULT, Period, named
from usage.queries.budgets import PersonDays, days_of_person, portal_days, read_at
from usage.queries.courses import (
    CourseDay,
    CourseHour,
    KeyTotal,
    course_days,
    course_hours,
    days_by_team,
    key_totals,
)
from usage.queries.labels import USUALLY, Asked, Explored, explored, labels_of_filters
from usage.queries.overview import Overview, Totals, overview, totals_in
from usage.queries.people import DEFAULT_ORDER, PeoplePage, Person, page_of, people_of
from usage.queries.report import Report, report
from usage.queries.scope import Scope
from usage.queries.year import Year, year

TOP_KEYS: Final = 10  # of everybody's
MAX_COURSES: Final = 200  # in the filter
MAX_COST_CENTRES: Final = 500  # in the filter; each person may have their own
CACHE_FORMAT: Final = 8  # increase it when cached values get other fields: nodes of two versions share the cache
CACHE_TTL_S: Final = 600  # names and labels may change without a fact


@dataclass(frozen=True, slots=True, kw_only=True)
class Choices:
    """The options of the filters."""

    groups: tuple[str, ...]
    models: tuple[str, ...]
    providers: tuple[str, ...]
    courses: tuple[tuple[str, str], ...]  # id, name; the newest first
    cost_centres: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Everyone:
    """All numbers of the page over everybody, with one page of people."""

    totals: Totals
    people: PeoplePage
    year: Year
    days_usd: Spend  # of all people, regardless of the filters, for the forecast of the month
    choices: Choices
    explored: Explored
    labels: dict[str, str]  # of the values of filters


@dataclass(frozen=True, slots=True, kw_only=True)
class CourseOverview:
    """The numbers of a course."""

    overview: Overview
    days: tuple[CourseDay, ...]  # those with any request
    hours: tuple[CourseHour, ...]  # the newest of these
    totals: dict[UUID, KeyTotal]


def overview_of(scope: Scope, period: Period, state: UsageState) -> Overview:
    """Return the numbers of one person's page."""
    makers = {f"overview {scope.name} {period}": lambda: overview(scope.filtered(), period)}
    numbers: Overview = _parts(state, makers)[0]
    return numbers


def mine_of(
    person: User, scope: Scope, period: Period, state: UsageState, asked: Asked
) -> tuple[Overview, Explored, PersonDays]:
    """Return the numbers of My usage, and what the person spent by day whatever the filters."""
    as_of = read_at(state)
    days = {f"days of {person.pk}": lambda: days_of_person(person, as_of)}
    numbers, found, spend = _parts(state, {**_explored_overview(scope, period, asked), **days})
    return numbers, found, spend


def explored_overview_of(scope: Scope, period: Period, state: UsageState, asked: Asked) -> tuple[Overview, Explored]:
    """Return the numbers of one person's page, with those of its explorer."""
    numbers, found = _parts(state, _explored_overview(scope, period, asked))
    return numbers, found


def _explored_overview(scope: Scope, period: Period, asked: Asked) -> dict[str, Callable[[], Any]]:
    return {
        f"overview {scope.name} {period}": lambda: overview(scope.filtered(), period),
        f"explorer {asked} {scope.name} {period}": lambda: explored(asked, scope, period),
    }


def everyone_of(
    scope: Scope,
    period: Period,
    state: UsageState,
    *,
    order: str = DEFAULT_ORDER,
    number: int = 1,
    asked: Asked = USUALLY,
) -> Everyone:
    """Return the numbers of the page over everybody, with this page of the people in this order."""
    today, as_of = utc_today(), read_at(state)
    numbers, people, days, days_usd, choices, found, labels = _parts(
        state,
        {
            f"totals {scope.name} {period}": lambda: totals_in(scope, period),
            f"people {scope.name} {period} {order} {number}": lambda: page_of(scope, period, order, number),
            f"year {scope.name}": lambda: year(scope.filtered(), today),
            f"month {as_of.date()}": lambda: portal_days(as_of),
            "choices": _choices,
            f"explorer {asked} {scope.name} {period}": lambda: explored(asked, scope, period),
            f"labels {scope.name}": lambda: labels_of_filters(scope),
        },
    )
    return Everyone(
        totals=numbers,
        people=people,
        year=days,
        days_usd=days_usd,
        choices=choices,
        explored=found,
        labels=labels,
    )


def key_totals_of(team: UUID, state: UsageState) -> dict[UUID, KeyTotal]:
    """Return what each key of a course has used."""
    totals: dict[UUID, KeyTotal] = _parts(state, {f"keys of {team}": lambda: key_totals(team)})[0]
    return totals


def days_by_course_of(state: UsageState) -> dict[UUID, Spend]:
    """Return what the team of each course has spent, by day."""
    days: dict[UUID, Spend] = _parts(state, {"courses": days_by_team})[0]
    return days


def course_overview_of(team: UUID, scope: Scope, period: Period, state: UsageState) -> CourseOverview:
    """Return the numbers of a course: of its period, of each day, of the last hours, of each key."""
    numbers, days, hours, totals = _parts(
        state,
        {
            f"overview {scope.name} {period}": lambda: overview(scope.filtered(), period),
            f"days of {team}": lambda: course_days(team),
            f"hours of {team}": lambda: course_hours(team),
            f"keys of {team}": lambda: key_totals(team),
        },
    )
    return CourseOverview(overview=numbers, days=days, hours=hours, totals=totals)


def report_of(scope: Scope, period: Period, state: UsageState) -> Report:
    """Return the numbers of a report."""
    numbers: Report = _parts(state, {f"report {scope.name} {period}": lambda: report(scope, period)})[0]
    return numbers


def people_behind(scope: Scope, period: Period, state: UsageState) -> tuple[Overview, tuple[Person, ...]]:
    """Return the numbers, and all people in them, highest spend first.

    Cached apart from a page's numbers: thousands of people take longer to load from the cache than the page to render.
    """
    makers = {f"with people {scope.name} {period}": lambda: _with_people(scope, period)}
    numbers, people = _parts(state, makers)[0]
    return numbers, people


def warm() -> None:
    """Fill the cache for the page that admins open first."""
    everyone_of(Scope(), named(DEFAULT, utc_today()), UsageState.load())


def _parts(state: UsageState, makers: Mapping[str, Callable[[], Any]]) -> list[Any]:
    """Return the results of these functions, from the cache where possible: one query for all."""
    names = {_name(state.version, utc_today(), what): make for what, make in makers.items()}
    found = cache.get_many(names)
    missing = {name: make() for name, make in names.items() if name not in found}
    if missing:
        cache.set_many(missing, CACHE_TTL_S)
    return [missing[name] if name in missing else found[name] for name in names]


def _name(version: int, today: date, what: str) -> str:
    digest = hashlib.sha256(what.encode()).hexdigest()[:40]
    return f"usage-{CACHE_FORMAT}:{version}:{today}:{digest}"


def _with_people(scope: Scope, period: Period) -> tuple[Overview, tuple[Person, ...]]:
    numbers = overview(scope.filtered(), period, max_keys=TOP_KEYS)
    return replace(numbers, people={}), people_of(numbers.people, scope)


def _choices() -> Choices:
    courses = Course.objects.exclude(state=Course.State.DRAFT).order_by("-starts_at", "name")
    models = list(UsedModel.objects.exclude(name="").values_list("name", "provider").order_by("name"))
    return Choices(
        groups=tuple(Group.objects.order_by("name").values_list("name", flat=True)),
        models=tuple(name for name, _ in models),
        providers=tuple(sorted({provider for _, provider in models if provider})),
        courses=tuple((str(pk), name) for pk, name in courses.values_list("pk", "name")[:MAX_COURSES]),
        cost_centres=tuple(CostCentre.objects.order_by("code").values_list("code", flat=True)[:MAX_COST_CENTRES]),
    )
