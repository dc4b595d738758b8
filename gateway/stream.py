"""A model's answer as it comes: an exchange with the gateway, over when `dialects`, which reads its bytes, says so."""

import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from types import TracebackType
from typing import Self

import requests

from gateway import reading
from gateway.dialects import AnswerReader, Deltas
from gateway.errors import GatewayError
from gateway.failures import mapped
from gateway.headers import headers_from
from gateway.inference_types import ChatDelta
from gateway.pool import Interrupter, interruptible
from gateway.secret import Secret
from gateway.transport import READ_BYTES, Transport
from gateway.types import Headers


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
        self._lock = threading.Lock()
        self._interrupter = Interrupter()
        self._response: requests.Response | None = None
        self._reader = AnswerReader(deltas)
        self._ready: deque[ChatDelta] = deque()
        self._failure: GatewayError | None = None  # that comes after what is ready
        self._ended = False
        self._busy = False
        self._unwaited = False
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
        while not self._ready:
            self._advance()
        if self._closed:
            raise StopIteration
        return self._ready.popleft()

    def start(self) -> None:
        """Send the request and wait until the gateway begins to answer; after it `headers` are known."""
        if self.headers is None and not self._closed:
            self._advance()

    def more_within(self, seconds: float) -> bool:
        """Tell whether the next delta, or the end, can be had at once, waiting up to `seconds` for it.

        For after `start`, and for the thread that reads. An error is an end too: it is kept for who reads on.
        """
        until = time.monotonic() + seconds
        with suppress(StopIteration):
            while not (self._ready or self._ended):
                if not self._advance(until):
                    return False
        return True

    def at_hand(self) -> list[ChatDelta]:
        """Return all deltas that `more_within` found; none where it found the end, or an error, which `next` raises."""
        found = [] if self._closed else [*self._ready]
        self._ready.clear()
        return found

    @contextmanager
    def unwaited(self) -> Iterator[int | None]:
        """Let another thread, which must not wait, read with `now` in this block, whenever the descriptor is readable.

        None where there is nothing to read from. Whoever closes the stream meanwhile makes the descriptor readable.
        """
        with self._interrupter.unwaited() as descriptor:
            with self._lock:
                self._unwaited = descriptor is not None and not self._closed
            try:
                yield descriptor if self._unwaited else None
            finally:
                with self._lock:
                    self._unwaited = False

    def now(self) -> list[ChatDelta] | None:
        """Return the deltas that have come, without waiting; None where reading on as usual tells what has come."""
        with self._lock:
            if self._closed or self._ended:
                return None
            self._busy = True
        try:
            chunk = self._interrupter.take()
            if chunk is None:
                return None
            if chunk:
                self._keep(lambda: chunk)
            return self.at_hand()
        finally:
            with self._lock:
                self._busy = False

    @property
    def is_read(self) -> bool:
        """Whether the gateway has nothing more to say."""
        return self._ended

    def close(self) -> None:
        """End the exchange, and with it the model's work; from any thread, again is harmless."""
        with self._lock:
            self._closed = True
            is_in_use = self._busy or self._unwaited
        if is_in_use:
            self._interrupter.fire()  # the reader wakes up and cleans up: closing under its hands would break it
        else:
            self._hang_up()

    def _advance(self, until: float | None = None) -> bool:
        """Begin, or read on once; False if there is nothing to read `until` then.

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
                self._hang_up()

    def _step(self, until: float | None) -> bool:
        if self._failure:
            failure, self._failure = self._failure, None
            raise failure
        if self._ended:
            raise StopIteration
        if self._response is None:
            self._begin()
        elif until is None or self._interrupter.readable(until):
            self._read(self._response)
        else:
            return False
        return True

    def _begin(self) -> None:
        self._ended = True  # unless it begins: it is never tried again
        with interruptible(self._interrupter):
            self._response = self._transport.open(
                "POST",
                self._path,
                body=self._body,
                secret=self._secret,
                read_timeout_s=self._silence_s,
                headers={"Accept": "text/event-stream", "Accept-Encoding": "identity"},
            )
        if not self._response.headers.get("Content-Type", "").lower().startswith("text/event-stream"):
            error = reading.not_understood("it is not a stream")
            error.headers = headers_from(self._response.headers)
            self._hang_up()
            raise error
        self.headers = headers_from(self._response.headers)
        self._ended = False

    def _read(self, response: requests.Response) -> None:
        """Read what is there, or wait for something."""
        self._keep(lambda: mapped(lambda: response.raw.read1(READ_BYTES, decode_content=True)))

    def _keep(self, read: Callable[[], bytes]) -> None:
        """Keep the deltas of what is read, and the error that may come after them."""
        try:
            self._ended = self._take(read())
        except GatewayError as failure:
            self._failure, self._ended = failure, True
        if self._ended:
            self._hang_up()

    def _take(self, chunk: bytes) -> bool:
        """Keep the deltas of a chunk; True if it holds the end of the answer."""
        for delta in self._reader.read(chunk) if chunk else self._reader.end():
            self._ready.append(delta)
        return self._reader.is_whole

    def _hang_up(self) -> None:
        self._interrupter.forget()
        if self._response is not None:
            self._response.close()
