"""The rendering processes of a web process: two, so that quick texts never wait for expensive ones.

A regular expression holds the interpreter, and with it every thread of its process, so hostile text is rendered in
another one. The processes are forked from a fresh server process (`multiprocessing`'s): they have no socket,
no connection and no lock of ours. They end with the web process in any case, and a dead one is replaced.
"""

import logging
import multiprocessing
import threading
import time
from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future
from contextlib import contextmanager, suppress
from multiprocessing.context import ForkServerContext, ForkServerProcess
from signal import SIGKILL, SIGTERM
from typing import Final

from playground.markup.process import READY, Job, Reply, serve

logger = logging.getLogger(__name__)

FAST_CPU_S: Final = 0.04  # enough for nearly every answer
SLOW_CPU_S: Final = 0.25  # for slower texts; both together, and the work after them, are below half a second
START_TIMEOUT_S: Final = 20.0
FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.2, 60.0  # between two attempts to start a process
KILLED_BY_OTHERS: Final = (-SIGKILL, -SIGTERM)  # not caused by the text
NAME: Final = "rendering"  # of its processes and threads


class NotRendered(Exception):
    """No process was free in time, or it was killed: the text may be rendered another time."""


class ProcessKilled(NotRendered):
    """Somebody killed the process; the text is not the cause."""


class RenderingProcess:
    """One process and the connection to it; one thread at a time uses it."""

    def __init__(self, context: ForkServerContext, cpu_s: float) -> None:
        self._cpu_s = cpu_s
        self._connection, theirs = context.Pipe()
        self._process: ForkServerProcess = context.Process(target=serve, args=(theirs, cpu_s), name=NAME, daemon=True)
        try:
            self._process.start()
            if not self._connection.poll(START_TIMEOUT_S) or self._connection.recv_bytes() != READY:
                raise OSError("A rendering process does not come up.")
        except BaseException:
            self.end()
            raise
        finally:
            theirs.close()

    @property
    def is_alive(self) -> bool:
        """Whether it can be used again."""
        return not self._connection.closed

    def ask(self, job: Job, until: float) -> Reply:
        """Return its reply before `until` (monotonic); raise NotRendered if there is none, and end it then.

        If the text itself ended the process, the text is too expensive.
        """
        try:
            self._connection.send(job)
            if self._connection.poll(max(0.0, until - time.monotonic())):
                return Reply.unpacked(self._connection.recv_bytes())
        except (EOFError, OSError, ValueError):
            self._process.join(1)
            ended_by = self._process.exitcode
            self.end()
            if ended_by is None or ended_by in KILLED_BY_OTHERS:
                raise ProcessKilled from None
            return Reply(None, self._cpu_s, timed_out=True)
        self.end()
        raise NotRendered

    def end(self) -> None:
        """Kill the process, if it is alive."""
        self._connection.close()
        with suppress(AttributeError, AssertionError, OSError):  # it was never started
            self._process.kill()
            self._process.join(1)


class Lane:
    """A process for texts of up to so much processor time, in order of arrival.

    Text that is too expensive for the last lane is shown as written.
    """

    def __init__(self, context: ForkServerContext, cpu_s: float, *, is_last: bool) -> None:
        self.is_last = is_last
        self._context, self._cpu_s = context, cpu_s
        self._lock = threading.Lock()
        self._idle: RenderingProcess | None = None
        self._waiting: deque[Future[RenderingProcess]] = deque()
        self._cannot_start = False
        self._was_up = threading.Event()
        self._start()

    @property
    def has_started(self) -> bool:
        """Whether the first process is ready, or cannot be started."""
        return self._was_up.is_set()

    def wait_for_start(self) -> None:
        """Wait for the first process; that takes a second, once in the life of a web process."""
        self._was_up.wait(START_TIMEOUT_S)

    def render(self, job: Job, until: float, *, free_before: float | None = None) -> Reply:
        """Render the job, or raise NotRendered: at `until` (monotonic), or if no process is `free_before`."""
        with suppress(ProcessKilled), self._process_before(until if free_before is None else free_before) as process:
            return process.ask(job, until)
        with self._process_before(until) as process:
            return process.ask(job, until)

    @contextmanager
    def _process_before(self, until: float) -> Iterator[RenderingProcess]:
        process = self._take(until)
        try:
            yield process
        finally:
            if process.is_alive:
                self._give(process)
            else:
                self._start()

    def _take(self, until: float) -> RenderingProcess:
        with self._lock:
            if self._idle:
                process, self._idle = self._idle, None
                return process
            if self._cannot_start:
                raise NotRendered
            place: Future[RenderingProcess] = Future()
            self._waiting.append(place)
        with suppress(TimeoutError):
            return place.result(max(0.0, until - time.monotonic()))
        with self._lock:
            if place in self._waiting:
                self._waiting.remove(place)
                raise NotRendered
        return place.result()  # it was assigned at this very moment

    def _give(self, process: RenderingProcess) -> None:
        with self._lock:
            if self._waiting:
                self._waiting.popleft().set_result(process)
            else:
                self._idle = process

    def _start(self) -> None:
        threading.Thread(target=self._bring_up, name=NAME, daemon=True).start()

    def _bring_up(self) -> None:
        """Start a process; retry as long as that fails, without making anybody wait."""
        pause_s = FIRST_PAUSE_S
        while not _ending.is_set():
            try:
                process = RenderingProcess(self._context, self._cpu_s)
            except Exception:  # whatever the cause, nobody may wait for this process
                logger.exception("No rendering process could be started; answers are shown as they were written")
                self._refuse()
                time.sleep(pause_s)
                pause_s = min(2 * pause_s, LONGEST_PAUSE_S)
            else:
                self._cannot_start = False
                self._give(process)
                self._was_up.set()
                return

    def _refuse(self) -> None:
        self._was_up.set()
        with self._lock:
            self._cannot_start = True
            while self._waiting:
                self._waiting.popleft().set_exception(NotRendered())


class Pool:
    """Both lanes."""

    def __init__(self, context: ForkServerContext | None = None) -> None:
        context = context or multiprocessing.get_context("forkserver")  # main modules must have their `__main__` guard
        context.set_forkserver_preload(["playground.markup.preload"])
        self.fast = Lane(context, FAST_CPU_S, is_last=False)
        self.slow = Lane(context, SLOW_CPU_S, is_last=True)


_made: Final[list[Pool]] = []
_ending: Final = threading.Event()
_making: Final = threading.Lock()


def rendering_pool() -> Pool:
    """Return the pool of this process; the first call starts it without waiting."""
    with _making:
        if not _made:
            _made.append(Pool())
        return _made[0]


def end_rendering() -> None:
    """Kill the rendering processes; called when this process is about to end, which waits for all of them.

    A signal would not be enough: a process that has just started inherits an ignored signal.
    """
    _ending.set()
    for process in multiprocessing.active_children():
        if process.name == NAME:
            process.kill()
