"""Outages of services and full disks: distinguished from bugs, watched until they end, logged once a minute."""

import errno
import logging
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from enum import StrEnum
from typing import Final

import psycopg
from django.db import connections
from django.utils.module_loading import import_string
from kombu.exceptions import OperationalError as KombuOperationalError
from redis.exceptions import RedisError

from web.files import StorageUnavailable

logger = logging.getLogger(__name__)

PROBE_S: Final = 0.25  # between two checks of an unavailable service
LOG_S: Final = 60
SQLITE_AWAY: Final = frozenset(
    {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_IOERR, sqlite3.SQLITE_READONLY}
)
PRIMARY_CODE: Final = 0xFF  # the lowest byte of SQLite's extended error codes
DISK_FULL: Final = "53100"


class Outage(StrEnum):
    """Something that the portal needs and that does not work now; the first is named where there are several."""

    DISK = "disk"  # full
    DATABASE = "database"
    QUEUE = "queue"  # of tasks; Redis, which is the cache as well
    FILES = "files"  # the storage of images


def outage_behind(error: BaseException | None) -> Outage | None:
    """Return the outage that caused `error`, if any."""
    found = {_outage(link) for link in _chain(error)}
    return next((outage for outage in Outage if outage in found), None)


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    """Yield an error and its causes."""
    seen: set[int] = set()
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        yield error
        error = error.__cause__ or (None if error.__suppress_context__ else error.__context__)


def _outage(error: BaseException) -> Outage | None:
    if isinstance(error, sqlite3.Error):
        code = (getattr(error, "sqlite_errorcode", None) or 0) & PRIMARY_CODE
        return Outage.DISK if code == sqlite3.SQLITE_FULL else Outage.DATABASE if code in SQLITE_AWAY else None
    if isinstance(error, psycopg.Error):
        if error.sqlstate == DISK_FULL:
            return Outage.DISK
        return Outage.DATABASE if isinstance(error, psycopg.OperationalError | psycopg.InterfaceError) else None
    if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
        return Outage.DISK
    if isinstance(error, StorageUnavailable):
        return Outage.FILES
    return Outage.QUEUE if isinstance(error, RedisError | KombuOperationalError) else None


class Watch:
    """Knows whether a service is unavailable: after the first failure one thread checks until it answers."""

    def __init__(self, answers: Callable[[], bool]) -> None:
        self._answers = answers
        self._lock = threading.Lock()
        self._is_watched = False
        self.is_away = False
        self.outages = 0  # so far

    def report_away(self) -> None:
        """Treat it as unavailable from now on, until it answers."""
        with self._lock:
            self.outages += not self.is_away
            self.is_away = True
        self.suspect()

    def suspect(self) -> None:
        """Start a check, unless one is running."""
        with self._lock:
            if self._is_watched:
                return
            self._is_watched = True
        threading.Thread(target=self._run, name="outage", daemon=True).start()

    def ask(self) -> bool:
        """Return whether it answers now; the last result while another check runs."""
        if self._is_watched:
            return not self.is_away
        if self._answers():
            return True
        self.report_away()
        return False

    def _run(self) -> None:
        try:
            while not self._answers():
                self.outages += not self.is_away
                self.is_away = True
                time.sleep(PROBE_S)
        finally:
            self.is_away = self._is_watched = False


def _database_answers() -> bool:
    ask: Callable[[dict[str, object]], bool] = import_string("web.postgresql.base.asks")  # which imports this module
    return ask(connections["default"].settings_dict)


database_watch: Final = Watch(_database_answers)


class _Said:
    """When each outage was logged."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._at: dict[str, float] = {}

    def is_due(self, what: str) -> bool:
        with self._lock:
            now = time.monotonic()
            if now - self._at.get(what, -LOG_S) < LOG_S:
                return False
            self._at[what] = now
            return True


_logged: Final = _Said()


def log_outage(what: str, error: BaseException) -> None:
    """Write one line on it, at most one a minute and process."""
    if _logged.is_due(what):
        detail = f"{type(error).__name__}: {error}".splitlines()[0]
        logger.error("%s away or full: %s (further ones are not logged for %d s)", what, detail, LOG_S)


class WithoutOutages(logging.Filter):
    """Keeps tracebacks of pages that were answered with an outage out of the log: `log_outage` writes a line."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Accept records of bugs."""
        return not (record.exc_info and outage_behind(record.exc_info[1]))
