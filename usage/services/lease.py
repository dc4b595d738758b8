"""One poll at a time, over all workers and machines: a lease in a row, which expires when its holder was killed.

It prevents two polls at once; the numbers are right without it, since writers of facts queue for
the same row (services/write.py).
"""

import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Final

from django.db.models import Q, QuerySet
from django.utils import timezone

from usage.models import UsageState

LEASE_S: Final = 240  # more than the slowest page and the slowest writing of a day; each extends it


class LeaseLost(Exception):
    """It expired, and another run may be in progress."""

    def __str__(self) -> str:
        return "The lock was lost, and another run may have begun."


class Lease:
    """Held while a run is in progress."""

    def __init__(self) -> None:
        self._holder = secrets.token_hex(16)

    def acquire(self) -> bool:
        """Take the lease for LEASE_S; False if another run holds it.

        It is read first: its holder may lock the row for seconds.
        """
        UsageState.objects.get_or_create(pk=1)
        now = timezone.now()
        free = UsageState.objects.filter(Q(lease_until=None) | Q(lease_until__lte=now), pk=1)
        until = now + timedelta(seconds=LEASE_S)
        return free.exists() and bool(free.update(lease_holder=self._holder, lease_until=until))

    def extend(self) -> None:
        """Extend it by another LEASE_S, or raise LeaseLost."""
        if not self._own().update(lease_until=timezone.now() + timedelta(seconds=LEASE_S)):
            raise LeaseLost

    def release(self) -> None:
        """Release it; harmless if the lease was lost."""
        self._own().update(lease_holder="", lease_until=None)

    def _own(self) -> "QuerySet[UsageState]":
        return UsageState.objects.filter(pk=1, lease_holder=self._holder)


@contextmanager
def held_lease() -> Iterator[Lease | None]:
    """Hold the lease during this block, or yield None if another run holds it."""
    lease = Lease()
    if not lease.acquire():
        yield None
        return
    try:
        yield lease
    finally:
        lease.release()
