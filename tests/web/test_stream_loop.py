"""One thread carries all streams, waits for none of them, and leaves to their own threads whatever is not flow."""

import socket
import struct
import threading
import time
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from typing import Self

import pytest
from django.http import HttpRequest

from tests.waiting import wait_until
from web.stream_loop import JOIN_S, BrowserGone, Outlet

WAIT_S = 10.0
TIMES = 5
MUCH = b"0123456789abcdef" * 2**20  # more than a connection holds
RESET = struct.pack("ii", 1, 0)  # linger: on, 0 s


class Stream:
    """What a test says on one side, and what its browser reads on the other; carried meanwhile."""

    def __init__(self, pool: ThreadPoolExecutor) -> None:
        self._pool = pool
        self._open = ExitStack()

    def __enter__(self) -> Self:
        self._here, self.says = (self._open.enter_context(end) for end in socket.socketpair())
        self._here.setblocking(False)
        with socket.create_server(("127.0.0.1", 0)) as server:
            self.browser = self._open.enter_context(socket.create_connection(server.getsockname()))
            self._ours = self._open.enter_context(server.accept()[0])
        self.browser.settimeout(WAIT_S)
        self.carried: Future[None] = self._pool.submit(Outlet(self._ours, chunked=True).carry, self)
        return self

    def __exit__(self, *_: object) -> None:
        self.says.close()
        self.browser.close()
        wait_until(self.carried.done)
        self._open.close()

    def fileno(self) -> int:
        return self._here.fileno()

    def take(self) -> tuple[bytes, bool]:
        try:
            said = self._here.recv(4096)
        except BlockingIOError:
            return b"", True
        if said == b"bad":
            raise ValueError("bad")
        return said, bool(said)

    def hears(self) -> bytes:
        """Return the next chunk of HTTP that the browser is sent."""
        head = b""
        while not head.endswith(b"\r\n"):
            head += self.browser.recv(1)
        body = b""
        while len(body) < int(head, 16) + 2:
            body += self.browser.recv(int(head, 16) + 2 - len(body))
        assert body.endswith(b"\r\n")
        return body[:-2]


@pytest.fixture
def pool() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor() as pool:
        yield pool


def test_carries_what_is_said_as_chunks_in_order(pool: ThreadPoolExecutor) -> None:
    with Stream(pool) as one, Stream(pool) as other:
        for stream, words in ((one, b"one"), (other, b"another"), (one, b"and on")):
            stream.says.sendall(words)
            assert stream.hears() == words
        assert not one.carried.done()
        one.says.close()
        one.carried.result(WAIT_S)
        other.says.sendall(b"still here")
        assert other.hears() == b"still here"


def test_sends_no_oftener_than_a_pause(pool: ThreadPoolExecutor) -> None:
    with Stream(pool) as stream:
        stream.says.sendall(b"first")
        assert stream.hears() == b"first"
        began = time.monotonic()
        for _ in range(TIMES):
            stream.says.sendall(b"word")
            assert stream.hears() == b"word"
        assert time.monotonic() - began > (TIMES - 1) * JOIN_S


def test_who_reads_slowly_keeps_nobody_waiting_and_misses_nothing(pool: ThreadPoolExecutor) -> None:
    with Stream(pool) as slow, Stream(pool) as quick:
        slow.take = lambda: (MUCH, True)  # type: ignore[method-assign]
        slow.says.sendall(b"now")
        for word in (b"some", b"rounds", b"later"):
            quick.says.sendall(word)
            assert quick.hears() == word
        assert not slow.carried.done()  # its own thread sends the rest, and waits for the browser
        assert slow.hears() == MUCH
        slow.carried.result(WAIT_S)


@pytest.mark.parametrize("reset", [False, True])
def test_a_browser_that_has_gone_is_told_to_its_own_thread(pool: ThreadPoolExecutor, reset: bool) -> None:
    with Stream(pool) as stream, Stream(pool) as other:
        if reset:
            stream.browser.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
        stream.browser.close()

        def says_on() -> bool:
            stream.says.sendall(b"anybody?")
            return stream.carried.done()

        wait_until(says_on)
        with pytest.raises(BrowserGone):
            stream.carried.result()
        other.says.sendall(b"me")
        assert other.hears() == b"me"


def test_an_error_is_raised_in_its_own_thread_and_others_go_on(pool: ThreadPoolExecutor) -> None:
    with Stream(pool) as stream, Stream(pool) as other:
        stream.says.sendall(b"bad")
        with pytest.raises(ValueError, match="bad"):
            stream.carried.result(WAIT_S)
        other.says.sendall(b"good")
        assert other.hears() == b"good"


def test_what_cannot_be_waited_for_is_an_error_of_its_own(pool: ThreadPoolExecutor) -> None:
    class Closed(Stream):
        def fileno(self) -> int:
            return -1

    with Closed(pool) as closed, Stream(pool) as other:
        with pytest.raises(ValueError, match="file descriptor"):
            closed.carried.result(WAIT_S)
        other.says.sendall(b"good")
        assert other.hears() == b"good"


def test_the_silent_wait_in_their_own_threads(pool: ThreadPoolExecutor) -> None:
    with Stream(pool) as silent, Stream(pool) as talking:

        def talks_on() -> bool:
            talking.says.sendall(b"word")
            assert talking.hears() == b"word"
            return silent.carried.done()

        wait_until(talks_on)
        silent.carried.result()
        assert not talking.carried.done()


@pytest.mark.parametrize(("protocol", "sent"), [("HTTP/1.0", b"word"), ("HTTP/1.1", b"4\r\nword\r\n")])
def test_writes_as_the_protocol_wants_it(protocol: str, sent: bytes) -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        outlet = Outlet.of(request_on(ours, protocol))
        assert outlet
        assert outlet.send(b"word") == b""
        assert theirs.recv(100) == sent


@pytest.mark.parametrize("protocol", ["HTTP/2.0", None])
def test_there_is_no_way_past_a_server_of_another_protocol(protocol: str | None) -> None:
    with socket.socket() as connection:
        assert Outlet.of(request_on(connection, protocol)) is None


@pytest.mark.parametrize("connection", [None, object()])
def test_there_is_no_way_past_a_server_that_hides_its_connection_or_encrypts_it(connection: object) -> None:
    assert Outlet.of(request_on(connection, "HTTP/1.1")) is None


def request_on(connection: object, protocol: str | None) -> HttpRequest:
    request = HttpRequest()
    request.META.update({"gunicorn.socket": connection, "SERVER_PROTOCOL": protocol})
    return request


def test_all_streams_have_one_thread(pool: ThreadPoolExecutor) -> None:
    with ExitStack() as stack:
        for stream in [stack.enter_context(Stream(pool)) for _ in range(5)]:
            stream.says.sendall(b"word")
            assert stream.hears() == b"word"
        assert [thread.name for thread in threading.enumerate()].count("streams") == 1
