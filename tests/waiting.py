"""Waiting for a condition: the one place in the tests that sleeps."""

import time
from collections.abc import Callable
from typing import TypeVar

from django.db import connection

PAUSE_S = 0.02
T = TypeVar("T")


def wait_until(condition: Callable[[], T], timeout_s: float = 30.0) -> T:
    """Return the first true answer of `condition`; fail when it has none in time."""
    deadline = time.monotonic() + timeout_s
    while not (answer := condition()):
        if time.monotonic() > deadline:
            raise AssertionError(f"not so within {timeout_s} s: {getattr(condition, '__name__', condition)}")
        time.sleep(PAUSE_S)
    return answer


def waiting_for_locks() -> int:
    """Return how many connections to PostgreSQL wait for a lock."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(DISTINCT pid) FROM pg_locks WHERE NOT granted")
        return int(cursor.fetchone()[0])
