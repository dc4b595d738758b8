"""The heartbeats of worker and beat, written while they run.

A thread of each process writes its row every few seconds, straight to the database: it goes on while Redis is away, and
while a task hangs.
"""

import copy
import logging
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Final

from django.db import DEFAULT_DB_ALIAS, Error, connections
from django.db.models import Exists, OuterRef
from django.utils import timezone

from keys.models import Heartbeat

logger = logging.getLogger(__name__)

INTERVAL_S: Final = 5.0
FORGOTTEN_AFTER: Final = timedelta(days=1)  # processes that have ended for good
NAME_LENGTH: Final = 200


def start_heartbeat(
    kind: Heartbeat.Kind, name: str, *, queues: Sequence[str] = (), is_alive: Callable[[], bool] = lambda: True
) -> None:
    """Write the heartbeat of this process until it ends, while `is_alive` says so; a second call changes nothing."""
    if not any(isinstance(thread, _HeartbeatThread) for thread in threading.enumerate()):
        _HeartbeatThread(kind, name[:NAME_LENGTH], sorted(queues), is_alive).start()


class _HeartbeatThread(threading.Thread):
    """Writes the heartbeat every few seconds; a failure is logged once, until the next success."""

    def __init__(self, kind: Heartbeat.Kind, name: str, queues: Sequence[str], is_alive: Callable[[], bool]) -> None:
        super().__init__(name="heartbeat", daemon=True)
        self._kind, self._process, self._queues, self._is_alive = kind, name, queues, is_alive
        self._started_at = timezone.now()
        self._fails = False

    def run(self) -> None:
        """Go on until the process ends."""
        while True:
            if self._is_alive():
                self._write()
            time.sleep(INTERVAL_S)

    def _write(self) -> None:
        try:
            with connection_of_this_thread():
                write_heartbeat(self._kind, self._process, self._queues, self._started_at)
                forget_old_processes()
        except Error as error:
            if not self._fails:
                logger.warning("The heartbeat of %s is not written: %s", self._process, type(error).__name__)
            self._fails = True
        else:
            self._fails = False


def write_heartbeat(
    kind: Heartbeat.Kind, name: str, queues: Sequence[str] = (), started_at: datetime | None = None
) -> None:
    """Record that this process is alive: one exchange with the database."""
    now = timezone.now()
    Heartbeat.objects.bulk_create(
        [Heartbeat(kind=kind, name=name, queues=list(queues), started_at=started_at or now, seen_at=now)],
        update_conflicts=True,
        unique_fields=["kind", "name"],
        update_fields=["queues", "started_at", "seen_at"],
    )


def forget_old_processes() -> None:
    """Delete the rows of processes that have ended for good; the last row of a kind stays, as that kind is missing."""
    newer = Heartbeat.objects.filter(kind=OuterRef("kind"), seen_at__gt=OuterRef("seen_at"))
    old = Heartbeat.objects.filter(Exists(newer), seen_at__lt=timezone.now() - FORGOTTEN_AFTER)
    Heartbeat.objects.filter(pk__in=list(old.values_list("pk", flat=True))).delete()


@contextmanager
def connection_of_this_thread() -> Iterator[None]:
    """Use a connection outside of the pool, and close it: a worker forks, and its children must not inherit a pool."""
    settings_dict = copy.deepcopy(connections[DEFAULT_DB_ALIAS].settings_dict)
    settings_dict["OPTIONS"].pop("pool", None)
    before = connections[DEFAULT_DB_ALIAS]
    connections[DEFAULT_DB_ALIAS] = type(before)(settings_dict, DEFAULT_DB_ALIAS)
    try:
        yield
    finally:
        connections[DEFAULT_DB_ALIAS].close()
        connections[DEFAULT_DB_ALIAS] = before
