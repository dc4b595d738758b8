"""A model's answer as it comes: server-sent events in, deltas out, and an end that can be trusted.

An answer is whole only if the gateway says so with [DONE]; whatever else ends the stream is an error.
"""

import threading
from collections.abc import Callable, Generator, Iterator, Mapping
from types import TracebackType
from typing import Final, Self

import requests

from gateway import reading
from gateway.errors import GatewayError, GatewayUnavailable
from gateway.failures import mapped
from gateway.headers import headers_from
from gateway.inference_types import ChatDelta
from gateway.pool import Interrupter, interruptible
from gateway.refusals import error_from
from gateway.secret import Secret
from gateway.transport import READ_BYTES, Transport
from gateway.types import Headers

MAX_EVENT_BYTES: Final = 4 * 2**20  # of an event; real ones have some hundred

Deltas = Callable[[reading.Fields], Iterator[ChatDelta]]


class ChatStream:
    """Yields deltas until the answer is whole; use it in `with`, so that it is closed at every end.

    Nothing is sent before `start` or the first delta is asked for. Then refusals are raised as for a whole answer;
    after, in the midst of the deltas, GatewayUnavailable or what the provider did to the gateway. `close` may be called
    from any thread: a reader that waits for the gateway then ends, without an error. One thread reads at a time.
    """

    def __init__(
        self,
        transport: Transport,
        path: str,
        body: Mapping[str, object],
        *,
        secret: Secret,
        silence_s: float,
        deltas: Deltas,
    ) -> None:
        self.headers: Headers | None = None  # known once started; streams do not tell their cost here
        self._transport = transport
        self._path = path
        self._body = {**body, "stream": True, "stream_options": {"include_usage": True}}
        self._secret = secret
        self._silence_s = silence_s
        self._deltas = deltas
        self._lock = threading.Lock()
        self._interrupter = Interrupter()
        self._run = self._exchange()
        self._busy = False
        self._closed = False

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> ChatDelta:
        while (delta := self._advance()) is None:
            continue  # it has only started
        return delta

    def start(self) -> None:
        """Send the request and wait until the gateway begins to answer; after it `headers` are known."""
        if self.headers is None and not self._closed:
            self._advance()

    def close(self) -> None:
        """End the exchange, and with it the model's work; from any thread, again is harmless."""
        with self._lock:
            first, self._closed = not self._closed, True
            reading_now = self._busy
        if first and reading_now:
            self._interrupter.fire()  # the reader wakes up and cleans up: closing under its hands would break it
        elif first:
            self._run.close()

    def _advance(self) -> ChatDelta | None:
        """Return the next delta, or None for the start. Raises StopIteration at the end and after close."""
        with self._lock:
            if self._closed:
                raise StopIteration
            self._busy = True
        try:
            return next(self._run)
        except GatewayError:
            if self._closed:  # what broke is what close() has cut
                raise StopIteration from None
            raise
        finally:
            with self._lock:
                self._busy = False
                closed = self._closed
            if closed:
                self._run.close()

    def _exchange(self) -> Generator[ChatDelta | None]:
        """Yield None when the answer begins, then its deltas."""
        with interruptible(self._interrupter):
            response = self._transport.open(
                "POST",
                self._path,
                body=self._body,
                secret=self._secret,
                read_timeout_s=self._silence_s,
                headers={"Accept": "text/event-stream", "Accept-Encoding": "identity"},
            )
        try:
            self.headers = headers_from(response.headers)
            yield None
            for event in _events(response):
                yield from self._deltas(event)
        finally:
            self._interrupter.forget()
            response.close()


def _events(response: requests.Response) -> Iterator[reading.Fields]:
    """Yield the parsed events up to [DONE]; raise the error that is in one of them, or that there is no [DONE]."""
    if not response.headers.get("Content-Type", "").startswith("text/event-stream"):
        raise reading.not_understood("it is not a stream")
    for data in _data(response):
        if data == b"[DONE]":
            return
        event = _parsed(data)
        if event.get("error"):
            raise _error_in(event)
        yield event
    raise GatewayUnavailable("The answer was cut off before its end.")


def _parsed(data: bytes) -> reading.Fields:
    return reading.fields(reading.load(data, "an event"), "event")


def _error_in(event: reading.Fields) -> GatewayError:
    """Return the error that an event carries; its code, a text, is the status that came too late to be sent."""
    error = event["error"]
    code = str(error.get("code")) if isinstance(error, dict) else ""
    return error_from(int(code) if code in map(str, range(400, 600)) else 500, event)


def _data(response: requests.Response) -> Iterator[bytes]:
    """Yield the data of each event. Comments and other fields are passed over; an event without its end is none."""
    data: list[bytes] = []
    for line in _lines(response):
        if line.startswith(b"data:"):
            data.append(line.removeprefix(b"data:").removeprefix(b" "))
        elif not line and data:
            yield b"\n".join(data)
            data = []


def _lines(response: requests.Response) -> Iterator[bytes]:
    """Yield lines as they come, however the network cuts them."""
    rest = b""
    while True:
        chunk: bytes = mapped(lambda: response.raw.read1(READ_BYTES, decode_content=True))
        if not chunk:
            return
        *lines, rest = (rest + chunk).split(b"\n")
        if len(rest) > MAX_EVENT_BYTES:
            raise reading.not_understood("an event that does not end")
        yield from (line.removesuffix(b"\r") for line in lines)
