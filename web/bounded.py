"""Checks of what may hang: a gateway, a disk, Redis. Whoever asks waits for a moment only."""

import threading
from collections.abc import Callable
from typing import Generic, TypeVar

T = TypeVar("T")


class BoundedCheck(Generic[T]):
    """Runs a check in one thread of its own; while one hangs, no other is started. The check uses no database."""

    def __init__(self, name: str, check: Callable[[], T]) -> None:
        self._name, self._check = name, check
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None
        self._result: T | None = None

    def start(self) -> threading.Thread:
        """Start it, unless it is running."""
        with self._lock:
            if self._thread is None or not self._thread.is_alive():
                self._result = None
                self._thread = threading.Thread(target=self._run, name=self._name, daemon=True)
                self._thread.start()
            return self._thread

    def result(self, *, within_s: float) -> T | None:
        """Return what it found; None if it takes longer."""
        self.start().join(within_s)
        return self._result

    def _run(self) -> None:
        self._result = self._check()
