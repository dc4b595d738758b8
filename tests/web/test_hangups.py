"""A browser that hangs up is noticed by a thread that nobody waits for."""

import os
import socket
import threading
from collections.abc import Iterator

import pytest
from django.http import HttpRequest

from web.hangups import Hangup, cut_all_short


@pytest.fixture
def pair() -> Iterator[tuple[socket.socket, socket.socket]]:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        yield ours, theirs


def request_on(connection: object) -> HttpRequest:
    request = HttpRequest()
    request.META["gunicorn.socket"] = connection
    return request


def test_calls_when_the_browser_goes(pair: tuple[socket.socket, socket.socket]) -> None:
    ours, theirs = pair
    called, hangup = threading.Event(), Hangup(request_on(ours))

    with hangup.calls(called.set):
        assert not hangup.gone
        theirs.close()
        assert called.wait(1)
    assert hangup.gone


def test_calls_for_one_that_went_before(pair: tuple[socket.socket, socket.socket]) -> None:
    ours, theirs = pair
    theirs.close()
    called, hangup = threading.Event(), Hangup(request_on(ours))

    with hangup.calls(called.set):
        assert called.wait(1)


def test_does_not_call_after_the_block(pair: tuple[socket.socket, socket.socket]) -> None:
    ours, theirs = pair
    called, other = threading.Event(), threading.Event()
    hangup = Hangup(request_on(ours))

    with hangup.calls(called.set):
        pass
    theirs.close()

    with Hangup(request_on(ours)).calls(other.set):  # the watcher has seen it by now
        assert other.wait(1)
    assert not called.is_set()
    assert not hangup.gone


def test_what_the_browser_sends_is_no_hangup(pair: tuple[socket.socket, socket.socket]) -> None:
    ours, theirs = pair
    called = threading.Event()

    with Hangup(request_on(ours)).calls(called.set):
        theirs.send(b"GET / HTTP/1.1")
        assert not called.wait(0.05)


def test_tells_many_apart() -> None:
    pairs = [socket.socketpair() for _ in range(20)]
    events = [threading.Event() for _ in pairs]
    blocks = [Hangup(request_on(ours)).calls(event.set) for (ours, _), event in zip(pairs, events, strict=True)]
    for block in blocks:
        block.__enter__()

    pairs[7][1].close()

    assert events[7].wait(1)
    assert [event.is_set() for event in events].count(True) == 1
    for block in blocks:
        block.__exit__(None, None, None)
    for ours, theirs in pairs:
        ours.close()
        theirs.close()


@pytest.mark.parametrize("connection", [None, "no socket"])
def test_does_without_a_socket(connection: object) -> None:
    hangup = Hangup(request_on(connection))

    with hangup.calls(lambda: pytest.fail("nobody can know")):
        pass
    assert not hangup.gone


def test_a_forked_process_watches_for_itself(pair: tuple[socket.socket, socket.socket]) -> None:
    ours, theirs = pair
    with Hangup(request_on(ours)).calls(lambda: None):
        pass  # the watcher of this process is there
    child = os.fork()
    if not child:
        called = threading.Event()
        theirs.close()
        with Hangup(request_on(ours)).calls(called.set):
            os._exit(0 if called.wait(2) else 1)
    theirs.close()
    assert os.waitpid(child, 0)[1] == 0


def test_a_process_that_ends_cuts_short_what_is_under_way_and_what_comes(
    pair: tuple[socket.socket, socket.socket],
) -> None:
    ours, _theirs = pair
    child = os.fork()
    if not child:
        called, late = threading.Event(), threading.Event()
        first, second = Hangup(request_on(ours)), Hangup(request_on(ours))
        with first.calls(called.set):
            cut_all_short()
        with second.calls(late.set):
            pass
        told = [called.is_set(), late.is_set(), first.cut_short, second.cut_short, not first.gone, not second.gone]
        os._exit(0 if all(told) else 1)
    assert os.waitpid(child, 0)[1] == 0
