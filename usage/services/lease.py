"""One poll at a time, over all workers and machines: a lease in a row, which runs out when its holder was killed.

It keeps the gateway from being asked twice; what is written stays right without it, since writers of facts queue for
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
    """It ran out, and another run may be under way."""

    def __str__(self) -> str:
        return "The lock was lost, and another run may have begun."


class Lease:
    """Held while a run is under way."""

    def __init__(self) -> None:
        self._holder = secrets.token_hex(16)

    def acquire(self) -> bool:
        """Hold the lease for LEASE_S; False where somebody else holds it.

        It is read first: the row may be locked for seconds by whoever holds it.
        """
        UsageState.objects.get_or_create(pk=1)
        now = timezone.now()
        free = UsageState.objects.filter(Q(lease_until=None) | Q(lease_until__lte=now), pk=1)
        until = now + timedelta(seconds=LEASE_S)
        return free.exists() and bool(free.update(lease_holder=self._holder, lease_until=until))

    def extend(self) -> None:
        """Hold it for another LEASE_S, or raise LeaseLost."""
        if not self._own().update(lease_until=timezone.now() + timedelta(seconds=LEASE_S)):
            raise LeaseLost

    def release(self) -> None:
        """Let the next run begin; harmless where the lease was lost."""
        self._own().update(lease_holder="", lease_until=None)

    def _own(self) -> "QuerySet[UsageState]":
        return UsageState.objects.filter(pk=1, lease_holder=self._holder)


@contextmanager
def held_lease() -> Iterator[Lease | None]:
    """Hold the lease during this block, or yield None when somebody else does."""
    lease = Lease()
    if not lease.acquire():
        yield None
        return
    try:
        yield lease
    finally:
        lease.release()
