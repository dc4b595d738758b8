"""What the status page finds out without the database: disks, queues and Redis. Each may hang, none holds the page."""

import os
import shutil
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import redis
from celery import current_app
from django.conf import settings
from kombu.exceptions import ChannelError, KombuError
from redis.backoff import NoBackoff
from redis.exceptions import RedisError
from redis.retry import Retry

from web.bounded import BoundedCheck

WAIT_S: Final = 1.0  # for all of them together
SOCKET_S: Final = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Disk:
    """The disk of one or more folders of the portal."""

    folders: tuple[str, ...]  # names of settings
    free_bytes: int
    total_bytes: int

    @property
    def free_percent(self) -> float:
        """The free share."""
        return 100 * self.free_bytes / self.total_bytes if self.total_bytes else 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """None: no answer in time."""

    disks: list[Disk] | None
    queues: Mapping[str, int] | None  # waiting tasks by queue
    redis_version: str | None


def _read_disks() -> list[Disk] | None:
    """Return the disks, each once, though several folders are on it."""
    found: dict[int, Disk] = {}
    try:
        for name, folder in (("VAR_DIR", settings.VAR_DIR), ("IMAGE_DIR", settings.IMAGE_DIR)):
            if not folder.exists():  # images may be in another storage
                continue
            device, usage = os.stat(folder).st_dev, shutil.disk_usage(folder)
            folders = (*found[device].folders, name) if device in found else (name,)
            found[device] = Disk(folders=folders, free_bytes=usage.free, total_bytes=usage.total)
    except OSError:
        return None
    return list(found.values())


def _read_queues() -> Mapping[str, int] | None:
    try:
        with current_app.connection_for_read() as broker:
            broker.ensure_connection(max_retries=1, timeout=SOCKET_S)
            return {each.name: _length(broker.default_channel, each.name) for each in settings.CELERY_TASK_QUEUES}
    except (KombuError, RedisError, OSError):
        return None


def _length(channel: Any, queue: str) -> int:
    try:
        return int(channel.queue_declare(queue=queue, passive=True).message_count)
    except ChannelError:  # Redis has no empty lists
        return 0


def _read_redis_version() -> str | None:
    if not settings.REDIS_URL:
        return None
    options: dict[str, Any] = {"socket_timeout": SOCKET_S, "socket_connect_timeout": SOCKET_S}
    client = redis.Redis.from_url(settings.REDIS_URL, retry=Retry(NoBackoff(), 0), **options)
    try:
        return str(client.info("server")["redis_version"])
    except (RedisError, OSError, KeyError):
        return None
    finally:
        client.close()


@dataclass(frozen=True, slots=True, kw_only=True)
class Checks:
    """The checks of this process: each goes on when it hangs, and none is started twice."""

    disks: BoundedCheck[list[Disk] | None]
    queues: BoundedCheck[Mapping[str, int] | None]
    redis_version: BoundedCheck[str | None]


CHECKS: Final = Checks(
    disks=BoundedCheck("disks", _read_disks),
    queues=BoundedCheck("queues", _read_queues),
    redis_version=BoundedCheck("redis", _read_redis_version),
)


def surroundings(checks: Checks = CHECKS, *, within_s: float = WAIT_S) -> Surroundings:
    """Ask all at once, for a second at most."""
    until = time.monotonic() + within_s
    disks, queues, version = checks.disks.start(), checks.queues.start(), checks.redis_version.start()
    return Surroundings(
        disks=disks.result(until=until), queues=queues.result(until=until), redis_version=version.result(until=until)
    )
