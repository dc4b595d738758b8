"""An answer in progress: deltas in, text out. Knows nothing of databases or pages."""

import io
import time
from dataclasses import asdict, dataclass, field
from typing import Final

from gateway.inference_types import ChatDelta, Source, TokenUsage, ToolCall

MOST_PICTURE_CHARS: Final = 48 * 2**20  # of the data URLs of one choice, during the stream
MOST_SOURCES, MOST_NAMES = 100, 20


class GrowingText:
    """A text that grows at its end, and that many readers read from where they are."""

    def __init__(self) -> None:
        self._buffer = io.StringIO()
        self.size = 0  # characters

    def add(self, text: str) -> None:
        """Append text."""
        self._buffer.seek(self.size)
        self.size += self._buffer.write(text)

    def since(self, position: int) -> str:
        """Return the text after so many characters."""
        self._buffer.seek(position)
        return self._buffer.read()

    def __str__(self) -> str:
        return self._buffer.getvalue()


@dataclass(slots=True)
class Choice:
    """One choice; a request with n > 1 has several."""

    text: GrowingText = field(default_factory=GrowingText)
    reasoning: GrowingText = field(default_factory=GrowingText)
    tool_calls: dict[int, dict[str, str]] = field(default_factory=dict)
    finish_reason: str = ""
    pictures: list[str] = field(default_factory=list)  # data URLs
    sources: list[Source] = field(default_factory=list)
    unshown: list[str] = field(default_factory=list)

    def as_json(self) -> dict[str, object]:
        """Return the choice as `Answer.others` stores it."""
        return {
            "text": str(self.text),
            "reasoning": str(self.reasoning),
            "tool_calls": self.called(),
            "finish_reason": self.finish_reason,
            **self.extras(),
        }

    def extras(self) -> dict[str, object]:
        """Return content other than text and tool calls as `Answer.extras` stores it; pictures are added by id."""
        found = {"sources": [asdict(source) for source in self.sources], "unshown": [*self.unshown]}
        return {name: value for name, value in found.items() if value}

    def add_extras(self, delta: ChatDelta) -> bool:
        """Add other content than text and tool calls; True if it includes a picture."""
        before = len(self.pictures)
        for url in delta.pictures:
            if url not in self.pictures:
                has_room = sum(map(len, self.pictures)) + len(url) <= MOST_PICTURE_CHARS
                (self.pictures if has_room else self.unshown).append(url if has_room else "image size")
        for source in delta.sources:
            if source not in self.sources and len(self.sources) < MOST_SOURCES:
                self.sources.append(source)
        for name in map(storable, delta.unshown):
            if name not in self.unshown and len(self.unshown) < MOST_NAMES:
                self.unshown.append(name)
        return len(self.pictures) > before

    def called(self) -> list[dict[str, str]]:
        """Return the tool calls in the model's order."""
        return [self.tool_calls[index] for index in sorted(self.tool_calls)]


class AnswerBuffer:
    """All content received so far; for one event loop, and for a thread once the stream has ended."""

    def __init__(self) -> None:
        self.began = time.monotonic()
        self.first_after_s: float | None = None
        self.count = 0  # deltas: about as many as tokens
        self.usage: TokenUsage | None = None
        self.choices: dict[int, Choice] = {0: Choice()}

    def add(self, delta: ChatDelta) -> None:
        """Add a delta."""
        if delta.usage is not None:
            self.usage = self.usage.updated(delta.usage) if self.usage else delta.usage
        choice = self.choices.get(delta.index)
        if choice is None:
            choice = self.choices[delta.index] = Choice()
        if delta.text:
            choice.text.add(storable(delta.text))
        if delta.reasoning:
            choice.reasoning.add(storable(delta.reasoning))
        for call in delta.tool_calls:
            _join(choice.tool_calls, call)
        if delta.finish_reason:
            choice.finish_reason = storable(delta.finish_reason)
        is_picture = bool(delta.pictures or delta.sources or delta.unshown) and choice.add_extras(delta)
        if delta.text or delta.reasoning or delta.tool_calls or is_picture:
            self.count += 1
            if self.first_after_s is None:
                self.first_after_s = time.monotonic() - self.began

    @property
    def first(self) -> Choice:
        """The choice that is shown during the stream."""
        return self.choices[0]

    @property
    def has_begun(self) -> bool:
        """Whether any content has arrived."""
        return self.count > 0

    def others(self) -> list[dict[str, object]]:
        """Return the other choices."""
        return [choice.as_json() for index, choice in sorted(self.choices.items()) if index]


def _join(calls: dict[int, dict[str, str]], piece: ToolCall) -> None:
    """Append a fragment of a tool call to its beginning; some servers send complete calls, all with the same index."""
    index = piece.index
    if piece.id and piece.name and calls.get(index, {}).get("id", piece.id) not in ("", piece.id):
        index = next((known for known, call in calls.items() if call["id"] == piece.id), max(calls) + 1)
    call = calls.setdefault(index, {"id": "", "name": "", "arguments": ""})
    call["id"] = storable(piece.id or call["id"])
    call["name"] = storable(piece.name or call["name"])
    call["arguments"] += storable(piece.arguments)


def storable(text: str) -> str:
    """Return text that a database and a page can hold: without NUL or lone surrogates."""
    if not text.isascii():
        text = text.encode("utf-8", "replace").decode()
    return text.replace("\0", "\N{REPLACEMENT CHARACTER}") if "\0" in text else text
