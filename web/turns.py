"""Requests take turns: a few compute at once in a process, the others wait in line.

Hundreds of threads that compute at the same time slow each other down: Python lets one run at a time, each switch finds
the processor's caches cold, and each of them holds a connection to the database for as long as all of them take. Who
waits for somebody else (the gateway, a mail server) gives the turn back meanwhile.
"""

import threading
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import lru_cache
from typing import Final

from django.conf import settings
from django.db import connection
from django.http import HttpRequest
from django.http.response import HttpResponseBase

from web.patience import answers_within

PATIENCE_S: Final = 15.0  # then it goes without a turn: whatever blocks those who have one must not block everybody


class Line:
    """So many turns, taken in the order of coming."""

    def __init__(self, turns: int, *, patience_s: float = PATIENCE_S) -> None:
        self._free = turns
        self._patience_s = patience_s
        self._lock = threading.Lock()
        self._waiting: deque[threading.Lock] = deque()

    def take(self, *, ahead: bool = False) -> bool:
        """Wait for a turn, `ahead` of all who wait; False if that took too long, and there is none to give back."""
        with self._lock:
            if self._free:
                self._free -= 1
                return True
            mine = threading.Lock()
            mine.acquire()
            if ahead:
                self._waiting.appendleft(mine)
            else:
                self._waiting.append(mine)
        if mine.acquire(timeout=self._patience_s):
            return True
        with self._lock:
            if mine not in self._waiting:  # it was given in this very moment
                return True
            self._waiting.remove(mine)
            return False

    def give(self) -> None:
        """Give a turn to who waits longest."""
        with self._lock:
            if self._waiting:
                self._waiting.popleft().release()
            else:
                self._free += 1


class _Held(threading.local):
    line: Line | None = None  # whose turn this thread has


_held: Final = _Held()


@lru_cache(maxsize=1)
def _line(turns: int) -> Line:
    return Line(turns)


@contextmanager
def turn(*, ahead: bool = False) -> Iterator[None]:
    """Compute in this block, with a turn; harmless where the thread has one."""
    if _held.line:
        yield
        return
    _take(_line(settings.WEB_TURNS), ahead=ahead)
    try:
        with answers_within(settings.DATABASE_ANSWER_TIMEOUT_S):
            yield
    finally:
        _give()


@contextmanager
def aside() -> Iterator[None]:
    """Wait for somebody else in this block: without a turn and without a connection to the database, if there are any.

    Not within a transaction, which keeps both.
    """
    line = _held.line
    if line is None or connection.in_atomic_block:
        yield
        return
    connection.close()
    _give()
    try:
        yield
    finally:
        connection.close()  # nobody waits for a turn with a connection that those who have one need
        _take(line, ahead=True)


def _take(line: Line, *, ahead: bool) -> None:
    _held.line = line if line.take(ahead=ahead) else None


def _give() -> None:
    line, _held.line = _held.line, None
    if line:
        line.give()


def take_turns(
    get_response: Callable[[HttpRequest], HttpResponseBase],
) -> Callable[[HttpRequest], HttpResponseBase]:
    """Make a response with a turn; what is streamed comes after it, and takes its own. Probes do not wait in line."""

    def middleware(request: HttpRequest) -> HttpResponseBase:
        if request.path_info.startswith("/healthz/"):
            return get_response(request)
        with turn():
            response = get_response(request)
            if response.streaming and not connection.in_atomic_block:
                connection.close()  # as in aside()
            return response

    return middleware
