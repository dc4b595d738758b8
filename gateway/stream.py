"""A model's answer as it comes: server-sent events in, deltas out, and an end that can be trusted.

An answer is whole only if the gateway says so with [DONE]; whatever else ends the stream is an error.
"""

import threading
import time
from collections.abc import Callable, Generator, Iterable, Mapping
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

Deltas = Callable[[reading.Fields], Iterable[ChatDelta]]


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
        usage: bool = True,  # some models' providers refuse to be asked for it
    ) -> None:
        self.headers: Headers | None = None  # known once started; streams do not tell their cost here
        self._transport = transport
        self._path = path
        self._body = {**body, "stream": True, **({"stream_options": {"include_usage": True}} if usage else {})}
        self._secret = secret
        self._silence_s = silence_s
        self._deltas = deltas
        self._lock = threading.Lock()
        self._interrupter = Interrupter()
        self._run = self._exchange()
        self._ahead: ChatDelta | None = None  # what more_within has found
        self._failure: GatewayError | None = None
        self._reads_next = False
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
        while (delta := self._ahead) is None:
            self._advance()
        self._ahead = None
        return delta

    def start(self) -> None:
        """Send the request and wait until the gateway begins to answer; after it `headers` are known."""
        if self.headers is None and not self._closed:
            self._advance()

    def more_within(self, seconds: float) -> bool:
        """Tell whether the next delta, or the end, can be had at once, waiting up to `seconds` for it.

        For after `start`, and for the thread that reads. Errors and the end are kept for it.
        """
        until = time.monotonic() + seconds
        try:
            while self._ahead is None:
                if not self._advance(until):
                    return False
        except StopIteration:
            return True
        except GatewayError as failure:
            self._failure = failure
        return True

    def close(self) -> None:
        """End the exchange, and with it the model's work; from any thread, again is harmless."""
        with self._lock:
            first, self._closed = not self._closed, True
            reading_now = self._busy
        if first and reading_now:
            self._interrupter.fire()  # the reader wakes up and cleans up: closing under its hands would break it
        elif first:
            self._run.close()

    def _advance(self, until: float | None = None) -> bool:
        """Go on by a step, which may bring a delta; without one, and False, if nothing comes `until` then.

        Raises StopIteration at the end and after close.
        """
        with self._lock:
            if self._closed:
                raise StopIteration
            self._busy = True
        try:
            return self._step(until)
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

    def _step(self, until: float | None) -> bool:
        if self._failure:
            failure, self._failure = self._failure, None
            raise failure
        if until is not None and self._reads_next and not self._interrupter.readable(until):
            return False
        self._ahead = next(self._run)
        self._reads_next = self._ahead is None
        return True

    def _exchange(self) -> Generator[ChatDelta | None]:
        """Yield the deltas, and None before each read that may wait; first when the answer begins."""
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
                if event is None:
                    yield None
                else:
                    yield from self._deltas(event)
        finally:
            self._interrupter.forget()
            response.close()


def _events(response: requests.Response) -> Generator[reading.Fields | None]:
    """Yield the parsed events up to [DONE], and None before each read but the first.

    Raises the error that is in one of them, or that there is no [DONE].
    """
    if not response.headers.get("Content-Type", "").startswith("text/event-stream"):
        raise reading.not_understood("it is not a stream")
    cut = _Cutter()
    while chunk := _read(response):
        for data in cut.events(chunk):
            if data == b"[DONE]":
                return
            event = _parsed(data)
            if event.get("error"):
                raise _error_in(event)
            yield event
        yield None
    raise GatewayUnavailable("The answer was cut off before its end.")


def _read(response: requests.Response) -> bytes:
    return mapped(lambda: response.raw.read1(READ_BYTES, decode_content=True))


def _parsed(data: bytes) -> reading.Fields:
    return reading.fields(reading.load(data, "an event"), "event")


def _error_in(event: reading.Fields) -> GatewayError:
    """Return the error that an event carries; its code, a text, is the status that came too late to be sent."""
    error = event["error"]
    code = str(error.get("code")) if isinstance(error, dict) else ""
    return error_from(int(code) if code in map(str, range(400, 600)) else 500, event)


class _Cutter:
    """Cuts events out of bytes, however the network cuts these. Comments and other fields are passed over."""

    def __init__(self) -> None:
        self._rest = b""  # of a line
        self._data: list[bytes] = []  # of an event

    def events(self, chunk: bytes) -> list[bytes]:
        """Return the data of each event that ends within this chunk."""
        *lines, self._rest = (self._rest + chunk).split(b"\n")
        if len(self._rest) > MAX_EVENT_BYTES:
            raise reading.not_understood("an event that does not end")
        found: list[bytes] = []
        for line in lines:
            if line.startswith(b"data:"):
                self._data.append(line[5:].removeprefix(b" ").removesuffix(b"\r"))
            elif self._data and line in (b"", b"\r"):
                found.append(b"\n".join(self._data))
                self._data = []
        return found
