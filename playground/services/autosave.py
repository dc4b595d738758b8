"""Saves the text of running answers, for all of a process together, so that other processes and a reload
show text that is at most a second old; and reads requests of pages of other processes: to stop, or to be followed.

Each round is one thread's work, and one transaction if there is something to write.
"""

import asyncio
import logging
import time
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID
from weakref import WeakKeyDictionary

from django.db import DatabaseError, connection, transaction
from django.db.models import Q
from django.utils import timezone

from playground.models import ActiveCall, Answer
from playground.services.running import Run, runs_here
from web.threads import in_thread

logger = logging.getLogger(__name__)

ROUND_S: Final = 0.5  # within it, a stop request of another process is noticed
SAVE_S: Final = 0.9  # the minimum age of unsaved text
SIGN_OF_LIFE_S: Final = 5.0  # how often a silent answer writes a heartbeat, well within STALE_AFTER
PAUSE_FACTOR: Final = 3  # the pause is so many rounds long: answers must not slow each other
MAX_PAUSE_S: Final = 4.0

_ID: Final = Answer._meta.pk
# Raw SQL: Django's bulk update of rows with a text each costs as much as single updates.
_UPDATE: Final = (
    f"UPDATE {Answer._meta.db_table} SET text = %s, reasoning = %s, completion_tokens = %s, saved_at = %s"  # noqa: S608
    f" WHERE {_ID.column} = %s AND state = '{Answer.State.STREAMING}'"
)


@dataclass(frozen=True, slots=True)
class _Row:
    answer_id: UUID
    active_call_id: int
    text: str
    reasoning: str
    count: int


@dataclass(slots=True)
class _Saved:
    count: int = 0
    at: float = 0.0


_tasks: Final[WeakKeyDictionary[asyncio.AbstractEventLoop, asyncio.Task[None]]] = WeakKeyDictionary()


def save_meanwhile() -> None:
    """Save the answers of this loop from now on, until there are none."""
    loop = asyncio.get_running_loop()
    if loop not in _tasks or _tasks[loop].done():
        _tasks[loop] = loop.create_task(_save_meanwhile(), name="autosave")


async def last_round() -> None:
    """Wait until the current write has ended; called when no answer of this loop is running."""
    if task := _tasks.get(asyncio.get_running_loop()):
        await asyncio.wait([task])


async def _save_meanwhile() -> None:
    saved: dict[Run, _Saved] = {}
    pause_s = ROUND_S
    while runs := runs_here():
        await asyncio.wait([run.task for run in runs], timeout=pause_s, return_when=asyncio.ALL_COMPLETED)
        began = time.monotonic()
        await _round(saved)
        pause_s = min(MAX_PAUSE_S, max(ROUND_S, PAUSE_FACTOR * (time.monotonic() - began)))


async def _round(saved: dict[Run, _Saved]) -> None:
    runs = [run for run in runs_here() if not run.task.done()]
    if not runs:
        return
    due = [run for run in runs if _is_due(run, saved.setdefault(run, _Saved(at=time.monotonic())))]
    rows = [_row_of(run) for run in due]
    ids = [run.job.answer.pk for run in runs]
    heard = await in_thread(lambda: _exchange(rows, ids))
    for run in runs:
        stop_requested, followed_at = heard.get(run.job.answer.pk, (False, None))
        if followed_at:
            run.followed_at = followed_at.timestamp()
        if stop_requested:
            run.stop()
        else:
            run.stop_unless_watched()


def _is_due(run: Run, last: _Saved) -> bool:
    now = time.monotonic()
    if now - last.at < (SAVE_S if run.buffer.count > last.count else SIGN_OF_LIFE_S):
        return False
    last.count, last.at = run.buffer.count, now
    return True


def _row_of(run: Run) -> _Row:
    first = run.buffer.first
    return _Row(run.job.answer.pk, run.job.active_call_id, str(first.text), str(first.reasoning), run.buffer.count)


def _exchange(rows: list[_Row], ids: list[UUID]) -> dict[UUID, tuple[bool, datetime | None]]:
    """Write the rows; return the requests for answers. If the database does not answer, one round is skipped."""
    try:
        if rows:
            _write(rows, timezone.now())
        asked = Answer.objects.filter(Q(stop_requested=True) | Q(followed_at__isnull=False), pk__in=ids)
        return {pk: (stop, at) for pk, stop, at in asked.values_list("pk", "stop_requested", "followed_at")}
    except DatabaseError as error:
        logger.warning("playground: %d answers under way not written, %s", len(rows), type(error).__name__)
        return {}


def _write(rows: list[_Row], now: datetime) -> None:
    """Write answers, in one exchange, unless they have ended meanwhile: the final text takes precedence."""
    at = connection.ops.adapt_datetimefield_value(now)
    values = [
        (row.text, row.reasoning, row.count, at, _ID.get_db_prep_value(row.answer_id, connection)) for row in rows
    ]
    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.executemany(_UPDATE, values)
        ActiveCall.objects.filter(pk__in=[row.active_call_id for row in rows]).update(renewed_at=now)
