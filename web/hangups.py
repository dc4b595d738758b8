"""Notices that a browser has gone while its answer is still being made, so that nobody works for nobody.

A thread that waits for the gateway does not look at the browser's connection. One more thread does, for all of the
process, and calls back. Where the server or the system cannot tell (not gunicorn, not Linux), the next piece that
cannot be sent does.
"""

import select
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Final

from django.http import HttpRequest

from web.per_process import PerProcess

CAN_TELL: Final = hasattr(select, "epoll") and hasattr(select, "EPOLLRDHUP")

Call = Callable[[], None]
Tell = Callable[[bool], None]  # whether the browser is still there


class Hangup:
    """The browser of one request: `gone` once it has hung up; `cut_short` once this process had to end before."""

    def __init__(self, request: HttpRequest) -> None:
        given = request.META.get("gunicorn.socket")
        self._socket = given if isinstance(given, socket.socket) else None
        self.gone = self.cut_short = False

    @contextmanager
    def calls(self, call: Call) -> Iterator[None]:
        """Call from another thread, at most once, when the browser goes or must go during this block.

        `call` must be quick.
        """
        if self._socket is None or not CAN_TELL:
            yield
            return
        watcher = _watcher()
        descriptor = self._socket.fileno()
        watcher.add(descriptor, lambda is_here: self._end(call, cut_short=is_here))
        try:
            yield
        finally:
            watcher.drop(descriptor)

    def _end(self, call: Call, *, cut_short: bool) -> None:
        self.gone, self.cut_short = not cut_short, cut_short
        call()


def cut_all_short() -> None:
    """Let all answers under way end now, as this process must; from here on none goes on for long."""
    if _watcher.made:
        _watcher.made.tell_all()


class _Watcher:
    """Waits on all sockets at once, in a thread of its own."""

    def __init__(self) -> None:
        self._epoll = select.epoll()
        self._lock = threading.Lock()
        self._calls: dict[int, Tell] = {}
        self._ends = False  # the process does
        threading.Thread(target=self._run, name="hangups", daemon=True).start()

    def add(self, descriptor: int, tell: Tell) -> None:
        with self._lock:
            if self._ends:
                tell(True)
                return
            self._calls[descriptor] = tell
            self._epoll.register(descriptor, select.EPOLLRDHUP | select.EPOLLHUP | select.EPOLLONESHOT)

    def drop(self, descriptor: int) -> None:
        with self._lock:
            if self._calls.pop(descriptor, None):
                with suppress(OSError, ValueError):  # already closed
                    self._epoll.unregister(descriptor)

    def tell_all(self) -> None:
        with self._lock:
            self._ends = True
            descriptors = list(self._calls)
        for descriptor in descriptors:
            self._tell(descriptor, is_here=True)

    def _run(self) -> None:
        while True:
            for descriptor, _ in self._epoll.poll():
                self._tell(descriptor, is_here=False)

    def _tell(self, descriptor: int, *, is_here: bool) -> None:
        with self._lock:
            tell = self._calls.pop(descriptor, None)
            if tell:
                with suppress(OSError, ValueError):
                    self._epoll.unregister(descriptor)
                tell(is_here)  # inside the lock: once drop() has returned, nothing is called any more


_watcher = PerProcess(_Watcher)
