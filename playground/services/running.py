"""The answers that this process makes: each a task on the event loop, which any number of pages can follow.

While tokens stream an answer holds a socket to the gateway and its text, and nothing else: no thread, no connection to
the database, no lock.
"""

import asyncio
import time
from collections.abc import AsyncGenerator, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final
from uuid import UUID

from django.conf import settings

from gateway.django import get_gateway
from gateway.errors import GatewayError
from gateway.inference_types import ChatRequest
from playground.models import Answer
from playground.services.buffer import AnswerBuffer
from playground.services.chat import Job
from playground.services.ending import Ending, settle
from web import metrics
from web.shutdown import leaving
from web.threads import in_thread

if TYPE_CHECKING:
    from gateway.stream import ChatStream

KEEP_ALIVE_S: Final = 10.0  # a proxy in front of us may close an idle connection
FIRST_READER_S: Final = 10.0  # for the page to open the stream
FOLLOWER_S: Final = 3.0  # a page that follows by the row writes a heartbeat this often (following.py)

State = Answer.State


@dataclass(frozen=True, slots=True)
class Delta:
    """The additions since the last update."""

    text: str
    reasoning: str
    count: int  # deltas so far, about as many as tokens
    after_s: float  # since the call began


@dataclass(frozen=True, slots=True)
class KeepAlive:
    """Nothing came for a while; the stream is still alive."""


@dataclass(frozen=True, slots=True)
class Done:
    """The answer has ended, and its end is recorded."""

    answer: Answer


Update = Delta | KeepAlive | Done

_runs: Final[dict[UUID, "Run"]] = {}


class Run:
    """One running answer. Everything here belongs to its event loop, except for `request_stop`."""

    def __init__(self, job: Job) -> None:
        self.job = job
        self.buffer = AnswerBuffer()
        self.is_over = False
        self.followed_at = 0.0  # POSIX time at which another process last followed it for a page
        self._ends_by = ""  # a state, if it is to end before the model has finished
        self._has_begun = False
        self._readers: set[asyncio.Event] = set()
        self._was_watched = False
        self._unwatched_since = time.monotonic()
        self._loop = asyncio.get_running_loop()
        self.task = self._loop.create_task(self._run(), name=f"answer {job.answer.pk}")

    def request_stop(self) -> None:
        """Stop it, from any thread."""
        with suppress(RuntimeError):  # the loop has ended
            self._loop.call_soon_threadsafe(self.stop)

    def stop(self) -> None:
        """End the model's work; the text so far is kept."""
        self._end_by(State.STOPPED)

    def interrupt(self) -> None:
        """End it because its process ends."""
        self._end_by(State.FAILED)

    def _end_by(self, state: str) -> None:
        if not self._ends_by:  # a second cancellation would interrupt the recording of the end
            self._ends_by = state
            if self._has_begun:
                self.task.cancel()

    async def updates(self) -> AsyncGenerator[Update]:
        """Yield the text so far, then additions, then the end; also if this process must end before."""
        text = reasoning = 0
        with self._reading() as news:
            while not self.is_over:
                news.clear()
                delta = self._delta(text, reasoning)
                if delta.text or delta.reasoning:
                    text, reasoning = text + len(delta.text), reasoning + len(delta.reasoning)
                    yield delta
                    continue
                try:
                    has_news = await _happens(news, KEEP_ALIVE_S)
                except asyncio.CancelledError:
                    if not leaving.is_set():
                        raise
                    self.interrupt()
                else:
                    if not has_news:
                        yield KeepAlive()
        if (delta := self._delta(text, reasoning)).text or delta.reasoning:
            yield delta
        yield Done(self.job.answer)

    def stop_unless_watched(self) -> None:
        """Stop it if no page has followed it for too long."""
        most_s = settings.PLAYGROUND_UNWATCHED_S if self._was_watched else FIRST_READER_S
        is_followed = time.time() - self.followed_at < max(most_s, FOLLOWER_S)
        if not (self._readers or is_followed or self.is_over) and time.monotonic() - self._unwatched_since >= most_s:
            self.stop()

    @contextmanager
    def _reading(self) -> Iterator[asyncio.Event]:
        news = asyncio.Event()
        self._readers.add(news)
        self._was_watched = True
        try:
            yield news
        finally:
            self._readers.discard(news)
            self._unwatched_since = time.monotonic()
            self.stop_unless_watched()

    def _delta(self, text: int, reasoning: int) -> Delta:
        first, after_s = self.buffer.first, time.monotonic() - self.buffer.began
        return Delta(first.text.since(text), first.reasoning.since(reasoning), self.buffer.count, after_s)

    async def _run(self) -> None:
        ending = Ending()
        metrics.STREAMS_RUNNING.inc()
        try:
            self._has_begun = True
            if not self._ends_by:
                await self._read_to_the_end(ending)
                ending.state, ending.answer_error = State.COMPLETE, None
        except GatewayError as error:
            ending.error = error
        except asyncio.CancelledError:
            pass
        finally:
            if self._ends_by == State.STOPPED and ending.state != State.COMPLETE:
                ending.state, ending.answer_error, ending.error = State.STOPPED, None, None
            with suppress(asyncio.CancelledError):  # the end is recorded anyway
                await asyncio.shield(in_thread(lambda: settle(self.job, self.buffer, ending)))
            self._count(ending)
            self.is_over = True
            self._tell_readers()

    def _count(self, ending: Ending) -> None:
        metrics.STREAMS_RUNNING.dec()
        metrics.STREAMS.labels(str(ending.state)).inc()
        metrics.STREAM_TOKENS.inc(self.buffer.count)
        if self.buffer.first_after_s is not None:
            metrics.FIRST_TOKEN_SECONDS.observe(self.buffer.first_after_s)

    async def _read_to_the_end(self, ending: Ending) -> None:
        async with _stream_of(self.job) as stream:
            await stream.start()
            ending.headers = stream.headers
            while deltas := await stream.read():
                for delta in deltas:
                    self.buffer.add(delta)
                self._tell_readers()

    def _tell_readers(self) -> None:
        for news in self._readers:
            news.set()


def start_run(job: Job) -> Run:
    """Start making the answer; it is in `runs_of` this loop until its end is recorded."""
    run = _runs[job.answer.pk] = Run(job)
    run.task.add_done_callback(lambda _: _runs.pop(job.answer.pk, None))
    return run


def running(answer_id: UUID) -> Run | None:
    """Return the run of an answer, if this process makes it."""
    return _runs.get(answer_id)


def runs_here() -> list[Run]:
    """Return the runs of the running loop."""
    loop = asyncio.get_running_loop()
    return [run for run in list(_runs.values()) if run.task.get_loop() is loop]


async def interrupt_all() -> None:
    """End all answers of this loop, as its process ends; return when their ends are recorded."""
    runs = runs_here()
    for run in runs:
        run.interrupt()
    await asyncio.gather(*(run.task for run in runs), return_exceptions=True)


async def _happens(news: asyncio.Event, within_s: float) -> bool:
    try:
        async with asyncio.timeout(within_s):
            return await news.wait()
    except TimeoutError:
        return False


def _stream_of(job: Job) -> "ChatStream":
    inference, idle_timeout_s = get_gateway().inference, settings.PLAYGROUND_IDLE_TIMEOUT_S
    if isinstance(job.body, ChatRequest):
        body = job.body
        return inference.stream_chat(secret=job.secret, body=body, idle_timeout_s=idle_timeout_s, usage=job.usage)
    return inference.stream_complete(secret=job.secret, body=job.body, idle_timeout_s=idle_timeout_s, usage=job.usage)
