"""A report: a cohort, what each of its people spent with each model, and an estimate of energy and emissions."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final

from django.db.models import Case, F, When

from accounts.models import User
from accounts.names import name_order
from courses.models import Student
from keys.models import Intern
from usage.energy import Impact, impact_of, total_impact
from usage.periods import Period
from usage.queries.aggregates import facts
from usage.queries.scope import Scope, values_of
from usage.queries.sums import SUMS, Sums, total_of

MAX_SHOWN: Final = 500  # people on the page; the file has all

Person = tuple[int | None, Any]  # an owner, and the id of a key that is handed out, else None


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelUse:
    """The use of a model; `impact` is None where nothing is known about it."""

    name: str
    sums: Sums
    impact: Impact | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PersonUse:
    """The use of one person, by model: highest spend first. No name: their use cannot be attributed."""

    name: str
    number: str  # of a student
    sums: Sums
    models: tuple[ModelUse, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """The numbers of a report."""

    period: Period
    cohort: int | None  # how many people could use something; None: not limited
    totals: Sums
    models: tuple[ModelUse, ...]  # highest spend first
    people: tuple[PersonUse, ...]  # by name

    @property
    def active(self) -> int:
        """The number of people with any request."""
        return sum(person.sums.requests > 0 and bool(person.name) for person in self.people)

    @property
    def usd_each(self) -> Decimal | None:
        """The mean spend of those with any request."""
        return self.totals.spend_usd / self.active if self.active else None

    @property
    def impact(self) -> Impact | None:
        """The estimate of all known models; None if none is known."""
        known = [model.impact for model in self.models if model.impact]
        return total_impact(known) if known else None

    @property
    def unknown_models(self) -> list[str]:
        """The models that the estimate leaves out."""
        return [model.name for model in self.models if model.impact is None and model.sums.ok_requests]

    @property
    def shown(self) -> tuple[PersonUse, ...]:
        """The people on the page."""
        return self.people[:MAX_SHOWN]

    @property
    def hidden(self) -> int:
        """How many people only the file has."""
        return len(self.people[MAX_SHOWN:])


def report(scope: Scope, period: Period) -> Report:
    """Read the numbers; four queries at most, however many facts there are."""
    by_model: dict[str, Sums] = defaultdict(Sums)
    by_person: dict[Person, dict[str, Sums]] = defaultdict(dict)
    providers: dict[str, str] = {}
    for owner, key, model, provider, *numbers in _rows(scope, period):
        sums = Sums(*numbers)
        by_model[model] += sums
        by_person[owner, key][model] = sums
        providers[model] = provider
    models = tuple(
        ModelUse(name=use.name, sums=use.sums, impact=impact_of(providers[use.name], use.name, use.sums))
        for use in _ranked(by_model)
    )
    return Report(
        period=period,
        cohort=_cohort(scope),
        totals=total_of(by_model.values()),
        models=models,
        people=_people(by_person, scope),
    )


def _rows(scope: Scope, period: Period) -> Any:
    """Return (owner, key if it is handed out, model, its provider, SUMS…)."""
    handed_out = Case(When(token_ref__key__handed_out=True, then=F("token_ref__key")), default=None)
    rows = facts(scope.filtered(), period.first_day, period.last_day).order_by()
    return rows.values_list("token_ref__owner", handed_out, "model__name", "model__provider").annotate(**SUMS)


def _cohort(scope: Scope) -> int | None:
    """Return how many people the scope has; one query, or none."""
    if scope.course:
        return Student.objects.current().filter(course__in=scope.course_ids).count()
    if scope.interns_only:
        return Intern.objects.filter(supervisor=scope.owner_id).count()
    members = User.objects.filter(groups__name__in=values_of(scope.group), is_active=True)
    return members.distinct().count() if scope.group else None


def _ranked(by_model: dict[str, Sums]) -> list[ModelUse]:
    ranked = sorted(by_model.items(), key=lambda item: (-item[1].spend_usd, -item[1].requests, item[0]))
    return [ModelUse(name=name, sums=sums) for name, sums in ranked]


def _people(by_person: dict[Person, dict[str, Sums]], scope: Scope) -> tuple[PersonUse, ...]:
    names = _names(by_person, scope)
    people = [
        PersonUse(
            name=names.get(person, ("", ""))[0],
            number=names.get(person, ("", ""))[1],
            sums=total_of(by_model.values()),
            models=tuple(_ranked(by_model)),
        )
        for person, by_model in by_person.items()
    ]
    return tuple(sorted(people, key=lambda person: (person.name == "", name_order(person.name), person.number)))


def _names(people: Iterable[Person], scope: Scope) -> dict[Person, tuple[str, str]]:
    """Return the name and the student number of each person; two queries at most."""
    owners = [owner for owner, key in people if key is None and owner is not None]
    keys = {key: owner for owner, key in people if key is not None}
    users = User.objects.filter(pk__in=owners)
    found: dict[Person, tuple[str, str]] = {(user.pk, None): (user.display_name, "") for user in users}
    if not (scope.course or keys):
        return found
    students = Student.objects.select_related("account")
    for student in students.filter(course__in=scope.course_ids) if scope.course else students.filter(key__in=keys):
        if student.key_id in keys:
            found[keys[student.key_id], student.key_id] = (str(student), student.number)
        elif scope.course and student.account:
            found[student.account_id, None] = (student.account.display_name, student.number)
    return found
