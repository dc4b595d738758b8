"""Kill a process at a chosen line of the services, as SIGKILL or a power failure would.

Two lines between which nothing was done for good are one: all that they differ by is gone with the process, or taken
back by the database. So `killed_at_step` dies once between two things that stay done.
"""

import os
import signal
import sys
import threading
from collections.abc import Callable
from enum import Enum, auto
from pathlib import Path
from types import CodeType, FrameType
from typing import Any

from django.db import connections, transaction

import keys.services

SERVICES = str(Path(keys.services.__file__).parent)
OUTSIDE = ("/http/client.py", "/kombu/", "/redis/", "/django/core/mail/", "/django/core/files/", "/django/core/cache/")

DATABASE, STATEMENTS = "/django/db/backends/base/base.py", "/django/db/backends/utils.py"

Folder = str | tuple[str, ...]  # how names of files begin


class Place(Enum):
    """Where a function is."""

    SERVICES = auto()  # what is killed
    OUTSIDE = auto()  # a call does something for good
    STATEMENT = auto()  # a call may do something for good
    ELSEWHERE = auto()


def killed_at_line(number: int, action: Callable[[], object], folder: str = SERVICES) -> bool:
    """Run `action` in a child that is killed at the start of the `number`th line that it runs in a folder of services.

    Return False when it came to its end before.
    """
    return _in_child(action, lambda: _die_at(number, folder))


def killed_at_step(number: int, action: Callable[[], object], folder: Folder = SERVICES) -> bool:
    """Run `action` in a child that is killed at the `number`th line of these services with something done before.

    For good is what a kill does not undo: a commit, a statement outside of a transaction that does not only read, a
    request to the gateway, a message, a mail, a file. Return False when the action came to its end before.
    """
    return _in_child(action, lambda: _die_at_step(number, folder))


def _in_child(action: Callable[[], object], watch: Callable[[], object]) -> bool:
    """Run `action` in a child that watches itself, and tell whether it was killed."""
    close_connections()
    child = os.fork()
    if child == 0:
        watch()
        try:
            action()
        finally:
            os._exit(0)
    _, status = os.waitpid(child, 0)
    return os.WIFSIGNALED(status)


def close_connections() -> None:
    """Close what parent and child must not share."""
    for connection in connections.all(initialized_only=True):
        connection.close()
        if getattr(connection, "pool", None):
            connection.close_pool()  # type: ignore[attr-defined]  # PostgreSQL only


def _die_at(number: int, folder: str) -> None:
    """Kill this process when so many lines of the services have begun."""
    begun = 0

    def trace(frame: FrameType, event: str, _arg: Any) -> Any:
        nonlocal begun
        if not frame.f_code.co_filename.startswith(folder):
            return None
        if event == "line":
            begun += 1
            if begun == number:
                os.kill(os.getpid(), signal.SIGKILL)
        return trace

    sys.settrace(trace)


def _die_at_step(number: int, folder: Folder) -> None:
    """Kill this process at the `number`th line of the services that finds more done for good than the step before.

    Threads that start from now on count together with this one.
    """
    steps, done, done_before = 0, 0, -1
    places: dict[CodeType, Place] = {}

    def trace(frame: FrameType, event: str, _arg: Any) -> Any:
        nonlocal steps, done, done_before
        code = frame.f_code
        if code not in places:  # of each function once: it is asked at every call that Python makes
            places[code] = _place_of(code, folder)
        if places[code] != Place.SERVICES:
            if places[code] != Place.ELSEWHERE:
                done += places[code] == Place.OUTSIDE or _is_statement_for_good(frame)
            return None
        if event == "line" and done > done_before:
            steps, done_before = steps + 1, done
            if steps == number:
                os.kill(os.getpid(), signal.SIGKILL)
        return trace

    threading.settrace(trace)  # the gateway is called in threads, too
    sys.settrace(trace)


def _place_of(code: CodeType, folder: Folder) -> Place:
    file, function = code.co_filename, code.co_name
    if file.startswith(folder):
        return Place.SERVICES
    if any(place in file for place in OUTSIDE) or (file.endswith(DATABASE) and function == "_commit"):
        return Place.OUTSIDE
    is_statement = file.endswith(STATEMENTS) and function.startswith("_execute")
    return Place.STATEMENT if is_statement else Place.ELSEWHERE


def _is_statement_for_good(frame: FrameType) -> bool:
    """Tell whether a statement that begins is its own transaction, and writes."""
    if transaction.get_connection().in_atomic_block:
        return False
    return not str(frame.f_locals.get("sql")).lstrip().startswith(("SELECT", "BEGIN"))
