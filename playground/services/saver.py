"""Writes what has come of the answers under way, for all streams of the process together, once a second.

So a stream holds no connection to the database, and a reload in the middle of an answer shows what has come. Each
round is one transaction on one connection of a thread that lives only while there are streams.
"""

import logging
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final
from uuid import UUID

from django.db import DatabaseError, connection, transaction
from django.utils import timezone

from playground.models import Answer, Slot
from playground.services.draft import Draft

logger = logging.getLogger(__name__)

ROUND_S: Final = 1.0
SIGN_OF_LIFE_ROUNDS: Final = 5  # a silent stream is noted every so many rounds, well within LOST_AFTER


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
        while True:
            self._work.wait(ROUND_S)
            with self._lock:
                if not self._followed:
                    self._thread = None
                    return
                self._work.clear()
                due = [followed for followed in self._followed if _is_due(followed)]
            if due:
                _write(due)


def _is_due(followed: _Followed) -> bool:
    followed.rounds += 1
    return followed.draft.count > followed.written or followed.rounds % SIGN_OF_LIFE_ROUNDS == 0


def _write(due: list[_Followed]) -> None:
    """Write what is new. A database that does not answer costs a round: the next one, or the end, writes all of it."""
    now = timezone.now()
    try:
        with transaction.atomic():
            for followed in due:
                _write_one(followed, now)
            Slot.objects.filter(pk__in=[followed.slot_id for followed in due]).update(renewed_at=now)
    except DatabaseError as error:
        logger.warning("playground: %d answers under way not written, %s", len(due), type(error).__name__)
    finally:
        connection.close()


def _write_one(followed: _Followed, now: object) -> None:
    """Write one answer, unless it has ended meanwhile: its end is the last word."""
    count, choice = followed.draft.count, followed.draft.first
    Answer.objects.filter(pk=followed.answer_id, state=Answer.State.STREAMING).update(
        text="".join(choice.text), reasoning="".join(choice.reasoning), saved_at=now
    )
    followed.written = count


_of_process = _Saver()


@contextmanager
def saved_meanwhile(answer_id: UUID, slot_id: int, draft: Draft) -> Iterator[None]:
    """Have `draft` written every second during this block; whoever leaves it writes the end."""
    followed = _Followed(answer_id=answer_id, slot_id=slot_id, draft=draft)
    _of_process.add(followed)
    try:
        yield
    finally:
        _of_process.drop(followed)


def _forget() -> None:
    global _of_process
    _of_process = _Saver()  # a forked process has no thread


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget)
