"""The stream of an answer as OpenAI-compatible servers really send it: bytes in, deltas out. Knows nothing of sockets.

An answer is complete if the server says so: with [DONE], or with a finish reason for each choice and then a proper
end of the response. Any other end is an error.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from typing import Final

from gateway.errors import GatewayError, GatewayUnavailable, GatewayUnreadable
from gateway.inference_types import ChatDelta
from gateway.parsing import Fields, load, load_leniently, not_understood
from gateway.plain_events import plain_delta
from gateway.refusals import error_from
from gateway.sse import Event, SSEParser

Deltas = Callable[[Fields], Sequence[ChatDelta]]

TOO_LONG: Final = "event"  # the name under which a skipped event is reported
_ERROR: Final = b"error"
_DONE: Final = (b"[DONE]", b'"[DONE]"')


class AnswerReader:
    """Reads one answer. Errors that the server sends are raised after the deltas before them."""

    def __init__(self, deltas: Deltas) -> None:
        self.is_whole = False
        self._deltas = deltas
        self._parser = SSEParser()
        self._open: set[int] = set()  # choices that have begun and are not finished
        self._has_finished = False

    def read(self, chunk: bytes) -> Iterator[ChatDelta]:
        """Yield what the events add that end within this chunk; nothing is read past the end of the answer."""
        for event in self._parser.feed(chunk):
            yield from self._read(event)
            if self.is_whole:
                return

    def end(self) -> Iterator[ChatDelta]:
        """Yield what is left at a proper end of the response; raise GatewayUnavailable if the answer is incomplete."""
        rest = self._parser.rest()
        if _is_readable(rest):  # otherwise it was cut in the middle of an event
            yield from self._read(Event(rest))
        self.is_whole = self.is_whole or (self._has_finished and not self._open)
        if not self.is_whole:
            raise GatewayUnavailable("The answer was cut off before its end.")

    def _read(self, event: Event) -> Iterator[ChatDelta]:
        if event.is_too_long:
            yield ChatDelta(unshown=(TOO_LONG,))
        elif event.name != _ERROR and (delta := plain_delta(event.data)):
            self._note(delta)
            yield delta
        elif event.data.strip() in _DONE:
            self.is_whole = True
        else:
            for body in bodies_in(event.data):
                yield from self._deltas_of(body, event.name)

    def _deltas_of(self, body: Fields, name: bytes) -> Iterator[ChatDelta]:
        error = error_in(body, name)
        for delta in self._deltas(body) if "choices" in body or error is None else ():
            self._note(delta)
            yield delta
        if error:
            raise error

    def _note(self, delta: ChatDelta) -> None:
        if delta.finish_reason:
            self._has_finished = True
            self._open.discard(delta.index)
        elif not delta.usage:
            self._open.add(delta.index)


def bodies_in(data: bytes) -> Iterator[Fields]:
    """Yield the JSON objects in an event: one, or one a line where a server forgot the empty lines between events."""
    if not data.strip():
        return
    try:
        bodies = [load(data, "an event")]
    except GatewayUnreadable:
        lines = [line for line in data.split(b"\n") if line.strip() and line.strip() not in _DONE]
        bodies = [load_leniently(line, "an event") for line in lines]
    for body in bodies:
        if not isinstance(body, dict):
            raise not_understood("an event is no object")
        yield body


def _is_readable(data: bytes) -> bool:
    with suppress(GatewayUnreadable):
        return data.strip() in _DONE or bool([*bodies_in(data)])
    return False


def error_in(body: Fields, name: bytes = b"") -> GatewayError | None:
    """Return the error that an event carries, in any server's shape, with the status that was too late to be sent."""
    error = body.get("error") or _error_of_a_choice(body)
    if not error and (body.get("object") == "error" or name == _ERROR):
        error = body.get("detail") or body  # vLLM, llama.cpp: its fields are those of the event
    if not error and "choices" not in body:
        error = body.get("detail")  # FastAPI's
    if not error:
        return None
    fields = error if isinstance(error, dict) else {"message": error, "type": body.get("error_type")}  # TGI
    codes = (fields.get("code"), fields.get("status"), fields.get("status_code"), fields.get("http_status_code"))
    known = [str(code) for code in (*codes, body.get("code")) if str(code) in _STATUSES]
    return error_from(int(known[0]) if known else 500, {"error": fields})


_STATUSES: Final = frozenset(map(str, range(400, 600)))


def _error_of_a_choice(body: Fields) -> object:
    """Return OpenRouter's error within a choice, or our own text where a choice says only that it failed."""
    choices = body.get("choices")
    for choice in choices if isinstance(choices, list) else ():
        if isinstance(choice, Mapping) and choice.get("error"):
            return choice["error"]
        if isinstance(choice, Mapping) and choice.get("finish_reason") == "error":
            return "The model's server ended the answer with an error."
    return None
