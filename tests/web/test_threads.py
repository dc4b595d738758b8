"""Work in threads: to its end, in its caller's language, and never all threads for a hanging gateway."""

import asyncio
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from django.utils import translation
from django.utils.translation import gettext

from gateway.django import get_gateway
from gateway.errors import GatewayUnavailable
from tests.sandbox_process import Sandbox
from tests.waiting import wait_until
from web import threads
from web.threads import gateway_call, in_thread

LONG_S = 30.0


def test_work_that_has_begun_ends_though_its_caller_was_cancelled(db: None) -> None:
    begun, goes_on, ended = threading.Event(), threading.Event(), threading.Event()

    def work() -> None:
        begun.set()
        assert goes_on.wait(LONG_S)
        ended.set()

    async def cancel() -> None:
        task = asyncio.create_task(in_thread(work))
        while not begun.is_set():
            await asyncio.sleep(0.001)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        goes_on.set()

    asyncio.run(cancel())
    assert ended.wait(LONG_S)


def test_work_runs_in_the_language_of_its_caller(db: None) -> None:
    async def ask(language: str) -> str:
        translation.activate(language)
        return await in_thread(gettext, "Name")

    async def both() -> list[str]:
        return [*await asyncio.gather(ask("fr"), ask("en"))]

    assert asyncio.run(both()) == ["Nom", "Name"]


def test_a_gateway_that_hangs_leaves_threads_for_others(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(threads, "_calls", threading.BoundedSemaphore(2))
    sandbox.faults("/health/liveliness", "hang_before", seconds=LONG_S, times=2)

    def ask() -> None:
        with pytest.raises(GatewayUnavailable):
            get_gateway().health.liveness()

    with ThreadPoolExecutor() as executor:
        waiting = [executor.submit(ask) for _ in range(2)]
        wait_until(lambda: sum(fault["hits"] for fault in sandbox.armed_faults()) == 2)
        with pytest.raises(GatewayUnavailable), gateway_call():
            pass
        assert not any(each.done() for each in waiting)
        for each in waiting:
            each.result(LONG_S)
    with gateway_call():
        pass
