"""A rendering process: receives a text, renders it within its processor time, sends the HTML back.

It knows one connection and nothing else: no database, no cache, no settings, no secret.
"""

import ctypes
import json
import resource
import signal
import sys
from multiprocessing.connection import Connection
from time import process_time
from typing import Final, NamedTuple

from playground.markup.answer import rendered_part
from playground.markup.frames import Frames
from playground.markup.growth import Progress, Restart
from playground.markup.limits import TooDear, cpu_limit, raise_when_spent
from playground.markup.pieces import TooMuch

READY: Final = b"ready"
PR_SET_PDEATHSIG: Final = 1  # Linux: the signal that this process gets when its parent dies
MOST_MEMORY_BYTES: Final = 2**30
KILLED_AFTER_S: Final = 0.1  # beyond the processor time of a text; the kernel counts in steps of some milliseconds


class Job(NamedTuple):
    """A text to render: a complete one, or a growing one from where its last part ended (`progress`)."""

    text: str
    frames: Frames
    mark: str
    progress: str = ""  # as JSON
    is_last: bool = True  # nothing follows


class Reply(NamedTuple):
    """The HTML, None if it is too expensive (`timed_out`) or too much, and the processor time that it took.

    Of a growing text it is the HTML of what is finished: `shown` characters.
    """

    html: str | None
    cpu_s: float = 0.0
    timed_out: bool = False
    restarts: bool = False  # the text is to be rendered from its beginning
    shown: int = 0
    progress: str | None = None  # for the next part; None: that begins at the beginning
    code: tuple[str, int] | None = None  # an open block of code: what follows its fence, where its text begins

    def packed(self) -> bytes:
        """Return it as bytes, not as a pickle: the process reads hostile text."""
        head = json.dumps([self.html is not None, *self[1:]])
        return f"{head}\n{self.html or ''}".encode(errors="surrogatepass")

    @classmethod
    def unpacked(cls, packed: bytes) -> "Reply":
        """Return the reply in these bytes; raise ValueError if they are invalid."""
        head, _, html = packed.decode(errors="surrogatepass").partition("\n")
        has_html, cpu_s, timed_out, restarts, shown, progress, code = json.loads(head)
        code = (str(code[0]), int(code[1])) if code else None
        return cls(html if has_html else None, float(cpu_s), timed_out, restarts, int(shown), progress, code)


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
    try:
        with cpu_limit(cpu_s, killed_after_s=cpu_s + KILLED_AFTER_S):
            reply = unlimited_reply_to(job)
    except (TooDear, MemoryError):
        reply = Reply(None, timed_out=True)
    return reply._replace(cpu_s=process_time() - began)


def unlimited_reply_to(job: Job) -> Reply:
    """Render the job, however long that takes."""
    try:
        progress = Progress.from_json(job.progress)
        part = rendered_part(job.text, job.frames, job.mark, progress, is_last=job.is_last)
    except Restart:
        return Reply(None, restarts=True)
    except (TooMuch, RecursionError):
        return Reply(None)
    after = part.progress.as_json() if part.progress else None
    return Reply(part.html, shown=part.shown, progress=after, code=part.code)


def _end_with_parent() -> None:
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
