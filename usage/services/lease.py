"""One poll at a time, over all workers and machines: a lease that ends by itself when its holder was killed.

Redis keeps it where there is one, else a row of the database. It keeps the gateway from being asked twice; what is
written stays right without it, since writers of facts queue for the state's row (services/write.py).
"""

import secrets
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import timedelta
from typing import Final, Protocol

import redis
from django.conf import settings
from django.db.models import Q, QuerySet
from django.utils import timezone
from redis.exceptions import LockError, RedisError

from usage.models import UsageState

LEASE_S: Final = 240  # more than the slowest page and the slowest writing of a day; each extends it
REDIS_NAME: Final = "passerelle:usage:poll"


class LeaseLost(Exception):
    """It ran out, or its keeper forgot it: another run may be under way."""

    def __str__(self) -> str:
        return "The lock was lost, and another run may have begun."


class Lease(Protocol):
    """Held while a run is under way."""

    def extend(self) -> None:
        """Hold it for another LEASE_S, or raise LeaseLost."""


@contextmanager
def held_lease() -> Iterator[Lease | None]:
    """Hold the lease, or yield None when somebody else does or its keeper is away."""
    lease = _RedisLease() if settings.REDIS_URL else _DatabaseLease()
    if not lease.take():
        yield None
        return
    try:
        yield lease
    finally:
        lease.release()


class _RedisLease:
    def __init__(self) -> None:
        self._redis = redis.Redis.from_url(settings.REDIS_URL, socket_timeout=5, socket_connect_timeout=5)
        self._lock = self._redis.lock(REDIS_NAME, timeout=LEASE_S, blocking=False, thread_local=False)

    def take(self) -> bool:
        with suppress(RedisError):
            if self._lock.acquire():
                return True
        self._redis.close()
        return False

    def extend(self) -> None:
        try:
            self._lock.extend(LEASE_S, replace_ttl=True)
        except (LockError, RedisError) as error:
            raise LeaseLost from error

    def release(self) -> None:
        with suppress(LockError, RedisError):  # it ends by itself
            self._lock.release()
        self._redis.close()


class _DatabaseLease:
    def __init__(self) -> None:
        self._holder = secrets.token_hex(16)

    def take(self) -> bool:
        UsageState.objects.get_or_create(pk=1)
        now = timezone.now()
        free = UsageState.objects.filter(Q(lease_until=None) | Q(lease_until__lte=now), pk=1)
        return bool(free.update(lease_holder=self._holder, lease_until=now + timedelta(seconds=LEASE_S)))

    def extend(self) -> None:
        until = timezone.now() + timedelta(seconds=LEASE_S)
        if not self._mine().update(lease_until=until):
            raise LeaseLost

    def release(self) -> None:
        self._mine().update(lease_holder="", lease_until=None)

    def _mine(self) -> "QuerySet[UsageState]":
        return UsageState.objects.filter(pk=1, lease_holder=self._holder)
