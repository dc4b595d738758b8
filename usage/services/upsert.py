"""Inserts, updates and deletes only the rows that differ; the others keep their id and are not touched."""

from collections.abc import Iterator, Sequence
from itertools import islice
from typing import Any, Final, NamedTuple, TypeVar

from django.db.models import Model, QuerySet

from usage.models import MEASURES

M = TypeVar("M", bound=Model)
Key = tuple[Any, ...]
BATCH: Final = 1000  # rows; bounds the memory of a statement


class Written(NamedTuple):
    """How many rows were created or changed, and deleted."""

    put: int = 0
    removed: int = 0

    @property
    def rows(self) -> int:
        """The total."""
        return self.put + self.removed


def upsert_changes(
    stored: QuerySet[M], wanted: dict[Key, Sequence[Any]], *, key: tuple[str, ...], fixed: dict[str, Any]
) -> Written:
    """Make `stored` equal `wanted`: measures by the fields of `key`, within rows that all have `fixed`.

    Empties `wanted`. Call it in a transaction.
    """
    changed: dict[Key, Sequence[Any]] = {}
    vanished = []
    for pk, *values in stored.values_list("pk", *key, *MEASURES).iterator(chunk_size=2000):
        name = tuple(values[: len(key)])
        amounts = wanted.pop(name, None)
        if amounts is None:
            vanished.append(pk)
        elif values[len(key) :] != list(amounts):
            changed[name] = amounts
    for part in _parts(iter(vanished)):
        stored.model._default_manager.filter(pk__in=part).delete()
    rows = (
        stored.model(**fixed, **dict(zip(key, name, strict=True)), **dict(zip(MEASURES, amounts, strict=True)))
        for amounts_by_name in (changed, wanted)
        for name, amounts in amounts_by_name.items()
    )
    return Written(put=_put(stored.model, rows, unique=[*fixed, *key]), removed=len(vanished))


def _put(model: type[M], rows: Iterator[M], *, unique: list[str]) -> int:
    """Insert or overwrite; an existing row keeps its id."""
    return sum(
        len(
            model._default_manager.bulk_create(
                part, update_conflicts=True, unique_fields=unique, update_fields=list(MEASURES)
            )
        )
        for part in _parts(rows)
    )


def _parts(values: Iterator[Any]) -> Iterator[list[Any]]:
    while part := list(islice(values, BATCH)):
        yield part
