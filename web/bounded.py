"""Checks of what may hang: a gateway, a disk, Redis. Whoever asks waits for a moment only."""

import threading
import time
from collections.abc import Callable
from typing import Generic, TypeVar

T = TypeVar("T")


class Run(Generic[T]):
    """One run of a check, in a daemon thread of its own."""

    def __init__(self, name: str, check: Callable[[], T]) -> None:
        self._check = check
        self._result: T | None = None
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._thread.start()

    @property
    def is_running(self) -> bool:
        """Whether it has no result yet."""
        return self._thread.is_alive()

    def result(self, *, until: float) -> T | None:
        """Return what it found; None if it takes longer than to this time (`monotonic`)."""
        self._thread.join(max(until - time.monotonic(), 0))
        return self._result

    def _run(self) -> None:
        self._result = self._check()


class BoundedCheck(Generic[T]):
    """Runs a check in one thread of its own; while one hangs, no other is started. The check uses no database."""

    def __init__(self, name: str, check: Callable[[], T]) -> None:
        self._name, self._check = name, check
        self._lock = threading.Lock()
        self._last: Run[T] | None = None

    def start(self) -> Run[T]:
        """Start it and return this run; the one that is under way, if there is one."""
        with self._lock:
            if self._last is None or not self._last.is_running:
                self._last = Run(self._name, self._check)
            return self._last

    def forget(self) -> None:
        """Let the next start be a new run, though one may hang."""
        with self._lock:
            self._last = None

    def result(self, *, within_s: float) -> T | None:
        """Return what it finds now; None if it takes longer."""
        return self.start().result(until=time.monotonic() + within_s)
