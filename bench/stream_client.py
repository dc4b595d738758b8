"""The load: many POSTs from one process, each on a connection of its own, read as they come and understood afterwards.

It shares the cores with what it measures, so a piece that arrives costs it a time stamp and nothing more.
"""

import asyncio
import contextlib
import socket
import struct
import time
from collections.abc import Coroutine, Sequence
from dataclasses import dataclass
from typing import Any, Final, TypeVar, cast

import uvloop

from bench.stream_reading import Harm, Response, Side, harm_of, response_of

PATIENCE_S: Final = 60.0  # no stream of a bench takes as long
_RESET: Final = struct.pack("ii", 1, 0)  # linger: on, 0 s
_SMALL_BUFFER: Final = 2048  # bytes; the kernel's least
Result = TypeVar("Result")


@dataclass(frozen=True, slots=True, kw_only=True)
class Ask:
    """A POST ready to be sent, whose answer counts to `tokens`."""

    port: int
    request: bytes
    side: Side
    tokens: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """How one stream went; times from the moment before the connection is opened. None: no text came."""

    first_s: float | None
    total_s: float
    pause_s: float  # the longest between two arrivals after the first
    harm: Harm
    response: Response

    @property
    def ok(self) -> bool:
        """Whether the answer was let in and came to its end."""
        return self.response.status == 200 and self.response.whole


class Exchange(asyncio.Protocol):
    """One stream under way."""

    def __init__(self, ask: Ask, began: float) -> None:
        self._ask = ask
        self._began = began
        self._parts: list[bytes] = []
        self._first: float | None = None
        self._last = began
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
        """Note when it came."""
        now = time.perf_counter()
        self._parts.append(data)
        if self._first is not None:
            self._pause = max(self._pause, now - self._last)
        elif self._ask.side.first.search(b"".join(self._parts)):
            self._first = now
            self.begun.set_result(None)
        self._last = now

    def connection_lost(self, exc: Exception | None) -> None:
        """Be over."""
        for future in (self.begun, self.over):
            if not future.done():
                future.set_result(None)

    def vanish(self, *, reset: bool) -> None:
        """Go without a word: closed, or reset."""
        if self._transport and reset and not self._transport.is_closing():
            sock = self._transport.get_extra_info("socket")
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
        if self._transport:
            self._transport.abort()

    def told(self) -> Told:
        """Say how it went."""
        response = response_of(b"".join(self._parts))
        text = self._ask.side.text(response.body) if response.status == 200 else ""
        return Told(
            first_s=None if self._first is None else self._first - self._began,
            total_s=self._last - self._began,
            pause_s=self._pause,
            harm=harm_of(text, self._ask.tokens),
            response=response,
        )


async def begin(ask: Ask) -> Exchange:
    """Connect and send."""
    began = time.perf_counter()
    loop = asyncio.get_running_loop()
    _, exchange = await loop.create_connection(lambda: Exchange(ask, began), "127.0.0.1", ask.port)
    return exchange


async def run(ask: Ask) -> Exchange:
    """Let one stream go to its end, or to the end of patience."""
    exchange = await begin(ask)
    try:
        async with asyncio.timeout(PATIENCE_S):
            await exchange.over
    except TimeoutError:
        exchange.vanish(reset=True)
    return exchange


async def run_all(asks: Sequence[Ask], *, within_s: float) -> list[Told]:
    """Let all run at once, their starts spread evenly over so many seconds (0: in one instant)."""
    loop = asyncio.get_running_loop()
    start = loop.time()

    async def one(number: int, ask: Ask) -> Exchange:
        await asyncio.sleep(start + within_s * number / len(asks) - loop.time())
        return await run(ask)

    exchanges = await asyncio.gather(*(one(number, ask) for number, ask in enumerate(asks)))
    return [exchange.told() for exchange in exchanges]


async def vanish_midway(asks: Sequence[Ask], *, after_s: float) -> None:
    """Begin all, wait until each has shown text, then leave all: every other one by a reset."""
    exchanges = await asyncio.gather(*map(begin, asks))
    async with asyncio.timeout(PATIENCE_S):
        await asyncio.gather(*(exchange.begun for exchange in exchanges))
    await asyncio.sleep(after_s)
    for number, exchange in enumerate(exchanges):
        exchange.vanish(reset=bool(number % 2))


async def read_slowly(ask: Ask, *, bytes_a_second: int) -> int:
    """Take so few bytes of the answer until cancelled; return how many when it ended before."""
    loop = asyncio.get_running_loop()
    taken = 0
    with socket.socket() as sock:
        sock.setblocking(False)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _SMALL_BUFFER)
        await loop.sock_connect(sock, ("127.0.0.1", ask.port))
        await loop.sock_sendall(sock, ask.request)
        while data := await loop.sock_recv(sock, bytes_a_second):
            taken += len(data)
            await asyncio.sleep(1)
    return taken


async def fetch(port: int, request: bytes) -> tuple[Response, float]:
    """Return a whole answer and its seconds, connection included."""
    began = time.perf_counter()
    async with asyncio.timeout(PATIENCE_S):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(request)
        raw = await reader.read()
    writer.close()
    with contextlib.suppress(ConnectionError):
        await writer.wait_closed()
    return response_of(raw), time.perf_counter() - began


def on_fast_loop(work: Coroutine[Any, Any, Result]) -> Result:
    """Run it on the quickest loop there is."""
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(work)
