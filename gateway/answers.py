"""Reads models' answers: chats and completions, whole or by events, vectors, verdicts."""

from collections.abc import Callable, Sequence
from typing import Any

from gateway import figures
from gateway.content import content_of, sources_of
from gateway.inference_types import (
    MOST_CHOICES,
    ChatAnswer,
    ChatDelta,
    Choice,
    EmbeddingAnswer,
    Moderation,
    ModerationAnswer,
    TokenUsage,
)
from gateway.parsing import Body, Fields, Money, Whole, not_understood, read
from gateway.transport import Answer
from gateway.types import Headers


class _Choice(Body):
    message: dict[str, Any]
    finish_reason: Any = None


class _TextChoice(Body):
    text: str | None = None
    finish_reason: Any = None


class _Answer(Body):
    choices: tuple[Any, ...] | None = None
    id: Any = None
    model: Any = None
    usage: Any = None


class _ChatAnswer(_Answer):
    choices: tuple[_Choice, ...] | None = None


class _CompletionAnswer(_Answer):
    choices: tuple[_TextChoice, ...] | None = None


def chat_answer(answer: Answer) -> ChatAnswer:
    """Read a whole answer of /v1/chat/completions."""
    parsed = read(answer.body, _ChatAnswer)
    choices = [
        Choice(**content_of(row.message)._asdict(), finish_reason=_name(row.finish_reason))
        for row in parsed.choices or ()
    ]
    return _whole(parsed, choices, answer.headers)


def completion_answer(answer: Answer) -> ChatAnswer:
    """Read a whole answer of /v1/completions."""
    parsed = read(answer.body, _CompletionAnswer)
    choices = [
        Choice(text=row.text or "", reasoning="", tool_calls=(), finish_reason=_name(row.finish_reason))
        for row in parsed.choices or ()
    ]
    return _whole(parsed, choices, answer.headers)


def _whole(parsed: _Answer, choices: Sequence[Choice], headers: Headers) -> ChatAnswer:
    if not choices:
        raise not_understood("choices is empty")
    return ChatAnswer(
        id=_name(parsed.id),
        model=_name(parsed.model),
        choices=tuple(choices),
        usage=_usage(parsed.usage),
        headers=headers,
    )


class _Piece(Body):
    """A choice of an event; some servers name its delta as in a whole answer, or give no more than a text."""

    delta: Fields = {}
    message: Fields = {}
    text: Any = None
    finish_reason: Any = None
    index: Any = None
    usage: Any = None


class _Event(Body):
    choices: tuple[_Piece, ...] | None = None
    usage: Any = None
    citations: Any = None
    search_results: Any = None


def chat_deltas(event: Fields) -> Sequence[ChatDelta]:
    """Return what an event of a chat's stream adds; nothing for one that only opens the answer."""
    return _deltas(event, _chat_delta)


def completion_deltas(event: Fields) -> Sequence[ChatDelta]:
    """Return what an event of a completion's stream adds."""
    return _deltas(event, _completion_delta)


def _deltas(event: Fields, read_piece: Callable[[_Piece], ChatDelta]) -> Sequence[ChatDelta]:
    parsed = read(event, _Event)
    pieces = parsed.choices or ()
    found = [read_piece(piece) for piece in pieces]
    usages = (parsed.usage, *(piece.usage for piece in pieces))  # Moonshot's is in the choice
    found += [ChatDelta(usage=usage) for usage in map(_usage, usages) if usage]
    sources = [*sources_of(parsed.citations), *sources_of(parsed.search_results)]
    if sources:  # Perplexity's, next to the choices
        found.append(ChatDelta(sources=tuple(sources), index=found[0].index if found else 0))
    return [delta for delta in found if delta != ChatDelta(index=delta.index)]  # an empty delta


def _chat_delta(piece: _Piece) -> ChatDelta:
    content = content_of(piece.delta or piece.message or {"content": piece.text})
    return ChatDelta(**content._asdict(), finish_reason=_name(piece.finish_reason), index=_index(piece.index))


def _completion_delta(piece: _Piece) -> ChatDelta:
    text = read({"text": piece.text}, _TextChoice).text or ""
    return ChatDelta(text=text, finish_reason=_name(piece.finish_reason), index=_index(piece.index))


def _index(index: object) -> int:
    """Return the index of the choice; 0 where it is invalid."""
    return index if type(index) is int and 0 <= index < MOST_CHOICES else 0


def _name(value: object) -> str | None:
    """Return a short text, such as a name or a finish reason; None where it is invalid."""
    return value or None if isinstance(value, str) else None


def _usage(parsed: object) -> TokenUsage | None:
    """Read the figures. They never fail an answer: an invalid one is unknown."""
    if not isinstance(parsed, dict):
        return None
    details = [parsed.get(name) for name in ("prompt_tokens_details", "completion_tokens_details")]
    prompt, completion = (detail if isinstance(detail, dict) else {} for detail in details)
    return TokenUsage(
        prompt_tokens=figures.count(parsed.get("prompt_tokens"), parsed.get("input_tokens")),
        completion_tokens=figures.count(parsed.get("completion_tokens"), parsed.get("output_tokens")),
        total_tokens=figures.count(parsed.get("total_tokens")),
        cached_tokens=figures.count(prompt.get("cached_tokens")),
        reasoning_tokens=figures.count(completion.get("reasoning_tokens")),
        cost_usd=figures.usd(parsed.get("cost")),
    )


class _Vector(Body):
    embedding: tuple[Money | None, ...] | None = None
    index: Whole | None = None


class _EmbeddingAnswer(Body):
    data: list[Any] | None = None
    model: str | None = None
    usage: Any = None


def embedding_answer(answer: Answer, expected: int) -> EmbeddingAnswer:
    """Read vectors in the order of the texts; complain if there are not as many."""
    parsed = read(answer.body, _EmbeddingAnswer)
    if len(parsed.data or ()) != expected:
        raise not_understood(f"{len(parsed.data or ())} vectors for {expected} texts")
    rows = sorted(read(parsed.data or [], list[_Vector]), key=lambda row: row.index or 0)
    return EmbeddingAnswer(
        model=parsed.model,
        vectors=tuple(tuple(float(number or 0) for number in row.embedding or ()) for row in rows),
        usage=_usage(parsed.usage),
        headers=answer.headers,
    )


class _Verdict(Body):
    flagged: bool | None = None
    categories: dict[str, bool | None] | None = None
    category_scores: dict[str, Money | None] | None = None


class _ModerationAnswer(Body):
    results: tuple[_Verdict, ...] | None
    model: str | None = None


def moderation_answer(answer: Answer) -> ModerationAnswer:
    """Read verdicts in the order of the texts."""
    parsed = read(answer.body, _ModerationAnswer)
    return ModerationAnswer(
        model=parsed.model,
        results=tuple(_moderation(row) for row in parsed.results or ()),
        headers=answer.headers,
    )


def _moderation(row: _Verdict) -> Moderation:
    scores = row.category_scores or {}
    return Moderation(
        flagged=row.flagged or False,
        categories={name: is_so for name, is_so in (row.categories or {}).items() if is_so is not None},
        scores={name: float(score) for name, score in scores.items() if score is not None},
    )
