"""One run at a time, over all workers and machines: a lease in a row, which expires when its holder was killed.

The row is the only one of its model (pk 1), which has the fields `lease_holder` and `lease_until`.
"""

import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

from django.db.models import Manager, Q, QuerySet
from django.utils import timezone


class LeaseLost(Exception):
    """It expired, and another run may be in progress."""

    def __str__(self) -> str:
        return "The lock was lost, and another run may have begun."


class Lease:
    """Held while a run is in progress."""

    def __init__(self, rows: Manager[Any], *, seconds: float) -> None:
        self._rows = rows
        self._length = timedelta(seconds=seconds)
        self._holder = secrets.token_hex(16)

    def acquire(self) -> bool:
        """Take the lease; False if another run holds it.

        It is read first: its holder may lock the row for seconds.
        """
        self._rows.get_or_create(pk=1)
        now = timezone.now()
        free = self._rows.filter(Q(lease_until=None) | Q(lease_until__lte=now), pk=1)
        return free.exists() and bool(free.update(lease_holder=self._holder, lease_until=now + self._length))

    def extend(self) -> None:
        """Extend it by its length from now, or raise LeaseLost."""
        if not self._own().update(lease_until=timezone.now() + self._length):
            raise LeaseLost

    def release(self) -> None:
        """Release it; harmless if the lease was lost."""
        self._own().update(lease_holder="", lease_until=None)

    def _own(self) -> QuerySet[Any]:
        return self._rows.filter(pk=1, lease_holder=self._holder)


@contextmanager
def held(lease: Lease) -> Iterator[Lease | None]:
    """Hold the lease during this block, or yield None if another run holds it."""
    if not lease.acquire():
        yield None
        return
    try:
        yield lease
    finally:
        lease.release()
