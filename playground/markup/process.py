"""A rendering process: receives a text, renders it within its processor time, sends the HTML back.

It knows one connection and nothing else: no database, no cache, no settings, no secret.
"""

import ctypes
import resource
import signal
import sys
from multiprocessing.connection import Connection
from time import process_time
from typing import Final, NamedTuple

from playground.markup.answer import rendered
from playground.markup.frames import Frames
from playground.markup.limits import TooDear, cpu_limit, raise_when_spent
from playground.markup.pieces import TooMuch

READY: Final = b"ready"
PR_SET_PDEATHSIG: Final = 1  # Linux: the signal that this process gets when its parent dies
MOST_MEMORY_BYTES: Final = 2**30
KILLED_AFTER_S: Final = 0.1  # beyond the processor time of a text; the kernel counts in steps of some milliseconds


class Job(NamedTuple):
    """A text to render."""

    text: str
    frames: Frames
    mark: str


class Reply(NamedTuple):
    """The HTML, None if it is too expensive (`timed_out`) or too much, and the processor time that it took."""

    html: str | None
    cpu_s: float
    timed_out: bool = False

    def packed(self) -> bytes:
        """Return it as bytes, not as a pickle: the process reads hostile text."""
        kind = "timeout" if self.timed_out else "much" if self.html is None else "html"
        return f"{kind} {self.cpu_s:.6f} {self.html or ''}".encode(errors="surrogatepass")

    @classmethod
    def unpacked(cls, packed: bytes) -> "Reply":
        """Return the reply in these bytes; raise ValueError if they are invalid."""
        kind, cpu_s, html = packed.decode(errors="surrogatepass").split(" ", 2)
        return cls(html if kind == "html" else None, float(cpu_s), timed_out=kind == "timeout")


def serve(connection: Connection, cpu_s: float) -> None:
    """Render texts until the other side closes the connection; each has `cpu_s` of the processor."""
    _end_with_parent()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Control+C: the web process ends us
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    resource.setrlimit(resource.RLIMIT_AS, (MOST_MEMORY_BYTES, MOST_MEMORY_BYTES))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    raise_when_spent()
    try:
        connection.send_bytes(READY)
        while True:
            job = Job(*connection.recv())
            connection.send_bytes(reply_to(job, cpu_s).packed())
    except (EOFError, OSError):  # the web process has ended
        return


def reply_to(job: Job, cpu_s: float) -> Reply:
    """Render the job in at most `cpu_s` of the processor."""
    began = process_time()
    html, timed_out = None, False
    try:
        with cpu_limit(cpu_s, killed_after_s=cpu_s + KILLED_AFTER_S):
            html = rendered(job.text, job.frames, job.mark)
    except (TooMuch, RecursionError):
        pass
    except (TooDear, MemoryError):
        timed_out = True
    return Reply(html, process_time() - began, timed_out)


def _end_with_parent() -> None:
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
