"""An event loop in a thread of the test, which reads streams step by step.

What streams do in threads is done by the test's own thread while it waits for them: so they see its transaction.
"""

import asyncio
import queue
import threading
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from functools import cache
from typing import Any, TypeVar

from playground.services.autosave import last_round
from playground.services.running import interrupt_all, running, runs_here

T = TypeVar("T")


class _ByTheTest(ThreadPoolExecutor):
    """Keeps work for the thread that waits."""

    def __init__(self) -> None:
        super().__init__(1)
        self.work: queue.SimpleQueue[Callable[[], None]] = queue.SimpleQueue()

    def submit(self, fn: Callable[..., T], /, *args: Any, **kwargs: Any) -> "Future[T]":
        future: Future[T] = Future()

        def do() -> None:
            if not future.set_running_or_notify_cancel():
                return
            try:
                future.set_result(fn(*args, **kwargs))
            except BaseException as error:  # noqa: BLE001  (raised where it is waited for)
                future.set_exception(error)

        self.work.put(do)
        return future


class EventLoop:
    """The loop, and what is waited for in it."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._executor = _ByTheTest()
        self._loop.set_default_executor(self._executor)
        threading.Thread(target=self._loop.run_forever, name="event loop", daemon=True).start()

    def run(self, what: Coroutine[Any, Any, T]) -> T:
        """Do it in the loop, and meanwhile, here, what is to be done in threads."""
        future = asyncio.run_coroutine_threadsafe(what, self._loop)
        future.add_done_callback(lambda _: self._executor.work.put(lambda: None))
        while not future.done():
            self._executor.work.get()()
        with suppress(queue.Empty):
            while True:
                self._executor.work.get_nowait()()
        return future.result()

    def each(self, stream: AsyncIterator[T]) -> Iterator[T]:
        """Yield what the stream yields, each when it is asked for."""
        while found := self.run(_next(stream)):
            yield found[0]

    def disconnect(self, stream: AsyncIterator[object]) -> None:
        """Cancel what the stream waits for, as the server does when its reader has gone, until it ends."""
        self.run(_cancelled(stream))

    def end(self) -> None:
        """End answers that a test has begun and not read to the end."""
        self.run(_interrupted())

    def end_of(self, answer_id: Any) -> None:
        """Wait until an answer that this loop makes is written down."""
        if run := running(answer_id):
            self.run(_wait(run.task))


async def _next(stream: AsyncIterator[T]) -> tuple[T] | None:
    try:
        return (await anext(stream),)
    except StopAsyncIteration:
        await _last_round()
        return None


async def _cancelled(stream: AsyncIterator[object]) -> None:
    while True:
        reading = asyncio.ensure_future(anext(stream))
        await asyncio.sleep(0)
        reading.cancel()
        try:
            await reading
        except (asyncio.CancelledError, StopAsyncIteration):
            await _last_round()
            return


async def _wait(task: "asyncio.Task[None]") -> None:
    await asyncio.wait([task])
    await _last_round()


async def _last_round() -> None:
    """Leave nothing to be written to the test after this one."""
    await asyncio.sleep(0)  # an answer that has ended is no more among those under way
    if not runs_here():
        await last_round()


async def _interrupted() -> None:
    await interrupt_all()
    await _last_round()


@cache
def event_loop() -> EventLoop:
    """Return the one of this test process."""
    return EventLoop()
