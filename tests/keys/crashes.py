"""End a process at a chosen line of the services, as SIGKILL or a power cut would.

Two lines between which nothing was done outside of the process are one: with it, all that they differ by is gone. So
`killed_after` counts what is done outside, by the doors that it must go through, and dies once between two such deeds.
"""

import os
import signal
import sys
from collections.abc import Callable
from functools import cache
from pathlib import Path
from types import FrameType
from typing import Any

from django.db import connections, transaction

import keys.services

SERVICES = str(Path(keys.services.__file__).parent)
# The database, the gateway, the broker, Redis, caches, files, mail: whatever calls something there may leave a trace.
DOORS = ("/django/db/backends/", "/django/core/", "/http/client.py", "/socket.py", "/kombu/", "/redis/", "/psycopg/")
BESIDE_THE_DATABASE = ("/django/core/", "/http/client.py", "/kombu/", "/redis/")  # no transaction takes this back


def killed_at_line(number: int, act: Callable[[], object], folder: str = SERVICES) -> bool:
    """Run `act` in a child that is killed at the start of the `number`th line that it runs in a folder of services.

    Return False when it came to its end before.
    """
    return _in_child(act, lambda: _die_at(number, folder))


def killed_after(line: int, act: Callable[[], object], folder: str = SERVICES) -> tuple[bool, int]:
    """Run `act` in a child that is killed at the first line of these services before which more was done outside.

    More than before the line of that number, that is. Return whether it was killed, and the number of its last line.
    """
    reported, tell = os.pipe()
    killed = _in_child(act, lambda: _die_after(line, folder, tell))
    os.close(tell)
    with open(reported, encoding="ascii") as lines:
        return killed, len(lines.read())


def killed_at_step(number: int, act: Callable[[], object], folder: str) -> bool:
    """Run `act` in a child that is killed at the `number`th line of these services before which more was done for good.

    What is done in a transaction is one step: the database takes back what was not committed. Return False when the
    act came to its end before.
    """
    return _in_child(act, lambda: _die_at_step(number, folder))


def _in_child(act: Callable[[], object], watch: Callable[[], object]) -> bool:
    """Run `act` in a child that watches itself, and tell whether it was killed."""
    close_connections()
    child = os.fork()
    if child == 0:
        watch()
        try:
            act()
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


def _die_after(number: int, folder: str, tell: int) -> None:
    """Kill this process at the first line of the services that finds more done outside than the `number`th."""
    lines, done, done_before = 0, 0, -1

    def trace(frame: FrameType, event: str, _arg: Any) -> Any:
        nonlocal lines, done, done_before
        if not frame.f_code.co_filename.startswith(folder):
            done += _is_a_door(frame.f_code.co_filename)
            return None
        if event == "line":
            lines += 1
            os.write(tell, b".")
            if lines <= number:
                done_before = done
            elif done > done_before:
                os.kill(os.getpid(), signal.SIGKILL)
        return trace

    sys.settrace(trace)


def _die_at_step(number: int, folder: str) -> None:
    """Kill this process at the so manieth line of the services that finds more done for good than the step before."""
    steps, done, done_before = 0, 0, -1

    def trace(frame: FrameType, event: str, _arg: Any) -> Any:
        nonlocal steps, done, done_before
        if not frame.f_code.co_filename.startswith(folder):
            amid = transaction.get_connection().in_atomic_block
            done += _is_a_door(frame.f_code.co_filename, BESIDE_THE_DATABASE if amid else DOORS)
            return None
        if event == "line" and done > done_before:
            steps, done_before = steps + 1, done
            if steps == number:
                os.kill(os.getpid(), signal.SIGKILL)
        return trace

    sys.settrace(trace)


@cache
def _is_a_door(filename: str, doors: tuple[str, ...] = DOORS) -> bool:
    return any(door in filename for door in doors)
