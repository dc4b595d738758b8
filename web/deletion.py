"""Deletes many rows in batches, each in a transaction of its own: no lock is held for long."""

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from typing import Any, Final

from django.db import transaction
from django.db.models import QuerySet

BATCH: Final = 1000  # rows of one transaction
AT_ONCE: Final = 100  # batches of one call; the next one goes on


def delete_in_batches(rows: QuerySet[Any], *, allowed: Callable[[], AbstractContextManager[None]] = nullcontext) -> int:
    """Delete these rows and what depends on them, at most `AT_ONCE` batches; return how many of these rows.

    `allowed` is entered in the transaction of each batch.
    """
    deleted = 0
    for _batch in range(AT_ONCE):
        with transaction.atomic(), allowed():
            ids = list(rows.order_by("pk").values_list("pk", flat=True)[:BATCH])
            rows.model.objects.filter(pk__in=ids).delete()
        deleted += len(ids)
        if len(ids) < BATCH:
            break
    return deleted
