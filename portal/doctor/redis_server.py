"""Redis: version, what it does when its memory is full, what a restart loses."""

from collections.abc import Iterator
from typing import Any, Final

import redis
from django.conf import settings
from redis.exceptions import RedisError

from portal.doctor.report import Result, in_one_line, ok, problem, warning

OLDEST: Final = 6
TIMEOUT_S: Final = 5.0
FULL: Final = 0.9  # of maxmemory


def redis_answers() -> Iterator[Result]:
    """Check Redis; without one (embedded mode) queue and cache are files and tables."""
    if not settings.REDIS_URL:
        yield ok("No Redis: queue and cache are files and tables, for a trial on one machine.")
        return
    try:
        client = redis.Redis.from_url(
            settings.REDIS_URL, socket_timeout=TIMEOUT_S, socket_connect_timeout=TIMEOUT_S, decode_responses=True
        )
        with client:
            client.ping()
            facts: dict[str, Any] = client.info()
    except (RedisError, ValueError) as error:
        advice = "Start it, or correct REDIS_URL: redis://:password@host:6379/0"
        yield problem(f"Redis does not answer: {in_one_line(error)}", advice)
        return
    yield _version(facts)
    yield _memory(facts)
    yield _persistence(facts)


def _version(facts: dict[str, Any]) -> Result:
    version = str(facts.get("redis_version", "?"))
    if version.split(".")[0].isdecimal() and int(version.split(".")[0]) < OLDEST:
        return problem(f"Redis {version} is too old.", f"Use Redis {OLDEST} or newer.")
    return ok(f"Redis {version} answers.")


def _memory(facts: dict[str, Any]) -> Result:
    policy, most = facts.get("maxmemory_policy", "noeviction"), int(facts.get("maxmemory", 0))
    if policy != "noeviction" and most:
        advice = "Set maxmemory-policy to noeviction: otherwise queued tasks and rate limits are deleted."
        return warning(f"Redis deletes entries when its memory is full ({policy}).", advice)
    used = int(facts.get("used_memory", 0))
    if most and used > FULL * most:
        return problem(f"Redis uses {used / most:.0%} of its memory.", "Raise maxmemory, or see what fills it.")
    return ok(f"Redis uses {used / 2**20:.0f} MB, and deletes nothing when its memory is full.")


def _persistence(facts: dict[str, Any]) -> Result:
    if facts.get("rdb_last_bgsave_status", "ok") != "ok" or facts.get("aof_last_write_status", "ok") != "ok":
        advice = "Look at its log and its disk: until it can, it may refuse all writes."
        return problem("Redis cannot write to its disk.", advice)
    if facts.get("aof_enabled"):
        return ok("Redis writes every change to its disk.")
    return ok("Redis has no append-only file: a crash can lose queued mails of the last minutes, and no key.")
