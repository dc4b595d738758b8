"""A model's answer as a stream: an exchange with the gateway. `dialects` reads its bytes and decides when it ends."""

import asyncio
from collections.abc import Awaitable, Mapping
from contextlib import suppress
from types import TracebackType
from typing import Final, Self, TypeVar

import aiohttp

from gateway.async_failures import mapped_async
from gateway.async_transport import AsyncTransport
from gateway.dialects import AnswerReader, Deltas
from gateway.errors import GatewayError
from gateway.headers import headers_from
from gateway.inference_types import ChatDelta
from gateway.secret import Secret
from gateway.types import Headers

T = TypeVar("T")

JOIN_S: Final = 0.04  # between two reads: what arrives meanwhile waits in the kernel, and wakes up nobody
MAX_JOIN_S: Final = 0.5  # when the loop is late
LATENESS_FACTOR: Final = 10  # the next pause is so many times the delay of the loop: other tasks get their turn
DRAIN_S: Final = 1.0  # for the rest of a response after a complete answer, so that its connection can be reused


class ChatStream:
    """Reads deltas until the answer is complete; use it in `async with`, so that it is always closed.

    Nothing is sent before `start` or the first `read`. There refusals are raised as for a complete answer; later, amid
    the deltas, GatewayUnavailable or the provider's error. One task reads it, and its cancellation ends the model's
    work.
    """

    def __init__(
        self,
        transport: AsyncTransport,
        path: str,
        body: Mapping[str, object],
        *,
        secret: Secret,
        idle_timeout_s: float,
        deltas: Deltas,
        usage: bool = True,  # some providers refuse this option
    ) -> None:
        self.headers: Headers | None = None  # known once started; they have no cost here
        self._transport = transport
        self._path = path
        self._body = {**body, "stream": True, **({"stream_options": {"include_usage": True}} if usage else {})}
        self._secret = secret
        self._idle_timeout_s = idle_timeout_s
        self._reader = AnswerReader(deltas)
        self._response: aiohttp.ClientResponse | None = None
        self._failure: GatewayError | None = None  # that comes after what was read with it
        self._ended = False
        self._pause_s = 0.0  # before the next read

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ended = True
        if self._response is None:
            return
        try:
            if kind is None and self._reader.is_whole:
                await self._drain(self._response)
        finally:
            self._response.close()  # harmless at the end of the response: its connection has been released by then

    async def start(self) -> None:
        """Send the request and wait until the gateway begins to answer; after it `headers` are known."""
        if self._response or self._ended:
            return
        self._ended = True  # unless it begins: it is never tried again
        opening = self._transport.open(self._path, self._body, secret=self._secret)
        self._response = await mapped_async(self._in_time(opening))
        self.headers = headers_from(self._response.headers)
        self._ended = False

    async def read(self) -> list[ChatDelta]:
        """Return the deltas that have arrived since the last read, waiting for the first; none at the end."""
        await self.start()
        if self._failure:
            failure, self._failure = self._failure, None
            raise failure
        if self._ended or self._response is None:
            return []
        await self._pause(self._response)
        return await mapped_async(self._in_time(self._next_deltas(self._response)))

    async def _next_deltas(self, response: aiohttp.ClientResponse) -> list[ChatDelta]:
        """Return the deltas of the next bytes that have any; an error after them is kept for the next read."""
        found: list[ChatDelta] = []
        try:
            while not (found or self._ended):
                chunk = await response.content.readany()
                for delta in self._reader.read(chunk) if chunk else self._reader.end():
                    found.append(delta)  # noqa: PERF402  (what comes before an error counts)
                self._ended = self._reader.is_whole
        except GatewayError as failure:
            self._ended = True
            if not found:
                raise
            self._failure = failure
        except BaseException:
            self._ended = True
            raise
        return found

    async def _in_time(self, action: Awaitable[T]) -> T:
        """Wait for it no longer than the gateway may stay silent."""
        async with asyncio.timeout(self._idle_timeout_s):
            return await action

    async def _pause(self, response: aiohttp.ClientResponse) -> None:
        """Let the kernel collect what arrives; longer where the loop has much to do."""
        if self._pause_s and response.connection and (transport := response.connection.transport):
            transport.pause_reading()
            began = asyncio.get_running_loop().time()
            await asyncio.sleep(self._pause_s)
            late_s = asyncio.get_running_loop().time() - began - self._pause_s
            transport.resume_reading()
            self._pause_s = min(MAX_JOIN_S, max(JOIN_S, LATENESS_FACTOR * late_s))
        else:
            self._pause_s = JOIN_S

    async def _drain(self, response: aiohttp.ClientResponse) -> None:
        """Read the little that may follow the end of the answer."""
        with suppress(aiohttp.ClientError, TimeoutError):
            async with asyncio.timeout(DRAIN_S):
                while await response.content.readany():
                    pass
