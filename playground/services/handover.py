"""Hands the context of an answer from its form to the stream that its page opens next, if the same process serves both.

It has the person, their policy and key, and the uploaded images: so the stream need not query them
again. Another process, or a later stream, loads them again.
"""

import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final
from uuid import UUID

from accounts.models import User
from accounts.policies import Allowance
from gateway.secret import Secret
from playground.models import STALE_AFTER, Answer

KEPT_S: Final = STALE_AFTER.total_seconds() / 3  # pages open a stream at once
MOST_BYTES: Final = 32_000_000  # of all messages kept, mostly images


@dataclass(frozen=True, slots=True, kw_only=True)
class Prepared:
    """A waiting answer, with all that its call needs."""

    owner: User
    answer: Answer  # with its message, conversation, and earlier turns
    allowance: Allowance
    secret: Secret = field(repr=False)
    is_alone: bool = False  # it had no alternatives in its conversation when it was saved
    since: float = field(default_factory=time.monotonic)

    @property
    def is_fresh(self) -> bool:
        """Whether it is still recent enough to use."""
        return time.monotonic() - self.since <= KEPT_S


_kept: Final[dict[UUID, Prepared]] = {}


def hand_over(prepared: Iterable[Prepared]) -> None:
    """Keep it for a moment, if there is room."""
    for answer_id, each in list(_kept.items()):
        if not each.is_fresh:
            _kept.pop(answer_id, None)
    for each in prepared:
        if sum(map(_size_of, [*_kept.values(), each])) <= MOST_BYTES:
            _kept[each.answer.pk] = each


def take_over(owner: User, answer_id: UUID) -> Prepared | None:
    """Return the kept context for an answer of `owner`, once."""
    prepared = _kept.get(answer_id)
    if prepared is None or prepared.owner.pk != owner.pk:
        return None
    _kept.pop(answer_id, None)
    return prepared if prepared.is_fresh else None


def _size_of(prepared: Prepared) -> int:
    parameters = prepared.answer.parameters
    return prepared.answer.message.stored_bytes + (parameters.stored_bytes if parameters else 0)
