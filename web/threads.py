"""The threads of a web process: a few answer requests, a few write what streams leave, and one each carries a download.

Views, middleware and the database are synchronous, and run here; the event loop only waits. Python lets one thread run
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
GATEWAY_PATIENCE_S: Final = 2.0  # to be let through to a gateway that many wait for


class ThreadsBusy(Exception):
    """No thread was free in time."""


class Threads:
    """So many threads, taken in the order of coming; what they do shares language and other context with who waits."""

    def __init__(self, name: str, number: int) -> None:
        self._executor = ThreadPoolExecutor(number, thread_name_prefix=name)
        self._free = asyncio.Semaphore(number)

    async def run(self, work: Callable[[], T], *, patience_s: float) -> T:
        """Do the work in a thread; raise ThreadsBusy where none is free in time. Who is cancelled leaves the line."""
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
    """Do what is synchronous and short for something that streams: a few lines in the database, mostly.

    In the caller's language, and to its end though the caller be cancelled meanwhile. The connection is given back.
    It is the loop's default executor that does it: a few threads.
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
    """Give back this thread's connection to the database; not where a test holds a transaction around everything."""
    if not connection.in_atomic_block:
        close_old_connections()


_calls: Final = threading.BoundedSemaphore(max(1, settings.WEB_THREADS // 2))


@contextmanager
def gateway_call() -> Iterator[None]:
    """Wait for the gateway in this block, with at most half of the threads: one that hangs must not stop all pages."""
    if not _calls.acquire(timeout=GATEWAY_PATIENCE_S):
        raise GatewayUnavailable("too many requests wait for the gateway")
    try:
        yield
    finally:
        _calls.release()
