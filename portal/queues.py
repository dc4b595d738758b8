"""How many tasks wait in each queue, and since when the oldest does. Tasks that a worker has taken do not wait."""

import json
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import redis
from django.conf import settings
from redis.backoff import NoBackoff
from redis.exceptions import RedisError
from redis.retry import Retry

from portal.broker import waiting_since
from portal.celery import SENT_AT
from web.cache import redis_watch

ANSWER_S: Final = 1.0
LATE_S: Final = 300.0  # longer than any task waits on a worker that is only busy


@dataclass(frozen=True, slots=True)
class Waiting:
    """The tasks that wait in one queue."""

    number: int
    oldest_s: float  # 0 where none waits


def queue_state() -> str:
    """Say whether tasks wait too long: "up", "late", or "unknown" while the broker is away."""
    waiting = waiting_tasks()
    if waiting is None:
        return "unknown"
    return "late" if any(each.oldest_s > LATE_S for each in waiting.values()) else "up"


def waiting_tasks() -> Mapping[str, Waiting] | None:
    """Return the tasks that wait, by queue; None while the broker is away."""
    names = [queue.name for queue in settings.CELERY_TASK_QUEUES]
    if not settings.REDIS_URL:
        return {name: _waiting(waiting_since(settings.BROKER_DIR, name)) for name in names}
    return None if redis_watch.is_away else _in_redis(names)


def _waiting(sent_at: list[float]) -> Waiting:
    return Waiting(len(sent_at), max(time.time() - min(sent_at), 0.0) if sent_at else 0.0)


def _in_redis(names: list[str]) -> Mapping[str, Waiting] | None:
    prefix = str(settings.CELERY_BROKER_TRANSPORT_OPTIONS.get("global_keyprefix", ""))
    client = redis.Redis.from_url(
        settings.REDIS_URL, socket_timeout=ANSWER_S, socket_connect_timeout=ANSWER_S, retry=Retry(NoBackoff(), 0)
    )
    try:
        with client.pipeline(transaction=False) as pipeline:
            for name in names:
                pipeline.llen(prefix + name)
                pipeline.lindex(prefix + name, -1)  # the oldest
            found = pipeline.execute()
    except (RedisError, OSError):
        return None
    finally:
        client.close()
    return {
        name: Waiting(number, _age_s(oldest))
        for name, number, oldest in zip(names, found[::2], found[1::2], strict=True)
    }


def _age_s(message: bytes | None) -> float:
    """Return how long a message has waited; 0 for none, and for one without the header."""
    try:
        sent_at = float(json.loads(message or b"{}")["headers"][SENT_AT])
    except (KeyError, TypeError, ValueError):
        return 0.0
    return max(time.time() - sent_at, 0.0)
