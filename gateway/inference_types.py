"""Requests to models and their answers, as frozen values.

Requests are the allow-list: only these fields reach the gateway, so JSON of a browser is never relayed.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from decimal import Decimal
from typing import Final

import msgspec

from gateway.types import Headers

MOST_CHOICES: Final = 128  # what OpenAI's `n` goes up to

Json = Mapping[str, object]


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """A turn of a chat. `content` is a text or OpenAI's parts (text, image_url)."""

    role: str
    content: str | Sequence[Json] | None
    name: str | None = None
    tool_call_id: str | None = None
    tool_calls: Sequence[Json] | None = None

    def as_json(self) -> dict[str, object]:
        """Return the message as OpenAI writes it."""
        return {"content": self.content, **_given(self)}


@dataclass(frozen=True, slots=True, kw_only=True)
class ChatRequest:
    """A chat. None leaves a parameter to the model.

    LiteLLM hands `metadata` on to the systems that it logs to; its own log of calls does not keep it.
    """

    model: str
    messages: Sequence[Message]
    temperature: float | None = None
    top_p: float | None = None
    n: int | None = None
    max_tokens: int | None = None
    stop: Sequence[str] | None = None
    presence_penalty: float | None = None
    frequency_penalty: float | None = None
    logit_bias: Mapping[str, float] | None = None
    seed: int | None = None
    user: str | None = None
    tools: Sequence[Json] | None = None
    tool_choice: str | Json | None = None
    parallel_tool_calls: bool | None = None
    response_format: Json | None = None
    reasoning_effort: str | None = None
    metadata: Mapping[str, str] | None = None

    def as_json(self) -> dict[str, object]:
        """Return the request's body."""
        return {**_given(self), "messages": [message.as_json() for message in self.messages]}


@dataclass(frozen=True, slots=True, kw_only=True)
class CompletionRequest:
    """A text to complete, for models of the older kind."""

    model: str
    prompt: str
    temperature: float | None = None
    top_p: float | None = None
    n: int | None = None
    max_tokens: int | None = None
    stop: Sequence[str] | None = None
    presence_penalty: float | None = None
    frequency_penalty: float | None = None
    logit_bias: Mapping[str, float] | None = None
    seed: int | None = None
    user: str | None = None

    def as_json(self) -> dict[str, object]:
        """Return the request's body."""
        return _given(self)


def _given(request: Message | ChatRequest | CompletionRequest) -> dict[str, object]:
    named = {entry.name: getattr(request, entry.name) for entry in fields(request)}
    return {name: value for name, value in named.items() if value is not None}


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenUsage:
    """Tokens of a call; None: unknown. `cost_usd` comes in streams; otherwise see the headers."""

    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    total_tokens: int | None = None
    cached_tokens: int | None = None
    reasoning_tokens: int | None = None
    cost_usd: Decimal | None = None

    def updated(self, later: "TokenUsage") -> "TokenUsage":
        """Return these figures updated by `later`: what it lacks, or gives as zero, stays."""
        known = {entry.name: getattr(later, entry.name) or getattr(self, entry.name) for entry in fields(self)}
        zeros = {name: getattr(later, name) for name, value in known.items() if value is None}
        return TokenUsage(**{**known, **zeros})


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """A page that an answer refers to."""

    url: str
    title: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolCall:
    """A tool call that the model requests. In a stream a fragment: join `arguments` by `index`."""

    index: int
    id: str | None
    name: str | None
    arguments: str  # JSON, written by the model: may be wrong


class ChatDelta(msgspec.Struct, frozen=True, kw_only=True):  # no dataclass: made for each delta, in a tenth of the time
    """What one event of a stream adds to the choice with this index."""

    text: str = ""
    reasoning: str = ""
    tool_calls: tuple[ToolCall, ...] = ()
    finish_reason: str | None = None
    usage: TokenUsage | None = None
    index: int = 0
    pictures: tuple[str, ...] = ()  # data URLs
    sources: tuple[Source, ...] = ()
    unshown: tuple[str, ...] = ()  # names of other content, which is neither text nor image, tool call or source


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """One whole answer."""

    text: str
    reasoning: str
    tool_calls: tuple[ToolCall, ...]
    finish_reason: str | None
    pictures: tuple[str, ...] = field(default=(), repr=False)
    sources: tuple[Source, ...] = ()
    unshown: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ChatAnswer:
    """A whole answer of a chat or a completion; `choices` has at least one."""

    id: str | None
    model: str | None
    choices: tuple[Choice, ...]
    usage: TokenUsage | None
    headers: Headers = field(repr=False)

    @property
    def text(self) -> str:
        """Return the first choice's text."""
        return self.choices[0].text


CompletionAnswer = ChatAnswer


@dataclass(frozen=True, slots=True, kw_only=True)
class EmbeddingAnswer:
    """A vector per text, in the order of the texts."""

    model: str | None
    vectors: tuple[tuple[float, ...], ...] = field(repr=False)
    usage: TokenUsage | None
    headers: Headers = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Moderation:
    """The moderation of one text. Scores run from 0 to 1; categories that the model does not know are left out."""

    flagged: bool
    categories: Mapping[str, bool]
    scores: Mapping[str, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class ModerationAnswer:
    """A moderation per text, in the order of the texts."""

    model: str | None
    results: tuple[Moderation, ...]
    headers: Headers = field(repr=False)
