"""Limits the processor time of a text, within a block too: timers interrupt even a regular expression.

A wall-clock timer calls us as soon as the processor time could be used up: if it is, `TooDear` is raised (Python's
regular expressions let signals through); otherwise it is set again, so a busy machine changes no result. A second
timer, of processor time in the kernel, ends the process somewhat later: for code that lets no signal through.
"""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from time import process_time
from types import FrameType

SHORTEST_S = 0.001  # zero would disarm the timer


class TooDear(BaseException):
    """The text's processor time is used up. Not an Exception, so that no library catches it."""


class _Limit:
    ends_at: float | None = None  # in process_time(); of this process, which renders one text at a time


def raise_when_spent() -> None:
    """Install the signal handlers in this process; its main thread calls this once."""
    signal.signal(signal.SIGALRM, _look)
    signal.signal(signal.SIGPROF, signal.SIG_DFL)  # ends the process


def _look(signum: int, frame: FrameType | None) -> None:
    if _Limit.ends_at is None:
        return
    if process_time() >= _Limit.ends_at:
        raise TooDear
    _set_timer()


def _set_timer() -> None:
    if _Limit.ends_at is not None:
        signal.setitimer(signal.ITIMER_REAL, max(_Limit.ends_at - process_time(), SHORTEST_S))


@contextmanager
def cpu_limit(seconds: float, *, killed_after_s: float) -> Iterator[None]:
    """Raise TooDear in this block after `seconds` of the processor; end the process after `killed_after_s`."""
    signal.setitimer(signal.ITIMER_PROF, killed_after_s)
    _Limit.ends_at = process_time() + seconds
    _set_timer()
    try:
        yield
    finally:
        _Limit.ends_at = None
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.setitimer(signal.ITIMER_PROF, 0)


class Share:
    """The share of a text's processor time for one kind of content, all pieces of it together."""

    def __init__(self, seconds: float) -> None:
        self.left_s = seconds

    @contextmanager
    def spend(self) -> Iterator[None]:
        """Raise TooDear in this block when the share, or the time of the whole text, is used up.

        Without a `cpu_limit` around it nothing is limited.
        """
        whole_ends_at = _Limit.ends_at
        if whole_ends_at is None:
            yield
            return
        if self.left_s <= 0:
            raise TooDear
        began = process_time()
        _Limit.ends_at = min(began + self.left_s, whole_ends_at)
        _set_timer()
        try:
            yield
        finally:
            _Limit.ends_at = whole_ends_at
            _set_timer()
            self.left_s -= process_time() - began
