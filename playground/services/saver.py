"""Writes what has come of the answers under way, for all streams of the process together, at most once a second.

So a stream holds no connection to the database, and a reload in the middle of an answer shows what has come. Each
round is one transaction on one connection of a thread that lives only while there are streams.
"""

import logging
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

from django.db import DatabaseError, connection, transaction
from django.utils import timezone

from playground.models import Answer, Slot
from playground.services.draft import Draft
from web.per_process import PerProcess

logger = logging.getLogger(__name__)

ROUND_S: Final = 1.0
MOST_REST_S: Final = 4.0
REST: Final = 10  # times as long as a round took it rests, so that many streams do not slow each other by it
SIGN_OF_LIFE_ROUNDS: Final = 5  # a silent stream is noted every so many rounds, well within LOST_AFTER

_ID: Final = Answer._meta.pk
# By hand: Django has no update of many rows with a text each that costs less than as many updates.
_UPDATE: Final = (
    f"UPDATE {Answer._meta.db_table} SET text = %s, reasoning = %s, saved_at = %s"  # noqa: S608  (names of ours)
    f" WHERE {_ID.column} = %s AND state = '{Answer.State.STREAMING}'"
)


@dataclass(slots=True, eq=False)
class _Followed:
    answer_id: UUID
    slot_id: int
    draft: Draft
    written: int = 0  # pieces
    rounds: int = 0


class _Saver:
    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._followed: set[_Followed] = set()
        self._work = threading.Event()
        self._thread: threading.Thread | None = None

    def add(self, followed: _Followed) -> None:
        with self._lock:
            self._followed.add(followed)
            if self._thread is None:
                self._work.clear()
                self._thread = threading.Thread(target=self._run, name="saver", daemon=True)
                self._thread.start()

    def drop(self, followed: _Followed) -> None:
        with self._lock:
            self._followed.discard(followed)
            if not self._followed:
                self._work.set()  # nothing to wait for

    def _run(self) -> None:
        rest_s = ROUND_S
        while True:
            self._work.wait(rest_s)
            with self._lock:
                if not self._followed:
                    self._thread = None
                    return
                self._work.clear()
                due = [followed for followed in self._followed if _is_due(followed)]
            began = time.monotonic()
            if due:
                _write(due)
            rest_s = min(MOST_REST_S, max(ROUND_S, REST * (time.monotonic() - began)))


def _is_due(followed: _Followed) -> bool:
    followed.rounds += 1
    return followed.draft.count > followed.written or followed.rounds % SIGN_OF_LIFE_ROUNDS == 0


def _write(due: list[_Followed]) -> None:
    """Write what is new. A database that does not answer costs a round: the next one, or the end, writes all of it."""
    now = timezone.now()
    try:
        with transaction.atomic():
            _write_answers(due, now)
            Slot.objects.filter(pk__in=[followed.slot_id for followed in due]).update(renewed_at=now)
    except DatabaseError as error:
        logger.warning("playground: %d answers under way not written, %s", len(due), type(error).__name__)
    finally:
        connection.close()


def _write_answers(due: list[_Followed], now: datetime) -> None:
    """Write answers, in one exchange, unless they have ended meanwhile: their end is the last word."""
    counts = [followed.draft.count for followed in due]
    at = connection.ops.adapt_datetimefield_value(now)
    rows = [(*_said(followed.draft), at, _ID.get_db_prep_value(followed.answer_id, connection)) for followed in due]
    with connection.cursor() as cursor:
        cursor.executemany(_UPDATE, rows)
    for followed, count in zip(due, counts, strict=True):
        followed.written = count


def _said(draft: Draft) -> tuple[str, str]:
    return "".join(draft.first.text), "".join(draft.first.reasoning)


_saver = PerProcess(_Saver)


@contextmanager
def saved_meanwhile(answer_id: UUID, slot_id: int, draft: Draft) -> Iterator[None]:
    """Have `draft` written every second during this block; whoever leaves it writes the end."""
    followed = _Followed(answer_id=answer_id, slot_id=slot_id, draft=draft)
    saver = _saver()
    saver.add(followed)
    try:
        yield
    finally:
        saver.drop(followed)
