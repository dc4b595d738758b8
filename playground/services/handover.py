"""What a form has found out about its answer, for the stream that its page opens next, if it reaches the same process.

That is who asks, their policy and their key, and the images that came: what the stream need not ask the database for
again. Another process, or a later stream, finds it out anew.
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
MOST_BYTES: Final = 32_000_000  # of all messages that are kept, images mostly


@dataclass(frozen=True, slots=True, kw_only=True)
class Prepared:
    """An answer that waits, with all that it takes to begin it but its call."""

    owner: User
    answer: Answer  # with its message, conversation, and what they follow
    allowance: Allowance
    secret: Secret = field(repr=False)
    is_alone: bool = False  # it had no alternatives in its conversation when it was written down
    since: float = field(default_factory=time.monotonic)

    @property
    def is_fresh(self) -> bool:
        """Whether what it holds may still be believed."""
        return time.monotonic() - self.since <= KEPT_S


_kept: Final[dict[UUID, Prepared]] = {}


def hand_over(prepared: Iterable[Prepared]) -> None:
    """Keep it for a moment, while there is room."""
    for answer_id, each in list(_kept.items()):
        if not each.is_fresh:
            _kept.pop(answer_id, None)
    for each in prepared:
        if sum(map(_size_of, [*_kept.values(), each])) <= MOST_BYTES:
            _kept[each.answer.pk] = each


def take_over(owner: User, answer_id: UUID) -> Prepared | None:
    """Return what was kept for an answer of `owner`, once."""
    prepared = _kept.get(answer_id)
    if prepared is None or prepared.owner.pk != owner.pk:
        return None
    _kept.pop(answer_id, None)
    return prepared if prepared.is_fresh else None


def _size_of(prepared: Prepared) -> int:
    parameters = prepared.answer.parameters
    return prepared.answer.message.stored_bytes + (parameters.stored_bytes if parameters else 0)
