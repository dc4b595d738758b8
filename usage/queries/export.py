"""The facts themselves, one by one, for a file."""

from collections.abc import Iterator
from typing import Any, Final

from usage.models import MEASURES
from usage.periods import Period
from usage.queries.reading import facts
from usage.queries.scope import Scope

ROWS_AT_ONCE: Final = 2000
COLUMNS: Final = ("day", "person", "key", "key_id", "kind", "alias", "model", "provider", *MEASURES)


def fact_rows(scope: Scope, period: Period) -> Iterator[tuple[Any, ...]]:
    """Yield the facts in the order of COLUMNS, oldest first; however many, only some are in memory."""
    rows = facts(scope.narrow(), period.first_day, period.last_day)
    return (
        rows.order_by("day", "source", "model")
        .values_list(
            "day",
            "source__owner__username",
            "source__key__label",
            "source__key__id",
            "source__key__kind",
            "source__alias",
            "model__name",
            "model__provider",
            *MEASURES,
        )
        .iterator(chunk_size=ROWS_AT_ONCE)
    )
