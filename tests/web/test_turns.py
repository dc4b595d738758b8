"""A few requests compute at once, in the order of coming, and whoever waits for somebody else lets others in."""

import threading
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import pytest
from django.db import connection, transaction
from django.http import HttpResponse, StreamingHttpResponse
from django.test import RequestFactory
from pytest_django import Settings

from gateway.django import get_gateway
from gateway.errors import GatewayUnavailable
from tests.sandbox_process import Sandbox
from tests.waiting import wait_until
from web import turns
from web.turns import Line, aside, take_turns, turn

LONG_S = 30.0


@pytest.fixture
def threads(settings: Settings) -> Iterator[ThreadPoolExecutor]:
    """Let two compute at once, in as many threads as one likes."""
    settings.WEB_TURNS = 2
    turns._line.cache_clear()
    with ThreadPoolExecutor(max_workers=20) as executor:
        yield executor
    turns._line.cache_clear()


def waiting() -> int:
    return len(turns._line(2)._waiting)


def test_two_at_once_and_the_others_in_the_order_of_coming(threads: ThreadPoolExecutor) -> None:
    entered: list[int] = []
    leave = threading.Semaphore(0)

    def one(number: int) -> None:
        with turn(), turn():  # the second is the same
            entered.append(number)
            assert leave.acquire(timeout=LONG_S)

    done: list[Future[None]] = []
    for number in range(5):
        done.append(threads.submit(one, number))
        wait_until(lambda: len(entered) + waiting() == len(done))

    assert entered == [0, 1]
    for _ in range(3):
        there = len(entered)
        leave.release()
        wait_until(lambda: len(entered) > there)  # noqa: B023  (called at once)
    leave.release(2)
    for each in done:
        each.result(LONG_S)
    assert entered == [0, 1, 2, 3, 4]


def test_what_has_begun_goes_ahead() -> None:
    line = Line(1)
    order: list[str] = []
    assert line.take()

    def one(name: str, ahead: bool) -> None:
        assert line.take(ahead=ahead)
        order.append(name)
        line.give()

    with ThreadPoolExecutor() as executor:
        later = executor.submit(one, "new", False)
        wait_until(lambda: len(line._waiting) == 1)
        sooner = executor.submit(one, "begun", True)
        wait_until(lambda: len(line._waiting) == 2)
        line.give()
        for each in (sooner, later):
            each.result(LONG_S)

    assert order == ["begun", "new"]


def test_nobody_waits_for_ever_and_no_turn_is_made_of_it() -> None:
    line = Line(1, patience_s=0.01)

    assert [line.take() for _ in range(3)] == [True, False, False]
    line.give()
    assert [line.take() for _ in range(2)] == [True, False]


def test_who_waits_for_somebody_else_lets_others_in(threads: ThreadPoolExecutor) -> None:
    first, back = threading.Event(), threading.Event()

    def one() -> None:
        with turn():
            with aside():
                first.set()
                assert back.wait(LONG_S)
            assert turns._held.line

    held = [threads.submit(one) for _ in range(5)]  # more than there are turns
    assert first.wait(LONG_S)
    with turn():
        back.set()
    for each in held:
        each.result(LONG_S)
    assert turns._line(2)._free == 2


def test_a_transaction_keeps_its_turn(threads: ThreadPoolExecutor, db: None) -> None:
    with turn(), transaction.atomic(), aside():
        assert turns._held.line
        assert connection.connection is not None


def test_a_gateway_that_is_slow_stops_nobody_else(threads: ThreadPoolExecutor, sandbox: Sandbox) -> None:
    sandbox.faults("/health/liveliness", "hang_before", seconds=LONG_S, times=2)

    def ask() -> None:
        with turn(), pytest.raises(GatewayUnavailable):
            get_gateway().health.liveness()

    asked = [threads.submit(ask) for _ in range(2)]  # as many as there are turns
    wait_until(lambda: sum(fault["hits"] for fault in sandbox.armed_faults()) == 2)
    with turn():
        assert not any(each.done() for each in asked)
    for each in asked:
        each.result(LONG_S)


@pytest.mark.parametrize("kind", [HttpResponse, StreamingHttpResponse])
def test_a_response_is_made_with_a_turn(threads: ThreadPoolExecutor, kind: Any) -> None:
    seen: list[bool] = []

    def view(request: object) -> Any:
        seen.append(turns._held.line is not None)
        return kind([b""])

    take_turns(view)(RequestFactory().get("/"))

    assert seen == [True]
    assert turns._held.line is None
    assert turns._line(2)._free == 2
