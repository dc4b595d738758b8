"""The parts of a split in words, and as the value of a filter."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import date
from typing import Any, Final

from django.contrib.auth.models import Group

from accounts.models import User
from courses.models import Course
from keys.models import Key
from usage.models import CostCentre, TokenRef, UsedModel
from usage.periods import Period
from usage.queries.explorer import Exploration, Part, Question, explore
from usage.queries.scope import NONE, UNATTRIBUTED, Scope, values_of

MODEL_ROWS: Final = {"person": User, "supervisor": User, "group": Group, "course": Course}


@dataclass(frozen=True, slots=True, kw_only=True)
class Label:
    """A part: `text` is empty where there is no part of the split, `colour` 0 where a place gives it."""

    value: str
    text: str
    colour: int = 0
    about: str = ""  # the owner of a key
    ended_on: date | None = None  # of a key
    known: bool = True  # False: a token whose key is unknown


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """A question, and how many of its lines are shown; None: all."""

    question: Question
    limit: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Explored:
    """The explorer's numbers, and the labels of its parts."""

    numbers: Exploration
    labels: dict[Part, Label]


USUALLY: Final = Asked(question=Question(), limit=25)


def explored(asked: Asked, scope: Scope, period: Period) -> Explored:
    """Read the explorer's numbers and labels."""
    found = explore(asked.question, scope, period, asked.limit)
    found = replace(found, lines=found.lines[: asked.limit])
    return Explored(numbers=found, labels=labels_of(asked.question.split, [line.part for line in found.lines]))


def labels_of(split: str, parts: Iterable[Part]) -> dict[Part, Label]:
    """Return the labels of these parts; one query."""
    found = list(parts)
    if split == "key":
        return _keys(found)
    if split == "model":
        models = UsedModel.objects.in_bulk([pk for (pk,) in found])
        return {(pk,): Label(value=row.name or NONE, text=row.name, colour=row.colour) for pk, row in models.items()}
    if split == "kind":
        return {(kind,): Label(value=kind or NONE, text=str(Key.Kind(kind).label) if kind else "") for (kind,) in found}
    if split == "cost_centre":
        codes = dict(CostCentre.objects.filter(pk__in=[pk for (pk,) in found]).values_list("pk", "code"))
        return {(pk,): Label(value=codes.get(pk, NONE), text=codes.get(pk, "")) for (pk,) in found}
    if split == "provider":
        return {(name,): Label(value=name or NONE, text=name) for (name,) in found}
    rows: dict[Any, Any] = MODEL_ROWS[split]._default_manager.in_bulk([pk for (pk,) in found if pk is not None])
    return {(pk,): _label(split, pk, rows.get(pk)) for (pk,) in found}


def _label(split: str, pk: Any, row: Any) -> Label:
    if row is None:
        return Label(value=UNATTRIBUTED if split == "person" else NONE, text="")
    if isinstance(row, User):
        return Label(value=row.username, text=row.display_name)
    return Label(value=str(pk) if split == "course" else row.name, text=row.name)


def _keys(parts: list[Part]) -> dict[Part, Label]:
    keys = Key.objects.select_related("owner").in_bulk([key for key, _ in parts if key])
    tokens = TokenRef.objects.select_related("owner").in_bulk([token for key, token in parts if not key])
    found = {}
    for key, token in parts:
        row: Any = keys[key] if key else tokens[token]
        text = row.label if key else str(row)
        about = row.owner.display_name if row.owner else ""
        ended = row.ended_at.date() if key and row.ended_at and row.state == Key.State.DELETED else None
        value = str(key) if key else f"@{token}"
        found[(key, token)] = Label(value=value, text=text, about=about, ended_on=ended, known=bool(key))
    return found


def labels_of_filters(scope: Scope) -> dict[str, str]:
    """Return the names of the people, keys and courses that filters name; up to four queries."""
    found = {}
    people = [*values_of(scope.person), *values_of(scope.supervisor)]
    for person in User.objects.filter(username__in=people) if people else ():
        found[person.username] = person.display_name
    keys = scope.named_keys()
    for key in Key.objects.filter(pk__in=keys).only("label") if keys else ():
        found[str(key.pk)] = key.label
    tokens = scope.named_tokens()
    for token in TokenRef.objects.filter(pk__in=tokens) if tokens else ():
        found[f"@{token.pk}"] = str(token)
    courses = scope.course_ids
    for course in Course.objects.filter(pk__in=courses).only("name") if courses else ():
        found[str(course.pk)] = course.name
    return found
