"""Kill a process at a chosen line of the services, as SIGKILL or a power failure would.

Two lines between which nothing was done for good are one: all that they differ by is gone with the process, or taken
back by the database. So `killed_at_step` dies once between two things that stay done (tests/keys/lasting.py).
"""

import os
import signal
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import Any

from django.db import connections

import keys.services
from tests.keys.lasting import report_waits, report_what_lasts

SERVICES = str(Path(keys.services.__file__).parent)

Folder = str | tuple[str, ...]  # how names of files begin
_of_the_parent: list[object] = []  # kept, since Python closes what nobody refers to


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
    if connections["default"].vendor == "sqlite":  # whose locks end when either process closes the file
        close_connections()
    child = os.fork()
    if child == 0:
        _leave_connections()
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


def _leave_connections() -> None:
    """Let this child connect anew, and the parent go on with its connections: to connect costs both sides 20 ms."""
    for connection in connections.all(initialized_only=True):
        pools = getattr(connection, "_connection_pools", {})  # PostgreSQL only
        _of_the_parent.extend([connection.connection, pools.pop(connection.alias, None)])
        connection.connection = None


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
    """Kill this process at the `number`th line of the services that finds more done for good than the step before."""
    Steps(number, folder).begin()


class Steps:
    """Counts the lines that come first after something was done for good.

    A trace of each call would double the cost of an action, so a thread is traced from such a moment to the next line
    of the services only: it, and whoever waits for it.
    """

    def __init__(self, number: int, folder: Folder) -> None:
        self.left, self.folder = number, folder
        self.is_due = True  # the first line is a step of its own

    def begin(self) -> None:
        """Count from now on, in threads too."""
        report_what_lasts(self.note)
        report_waits(self.trace)
        threading.settrace(self._enter)
        self.trace()

    def note(self) -> None:
        """Let the next line be a step."""
        self.is_due = True
        self.trace()

    def trace(self) -> None:
        """Trace this thread, the functions that it is in as well, where the next line is a step."""
        if not self.is_due or sys.gettrace():
            return
        frame: FrameType | None = sys._getframe(1)
        while frame:
            if self._is_traced(frame):
                frame.f_trace = self._in_services
            frame = frame.f_back
        sys.settrace(self._enter)

    def _is_traced(self, frame: FrameType) -> bool:
        return frame.f_code.co_filename.startswith(self.folder)

    def _enter(self, frame: FrameType, event: str, _arg: Any) -> Any:
        if not self.is_due:
            sys.settrace(None)
            return None
        return self._in_services if self._is_traced(frame) else None

    def _in_services(self, _frame: FrameType, event: str, _arg: Any) -> Any:
        if event != "line":
            return self._in_services
        if self.is_due:
            self.is_due, self.left = False, self.left - 1
            if not self.left:
                os.kill(os.getpid(), signal.SIGKILL)
        sys.settrace(None)
        return None
