"""What each process has one of, made when it is first asked for. A fork has none: threads do not come along."""

import os
import threading
from collections.abc import Callable
from typing import Generic, TypeVar

T = TypeVar("T")


class PerProcess(Generic[T]):
    """Call it for the one of this process."""

    made: T | None  # what there is so far

    def __init__(self, make: Callable[[], T]) -> None:
        self._make = make
        self._begin()
        if hasattr(os, "register_at_fork"):
            os.register_at_fork(after_in_child=self._begin)

    def __call__(self) -> T:
        """Return it."""
        with self._lock:
            if self.made is None:
                self.made = self._make()
            return self.made

    def _begin(self) -> None:
        self.made = None
        self._lock = threading.Lock()  # a new one: somebody may have held the other when the process was forked
