"""Caches that fail safely: without an error, without a wait, and without lifting a rate limit."""

from collections.abc import Callable
from typing import Any, Final

import redis
from django.conf import settings
from django.core.cache.backends import db
from django.core.cache.backends.base import DEFAULT_TIMEOUT
from django.core.cache.backends.locmem import LocMemCache
from django.core.cache.backends.redis import RedisCache as DjangosRedisCache
from django.db import connections, router
from redis.backoff import NoBackoff
from redis.exceptions import RedisError
from redis.retry import Retry

from web.outage import Outage, Watch, log_outage

WAIT_S: Final = 1.0  # for a connection, and for an answer
PING_S: Final = 1.0
ENTRIES: Final = 5000  # kept in this process while Redis is away
PROBE_KEY: Final = "passerelle:can-write"
PROBE_BYTES: Final = 2**15  # more than a page of the database has room for


def once_more() -> Retry:
    """Return the policy for a connection that a restart of Redis has ended: one retry, none after a time-out."""
    return Retry(NoBackoff(), 1, supported_errors=(redis.ConnectionError,))


def _redis_answers() -> bool:
    client = redis.Redis.from_url(
        settings.REDIS_URL, socket_timeout=PING_S, socket_connect_timeout=PING_S, retry=Retry(NoBackoff(), 0)
    )
    try:
        return bool(client.ping())
    except (RedisError, OSError):
        return False
    finally:
        client.close()


redis_watch: Final = Watch(_redis_answers)


class SharedPool(redis.ConnectionPool):
    """A pool that all caches of this process with the same URL share.

    Django makes a cache for each context, which on an event loop is each request: with a pool of its own each would
    open a new connection.
    """

    @classmethod
    def from_url(cls, url: str, **options: Any) -> "SharedPool":
        """Return the pool of this URL, with the options of the first caller."""
        return _pools.setdefault(url, super().from_url(url, **options))


_pools: Final[dict[str, SharedPool]] = {}


def _or_here(name: str) -> Callable[..., Any]:
    """Return the method of this name: Redis's while it answers, otherwise that of a cache in this process."""

    def method(self: "RedisCache", *args: Any, version: int | None = None, **more: Any) -> Any:
        watch = redis_watch
        if not watch.is_away:
            try:
                return getattr(DjangosRedisCache, name)(self, *args, version=version, **more)
            except (RedisError, OSError) as error:
                log_outage(Outage.QUEUE, error)
                watch.report_away()
        version_here: Any = f"{watch.outages}:{self.version if version is None else version}"
        return getattr(self.here, name)(*args, version=version_here, **more)

    return method


class RedisCache(DjangosRedisCache):
    """Django's, with a short time-out. While Redis is unavailable, each process has a cache of its own.

    So rate limits hold per process, and computed values are cached; nothing of it outlives the outage.
    """

    def __init__(self, server: Any, params: dict[str, Any]) -> None:
        params["OPTIONS"] = {
            "socket_timeout": WAIT_S,
            "socket_connect_timeout": WAIT_S,
            "retry": once_more(),
            "pool_class": SharedPool,
            **params.get("OPTIONS", {}),
        }
        super().__init__(server, params)
        self.here = LocMemCache("without-redis", {"MAX_ENTRIES": ENTRIES})

    add = _or_here("add")
    get = _or_here("get")
    set = _or_here("set")
    touch = _or_here("touch")
    delete = _or_here("delete")
    get_many = _or_here("get_many")
    has_key = _or_here("has_key")
    incr = _or_here("incr")
    set_many = _or_here("set_many")
    delete_many = _or_here("delete_many")


class DatabaseCache(db.DatabaseCache):
    """Django's, but a failed write is an error: it would look like a key that exists, and so like many attempts."""

    def _base_set(self, mode: str, key: str, value: Any, timeout: Any = DEFAULT_TIMEOUT) -> bool:
        if super()._base_set(mode, key, value, timeout):  # type: ignore[misc]  # not in the stubs
            return True
        if mode == "add" and self._count(key):
            return False
        if mode != "touch" and key != PROBE_KEY:
            self._write_anything()
        return False

    def _count(self, key: str) -> int:
        with connections[router.db_for_read(self.cache_model_class)].cursor() as cursor:
            cursor.execute(f"SELECT COUNT(*) FROM {self._name} WHERE cache_key = %s", [key])  # noqa: S608  (ours)
            return int(cursor.fetchone()[0])

    def _write_anything(self) -> None:
        """Raise what Django suppresses: that the disk is full, or the database locked."""
        with connections[router.db_for_write(self.cache_model_class)].cursor() as cursor:
            cursor.execute(f"DELETE FROM {self._name} WHERE cache_key = %s", [PROBE_KEY])  # noqa: S608
            cursor.execute(
                f"INSERT INTO {self._name} (cache_key, value, expires) VALUES (%s, %s, %s)",  # noqa: S608
                [PROBE_KEY, "-" * PROBE_BYTES, "2000-01-01 00:00:00"],
            )

    @property
    def _name(self) -> str:
        return str(self._table)  # type: ignore[attr-defined]  # not in the stubs
