"""Runs one step for each of many rows: a row that fails is skipped, and retried after the others."""

import logging
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import Final, TypeVar

from celery.exceptions import SoftTimeLimitExceeded
from django.utils import timezone

from gateway.errors import GatewayError, GatewayUnavailable
from gateway.log_context import ContextThreads
from keys.models import Key, Token

logger = logging.getLogger(__name__)

MAX_UNREACHABLE: Final = 3  # in a row: the gateway is unavailable, and the rest of the round waits for the next run
CALLS_AT_ONCE: Final = 8  # more make one worker of the gateway no faster
MAX_FAILURES: Final = 30  # in a row, of any kind: it answers, but nothing works

T = TypeVar("T")


def each(step: Callable[[T], bool | None], rows: Iterable[T]) -> tuple[int, GatewayUnavailable | None]:
    """Call `step` with every row; return how many did something, and the last error of an unavailable gateway.

    A failure is recorded on the row (`tried_at`), so that interrupted rounds begin with other rows the next time.
    """
    done, in_a_row, unreachable, failure = 0, 0, 0, None
    for row in rows:
        try:
            done += step(row) is not False
        except SoftTimeLimitExceeded:
            raise
        except Exception as error:  # noqa: BLE001  one row must not stop the others
            _note(step, row, error)
            failure = error if isinstance(error, GatewayUnavailable) else failure
            in_a_row += 1
            unreachable = unreachable + 1 if is_away(error) else 0
            if unreachable == MAX_UNREACHABLE or in_a_row == MAX_FAILURES:
                break
        else:
            in_a_row = unreachable = 0
    return done, failure


def each_at_once(
    rows: Sequence[T],
    *,
    prepare: Callable[[T], bool],
    call: Callable[[T], None],
    finish: Callable[[T, GatewayError | None], bool],
) -> tuple[int, GatewayUnavailable | None]:
    """Do as `each` does for rows that are ready, with the gateway's calls of some of them at the same time.

    `call` only calls the gateway, in a thread; `prepare` and `finish`, which get its error, use the database. After
    calls that all failed to reach the gateway, the rest waits for the next run.
    """
    done, failure = 0, None
    with ContextThreads(CALLS_AT_ONCE) as threads:
        for start in range(0, len(rows), CALLS_AT_ONCE):
            ready = [row for row in rows[start : start + CALLS_AT_ONCE] if prepare(row)]
            run = map if len(ready) == 1 else threads.map
            errors = list(run(partial(_error_of, call), ready))
            for row, error in zip(ready, errors, strict=True):
                done += finish(row, error)
                if error is not None:
                    _note(call, row, error)
                    failure = error if isinstance(error, GatewayUnavailable) else failure
            if errors and all(error is not None and is_away(error) for error in errors):
                break
    return done, failure


def _error_of(call: Callable[[T], None], row: T) -> GatewayError | None:
    try:
        call(row)
    except GatewayError as error:
        return error
    return None


def is_away(error: Exception) -> bool:
    """Tell whether the gateway was not reached, or timed out: any other row would fail too."""
    return isinstance(error, GatewayUnavailable) and (error.timed_out or not error.may_have_happened)


def _note(step: Callable[[T], object], row: T, error: Exception) -> None:
    """Log a failure, with a traceback for a bug of ours, and move the row behind the others."""
    name = getattr(getattr(step, "func", step), "__name__", "a step")  # of a partial, its function's
    known = isinstance(error, GatewayError)
    what = f"{type(row).__name__} {row.pk}" if isinstance(row, Key | Token) else type(row).__name__
    logger.warning("%s failed for %s: %s", name, what, error, exc_info=None if known else error)
    if isinstance(row, Key | Token):
        type(row)._default_manager.filter(pk=row.pk).update(tried_at=timezone.now())
