"""Limits on how long a thread waits for a request that comes slowly, and on how many threads do so at once."""

import select
import socket
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from gunicorn.http.errors import NoMoreData

GRACE_S: Final = 10.0  # for the head and a small body
BYTES_PER_S: Final = 16 * 1024  # what a longer body must come with, on average, after that
MAX_S: Final = 300.0
UNCOUNTED_S: Final = 0.2  # what every request may wait in all, though too many wait already


class RequestTooSlow(NoMoreData):  # type: ignore[misc]  # gunicorn has no types; it closes the connection without a traceback
    """A request did not come within its time."""


class SlowRequests:
    """Counts the threads of this process that wait for bytes of a request."""

    def __init__(self, *, limit: int, limit_per_address: int) -> None:
        self._limit, self._limit_per_address = limit, limit_per_address
        self._lock = threading.Lock()
        self._waiting: Counter[str] = Counter()

    @contextmanager
    def waiting(self, address: str) -> Iterator[bool]:
        """Count this thread as waiting during the block; yield False, and do not, where too many wait already."""
        with self._lock:
            admitted = self._waiting.total() < self._limit and self._waiting[address] < self._limit_per_address
            if admitted:
                self._waiting[address] += 1
        try:
            yield admitted
        finally:
            if admitted:
                with self._lock:
                    self._waiting[address] -= 1
                    if not self._waiting[address]:
                        del self._waiting[address]


class TimedSocket:
    """Reads requests from a connection within a time that depends on how much has come."""

    def __init__(
        self, connection: socket.socket, address: str, slow: SlowRequests, *, grace_s: float = GRACE_S
    ) -> None:
        self._socket, self._address, self._slow, self._grace_s = connection, address, slow, grace_s
        self.start_request()

    def start_request(self) -> None:
        """Begin to count time and bytes anew."""
        self._started, self._received, self._waited_s = time.monotonic(), 0, 0.0

    def recv(self, size: int) -> bytes:
        """Return what has come, or comes in time; raise RequestTooSlow if nothing does."""
        try:
            data = self._socket.recv(size, socket.MSG_DONTWAIT)
        except BlockingIOError:
            self._wait()
            data = self._socket.recv(size)
        self._received += len(data)
        return data

    def _wait(self) -> None:
        since = time.monotonic()
        allowed_s = min(MAX_S, self._grace_s + self._received / BYTES_PER_S)
        poll = select.poll()
        poll.register(self._socket, select.POLLIN)
        with self._slow.waiting(self._address) as admitted:
            timeout_s = self._started + allowed_s - since if admitted else UNCOUNTED_S - self._waited_s
            if timeout_s <= 0 or not poll.poll(timeout_s * 1000):
                raise RequestTooSlow
        self._waited_s += time.monotonic() - since
