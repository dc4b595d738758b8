"""Streamed answers, word by word."""

import asyncio
import json
from collections.abc import Callable, Iterator, Sequence

from starlette.types import Receive, Scope, Send

from sandbox.answers import Answer
from sandbox.connections import Connections, Ending
from sandbox.wire import until_gone

_DONE = b"data: [DONE]\n\n"
_BREAKS = {
    "cut": "Response payload is not completed",
    "sse-error": "provider failed inside the stream",
}


def event(content: object) -> bytes:
    """Format one server-sent event."""
    return b"data: " + json.dumps(content, separators=(",", ":")).encode() + b"\n\n"


def number_of(index: int) -> str:
    """Return the fields that distinguish further choices."""
    return f"({index + 1}) " if index else ""


class Chunks:
    """Formats the chunks of one choice; the head is encoded once, so that a word costs little."""

    def __init__(self, *, head: dict[str, object], chat: bool, index: int = 0) -> None:
        self._head = head
        self._chat = chat
        self._index = index
        start = json.dumps(head, separators=(",", ":")).encode()[:-1]
        self._before = b"data: " + start + b',"choices":[{"index":%d,' % index
        self._after = b"}]}\n\n"

    def word(self, text: str) -> bytes:
        """Format one word of the answer."""
        quoted = json.dumps(text).encode()
        if self._chat:
            return self._before + b'"delta":{"content":' + quoted + b"}" + self._after
        return self._before + b'"text":' + quoted + self._after

    def delta(self, content: object, **more: object) -> bytes:
        """Format any other chunk of a chat."""
        return event({**self._head, "choices": [{"index": self._index, "delta": content, **more}]})

    def first(self) -> bytes:
        """Format the first chunk of the stream."""
        text = number_of(self._index)
        return self.delta({"role": "assistant", "content": text}) if self._chat else self.word(text)

    def last(self, finish: str) -> bytes:
        """Format the finish reason."""
        if self._chat:
            return self.delta({}, finish_reason=finish)
        return event({**self._head, "choices": [{"finish_reason": finish, "index": self._index}]})

    def usage(self, usage: object) -> bytes:
        """Format the usage chunk, which is sent on request only."""
        choice = {"index": 0, "delta": {}} if self._chat else {"index": 0}
        return event({**self._head, "choices": [choice], "usage": usage})


def _failure(word: str) -> bytes:
    if word == "budget":
        message = "Budget has been exceeded! Key=key (sk-...) Current cost: 1e-05, Max budget: 1e-05"
        return event({"error": {"message": message, "type": "budget_exceeded", "param": None, "code": "422"}})
    message = f"litellm.APIConnectionError: APIConnectionError: OpenAIException - {_BREAKS[word]}"
    return event({"error": {"message": message, "type": None, "param": None, "code": "500"}})


def spell(answer: Answer, choices: Sequence[Chunks], usage: object | None) -> Iterator[tuple[bytes, int]]:
    """Yield each chunk and its number of tokens; the choices alternate."""
    first = choices[0]
    for chunks in choices:
        yield chunks.first(), 0
    for thought in answer.thoughts:
        yield first.delta({"reasoning_content": thought}), 1
    if answer.tool_call is not None:
        yield first.delta({"tool_calls": [{"index": 0, **answer.tool_call}]}), 0
    half = len(answer.words) // 2 if answer.breaks else None
    for index, word in enumerate(answer.words):
        if index == half:
            yield _failure(str(answer.breaks)), 0
            return
        for chunks in choices:
            yield chunks.word(word), 1
    for chunks in choices:
        yield chunks.last(answer.finish), 0
    if usage is not None:
        yield first.usage(usage), 0
    yield _DONE, 0


class WordByWord:
    """The streaming response; calls `settle` with the tokens sent when it ends, however it ends."""

    def __init__(
        self,
        parts: Iterator[tuple[bytes, int]],
        *,
        pace_s: float,
        headers: dict[str, str],
        connections: Connections,
        token: str | None,
        settle: Callable[[int], None],
    ) -> None:
        self._parts = parts
        self._pace_s = pace_s
        self._headers = [(name.encode(), value.encode()) for name, value in headers.items()]
        self._connections = connections
        self._token = token
        self._settle = settle
        self._tokens = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send the answer."""
        stream = self._connections.start(scope["path"], self._token)
        gone = asyncio.create_task(until_gone(receive))
        ending: Ending = "cut"
        try:
            await send({"type": "http.response.start", "status": 200, "headers": self._headers})
            for chunk, tokens in self._parts:
                if tokens:
                    await asyncio.sleep(self._pace_s)
                if gone.done():
                    ending = "closed_by_client"
                    return
                await send({"type": "http.response.body", "body": chunk, "more_body": True})
                self._tokens += tokens
                stream.chunks += 1
            await send({"type": "http.response.body", "body": b"", "more_body": False})
            ending = "closed_by_client" if gone.done() else "finished"
        finally:
            gone.cancel()
            self._connections.end(stream, ending)
            self._settle(self._tokens)
