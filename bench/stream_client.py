"""The load: many streams from one process, each on a connection of its own, read as they arrive and parsed afterwards.

It shares the cores with the measured server, so a chunk costs it a time stamp and nothing more.
"""

import asyncio
import bisect
import contextlib
import socket
import struct
import time
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass
from typing import Any, Final, TypeVar, cast

import uvloop

from bench.stream_reading import Corruption, Response, Side, corruption_of, response_of

PATIENCE_S: Final = 60.0  # no stream of a bench takes as long
_RESET: Final = struct.pack("ii", 1, 0)  # linger: on, 0 s
_MUCH: Final = 2**20  # bytes
_SMALL_BUFFER: Final = 2048  # bytes; the kernel's least
Result = TypeVar("Result")


@dataclass(frozen=True, slots=True, kw_only=True)
class Ask:
    """A POST ready to be sent, and the answer that it leads to, which counts to `tokens`."""

    port: int
    request: bytes
    side: Side
    tokens: int
    follow: Callable[[Response], bytes] | None = None  # the GET of the stream; None: the POST is answered by it


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamResult:
    """The result of one stream; times from the moment before the connection is opened. None: no text came."""

    first_s: float | None
    total_s: float
    pause_s: float  # the longest between two arrivals after the first
    corruption: Corruption
    response: Response
    received_bytes: int  # of the response, with its headers and the frames of its chunks
    tokens_in_window: int

    @property
    def ok(self) -> bool:
        """Whether the answer was accepted and complete."""
        return self.response.status == 200 and self.response.whole


class Window:
    """Two moments of a run, in seconds after its start, between which something else is counted."""

    def __init__(self, begin_s: float, end_s: float, counter: Callable[[], float]) -> None:
        self._seconds = (begin_s, end_s)
        self._counter = counter
        self.begin = self.end = self.counted = 0.0

    async def watch(self) -> None:
        """Count, from a start that is now."""
        start = time.perf_counter()
        await asyncio.sleep(self._seconds[0])
        before = self._counter()
        self.begin = time.perf_counter()
        await asyncio.sleep(start + self._seconds[1] - self.begin)
        self.counted = self._counter() - before
        self.end = time.perf_counter()


