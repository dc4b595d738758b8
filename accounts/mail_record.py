"""When the last mail was sent and when one failed, for administrators: in the cache, as it may be lost."""

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from django.core.cache import cache
from django.utils import timezone

_SENT: Final = "mail:sent"
_FAILED: Final = "mail:failed"


@dataclass(frozen=True, slots=True, kw_only=True)
class MailRecord:
    """`problem` is the kind of error of the last failure; None of a moment: never, as far as is known."""

    sent_at: datetime | None = None
    failed_at: datetime | None = None
    problem: str = ""

    @property
    def is_failing(self) -> bool:
        """Whether no mail has been sent since the last failure."""
        return self.failed_at is not None and (self.sent_at is None or self.sent_at < self.failed_at)


def mail_record() -> MailRecord:
    """Return what is known."""
    found = cache.get_many([_SENT, _FAILED])
    failed_at, problem = found.get(_FAILED, (None, ""))
    return MailRecord(sent_at=found.get(_SENT), failed_at=failed_at, problem=problem)


def note_sent() -> None:
    """Record that the mail server accepted a mail."""
    cache.set(_SENT, timezone.now(), timeout=None)


def note_failed(error: Exception) -> None:
    """Record that no mail could be sent: the kind of the error alone, as its message may have an address."""
    cache.set(_FAILED, (timezone.now(), type(error).__name__), timeout=None)
