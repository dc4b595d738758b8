"""The threads of a web process: a few for requests, a few for what streams write, and one for each download.

Views, middleware and the database are synchronous, and run here; the event loop only waits. Python runs one thread
at a time, so a few are as fast as hundreds, and each holds at most one connection to the database.
"""

import asyncio
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from typing import Final, ParamSpec, TypeVar

from asgiref.sync import sync_to_async
from django.conf import settings
from django.db import close_old_connections, connection

from gateway.errors import GatewayUnavailable
from web.patience import answers_within

P = ParamSpec("P")
T = TypeVar("T")
GATEWAY_PATIENCE_S: Final = 2.0  # to wait for a gateway that many threads call


class ThreadsBusy(Exception):
    """No thread was free in time."""


class Threads:
    """A limited number of threads, used in order of arrival; work shares language and other context with its caller."""

    def __init__(self, name: str, number: int) -> None:
        self._executor = ThreadPoolExecutor(number, thread_name_prefix=name)
        self._free = asyncio.Semaphore(number)

    async def run(self, work: Callable[[], T], *, patience_s: float) -> T:
        """Do the work in a thread; raise ThreadsBusy if none is free in time. A cancelled caller leaves the queue."""
        try:
            async with asyncio.timeout(patience_s):
                await self._free.acquire()
        except TimeoutError:
            raise ThreadsBusy from None
        release = partial(asyncio.get_running_loop().call_soon_threadsafe, self._free.release)
        return await sync_to_async(_then, thread_sensitive=False, executor=self._executor)(work, release)


def _then(work: Callable[[], T], release: Callable[[], object]) -> T:
    try:
        return work()
    finally:
        release()


async def in_thread(work: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> T:
    """Do synchronous and short work for a stream: a few lines in the database, mostly.

    In the caller's language, and to its end even if the caller is cancelled meanwhile. The connection is released.
    The loop's default executor does it: a few threads.
    """
    do = sync_to_async(partial(_with_database, work), thread_sensitive=False)
    return await asyncio.shield(asyncio.ensure_future(do(*args, **kwargs)))


def _with_database(work: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> T:
    release_connection()
    try:
        with answers_within(settings.DATABASE_ANSWER_TIMEOUT_S):
            return work(*args, **kwargs)
    finally:
        release_connection()


def release_connection() -> None:
    """Release this thread's connection to the database; not within a test's transaction."""
    if not connection.in_atomic_block:
        close_old_connections()


_calls: Final = threading.BoundedSemaphore(max(1, settings.WEB_THREADS // 2))


@contextmanager
def gateway_call() -> Iterator[None]:
    """Wait for the gateway in this block, with at most half of the threads: others must remain if it hangs."""
    if not _calls.acquire(timeout=GATEWAY_PATIENCE_S):
        raise GatewayUnavailable("too many requests wait for the gateway")
    try:
        yield
    finally:
        _calls.release()
