"""Reports each call of the gateway to whoever counts them: its path, its outcome, and how long it took."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

from gateway.errors import (
    GatewayError,
    GatewayKeyRefused,
    GatewayNotFound,
    GatewayOverBudget,
    GatewayRateLimited,
    GatewayUnavailable,
)

Observe = Callable[[str, str, float], None]  # path, outcome, seconds

OUTCOMES: Final[tuple[tuple[type[GatewayError], str], ...]] = (
    (GatewayUnavailable, "unavailable"),
    (GatewayNotFound, "not_found"),
    (GatewayOverBudget, "over_budget"),
    (GatewayRateLimited, "rate_limited"),
    (GatewayKeyRefused, "key_refused"),
    (GatewayError, "rejected"),
)


def ignore(path: str, outcome: str, seconds: float) -> None:
    """Count nothing."""


@contextmanager
def observed(observe: Observe, path: str) -> Iterator[None]:
    """Report the call in this block; one that was cancelled as "cancelled"."""
    began, outcome = time.perf_counter(), "cancelled"
    try:
        yield
        outcome = "ok"
    except GatewayError as error:
        outcome = _outcome(error)
        raise
    finally:
        observe(path, outcome, time.perf_counter() - began)


def _outcome(error: GatewayError) -> str:
    if isinstance(error, GatewayUnavailable) and error.timed_out:
        return "timeout"
    return next(outcome for kind, outcome in OUTCOMES if isinstance(error, kind))