class Exchange(asyncio.Protocol):
    """One running stream: a POST, and if that does not stream itself, the GET that it leads to."""

    def __init__(self, ask: Ask, began: float) -> None:
        self._ask = ask
        self._began = began
        self._form: bytearray | None = bytearray() if ask.follow else None  # the response to the POST, while it arrives
        self._parts: list[bytes] = []
        self._times: list[float] = []
        self._first: float | None = None
        self._pause = 0.0
        self._transport: asyncio.Transport | None = None
        loop = asyncio.get_running_loop()
        self.begun: asyncio.Future[None] = loop.create_future()
        self.over: asyncio.Future[None] = loop.create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Send the request."""
        self._transport = cast("asyncio.Transport", transport)
        self._transport.write(self._ask.request)

    def data_received(self, data: bytes) -> None:
        """Record the time of arrival."""
        now = time.perf_counter()
        if self._form is not None:
            self._form += data
            self._follow(bytes(self._form))
            return
        if self._first is not None:
            self._pause = max(self._pause, now - self._times[-1])
        self._parts.append(data)
        self._times.append(now)
        if self._first is None and self._ask.side.first.search(b"".join(self._parts)):
            self._first = now
            self.begun.set_result(None)

    def _follow(self, form: bytes) -> None:
        """Open the stream once the response to the POST is complete; a failure is the result."""
        response = response_of(form)
        if not response.whole or not self._ask.follow or not self._transport:
            return
        self._form = None
        if response.status == 200:
            self._transport.write(self._ask.follow(response))
        else:
            self._parts.append(form)
            self._times.append(time.perf_counter())
            self._transport.close()

    def connection_lost(self, exc: Exception | None) -> None:
        """End."""
        for future in (self.begun, self.over):
            if not future.done():
                future.set_result(None)

    def vanish(self, *, reset: bool) -> None:
        """Disconnect abruptly: close, or reset."""
        if self._transport and reset and not self._transport.is_closing():
            sock = self._transport.get_extra_info("socket")
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
        if self._transport:
            self._transport.abort()

    def result(self, window: Window | None = None) -> StreamResult:
        """Return the result."""
        response = response_of(b"".join(self._parts))
        text = self._ask.side.text(response.body) if response.status == 200 else ""
        return StreamResult(
            first_s=None if self._first is None else self._first - self._began,
            total_s=(self._times[-1] if self._times else time.perf_counter()) - self._began,
            pause_s=self._pause,
            corruption=corruption_of(text, self._ask.tokens),
            response=response,
            received_bytes=sum(map(len, self._parts)),
            tokens_in_window=self._tokens_until(window.end) - self._tokens_until(window.begin) if window else 0,
        )

    def _tokens_until(self, moment: float) -> int:
        parts = self._parts[: bisect.bisect_right(self._times, moment)]
        return len(self._ask.side.text(response_of(b"".join(parts)).body).split())


async def begin(ask: Ask) -> Exchange:
    """Connect and send."""
    began = time.perf_counter()
    loop = asyncio.get_running_loop()
    _, exchange = await loop.create_connection(lambda: Exchange(ask, began), "127.0.0.1", ask.port)
    return exchange


async def run(ask: Ask) -> Exchange:
    """Run one stream to its end, or to the time-out."""
    exchange = await begin(ask)
    try:
        async with asyncio.timeout(PATIENCE_S):
            await exchange.over
    except TimeoutError:
        exchange.vanish(reset=True)
    return exchange


async def run_all(asks: Sequence[Ask], *, within_s: float, window: Window | None = None) -> list[StreamResult]:
    """Run all at once, with starts spread evenly over so many seconds (0: simultaneously)."""
    loop = asyncio.get_running_loop()
    start = loop.time()

    async def one(number: int, ask: Ask) -> Exchange:
        await asyncio.sleep(start + within_s * number / len(asks) - loop.time())
        return await run(ask)

    watching = asyncio.create_task(window.watch()) if window else None
    exchanges = await asyncio.gather(*(one(number, ask) for number, ask in enumerate(asks)))
    if watching:
        await watching
    return [exchange.result(window) for exchange in exchanges]


async def vanish_midway(asks: Sequence[Ask], *, after_s: float) -> None:
    """Start all, wait until each has shown text, then disconnect all: every other one by a reset."""
    exchanges = await asyncio.gather(*map(begin, asks))
    async with asyncio.timeout(PATIENCE_S):
        await asyncio.gather(*(exchange.begun for exchange in exchanges))
    await asyncio.sleep(after_s)
    for number, exchange in enumerate(exchanges):
        exchange.vanish(reset=bool(number % 2))


async def read_slowly(ask: Ask, *, bytes_a_second: int) -> int:
    """Read so few bytes of the answer until cancelled; return how many if it ended before."""
    loop = asyncio.get_running_loop()
    request = ask.follow((await fetch(ask.port, ask.request))[0]) if ask.follow else ask.request
    taken = 0
    with socket.socket() as sock:
        sock.setblocking(False)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _SMALL_BUFFER)
        await loop.sock_connect(sock, ("127.0.0.1", ask.port))
        await loop.sock_sendall(sock, request)
        while data := await loop.sock_recv(sock, bytes_a_second):
            taken += len(data)
            await asyncio.sleep(1)
    return taken


async def fetch(port: int, request: bytes) -> tuple[Response, float]:
    """Return a complete response and its seconds, connection included."""
    began = time.perf_counter()
    raw, response = b"", Response()
    async with asyncio.timeout(PATIENCE_S):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(request)
        while not response.whole and (part := await reader.read(_MUCH)):
            raw += part
            response = response_of(raw)
    seconds = time.perf_counter() - began
    writer.close()
    with contextlib.suppress(ConnectionError):
        await writer.wait_closed()
    return response, seconds


async def ask_once(ask: Ask) -> Response:
    """Return the complete answer of a stream."""
    return (await run(ask)).result().response


def on_fast_loop(work: Coroutine[Any, Any, Result]) -> Result:
    """Run it on the fastest event loop."""
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(work)
