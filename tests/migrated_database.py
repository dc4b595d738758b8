"""The tables of SQLite, made once for all workers: the migrations take three seconds of the processor each time."""

import fcntl
import os
import shutil
import sqlite3
from pathlib import Path
from typing import IO

from django.db import connection

_lock: list[IO[str]] = []  # held by the worker that migrates, until it has left a copy


def copied() -> bool:
    """Take the tables of the worker that was first; tell whether there was one. Otherwise `leave_copy` must follow."""
    if connection.vendor != "sqlite" or "PYTEST_XDIST_WORKER" not in os.environ:
        return False
    lock = _copy().with_suffix(".lock").open("w")
    fcntl.flock(lock, fcntl.LOCK_EX)  # the others wait for whoever comes first
    if not _copy().exists():
        _lock.append(lock)
        return False
    lock.close()
    shutil.copy(_copy(), str(connection.settings_dict["TEST"]["NAME"]))
    return True


def leave_copy() -> None:
    """Leave the tables to the other workers, if nobody has."""
    if not _lock:
        return
    with sqlite3.connect(_copy()) as copy:
        connection.ensure_connection()
        connection.connection.backup(copy)
    copy.close()
    _lock.pop().close()


def _copy() -> Path:
    return Path(os.environ["TEST_FOLDER"]) / "migrated.sqlite3"
