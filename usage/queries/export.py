"""Single facts, for a file."""

from collections.abc import Callable, Iterator
from typing import Any, Final

from accounts.models import User
from usage.models import MEASURES, CostCentre
from usage.periods import Period
from usage.queries.aggregates import facts
from usage.queries.scope import Scope

ROWS_AT_ONCE: Final = 2000
# Programs rely on their order: new ones come last
COLUMNS: Final = (
    *("day", "person", "key", "key_id", "kind", "alias", "model", "provider"),
    *MEASURES,
    *("name", "groups", "intern", "supervisor", "cost_centre"),
)
_FIELDS: Final = (
    "cost_centre_number",
    "token_ref__owner",
    "token_ref__owner__first_name",
    "token_ref__owner__last_name",
    "token_ref__key__intern__name",
    "day",
    "token_ref__owner__username",
    "token_ref__key__label",
    "token_ref__key__id",
    "token_ref__key__kind",
    "token_ref__alias",
    "model__name",
    "model__provider",
    *MEASURES,
)


def fact_rows(scope: Scope, period: Period, label_for: Callable[[str], str] = str) -> Iterator[tuple[Any, ...]]:
    """Yield the facts in the order of COLUMNS, oldest first; only some at a time are in memory.

    `label_for` returns the label of a kind of key.
    """
    groups = _groups_by_person()
    centres = dict(CostCentre.objects.values_list("pk", "code"))
    rows = facts(scope.filtered(), period.first_day, period.last_day).order_by("day", "token_ref", "model")
    for centre, owner, first, last, intern, *row in rows.values_list(*_FIELDS).iterator(chunk_size=ROWS_AT_ONCE):
        day, person, label, key, kind, *others = row
        name = f"{first} {last}".strip() if owner else ""
        supervisor = person if intern else ""
        kind_name = label_for(kind) if kind else ""
        yield (
            *(day, person, label, key, kind_name, *others),
            *(name or person, groups.get(owner, ""), intern, supervisor, centres.get(centre, "")),
        )


def _groups_by_person() -> dict[int | None, str]:
    """Return the groups of everybody in one, "Chemistry, Staff"; one query."""
    found: dict[int | None, str] = {}
    rows = User.groups.through.objects.order_by("group__name").values_list("user", "group__name")
    for person, group in rows:
        found[person] = f"{found[person]}, {group}" if person in found else group
    return found
