"""How long a thread waits for the database: pages for seconds, tasks and commands without limit."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final


class _Limit(threading.local):
    seconds: float | None = None


_limit: Final = _Limit()


@contextmanager
def answers_within(seconds: float) -> Iterator[None]:
    """Limit each exchange with PostgreSQL in this block and thread; a longer one is an OperationalError."""
    before, _limit.seconds = _limit.seconds, seconds
    try:
        yield
    finally:
        _limit.seconds = before


def answer_limit_s() -> float | None:
    """Return this thread's limit; None where it waits without limit."""
    return _limit.seconds
