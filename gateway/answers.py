"""Reads models' answers: chats and completions, whole or by events, vectors, verdicts."""

from collections.abc import Callable, Sequence
from typing import Final

from gateway import figures, reading
from gateway.content import content_of, sources_of
from gateway.inference_types import (
    ChatAnswer,
    ChatDelta,
    Choice,
    EmbeddingAnswer,
    Moderation,
    ModerationAnswer,
    TokenUsage,
)
from gateway.reading import Fields
from gateway.transport import Answer

MOST_CHOICES: Final = 128  # what OpenAI's `n` goes up to


def chat_answer(answer: Answer) -> ChatAnswer:
    """Read a whole answer of /v1/chat/completions."""
    return _whole(answer, _chat_choice)


def completion_answer(answer: Answer) -> ChatAnswer:
    """Read a whole answer of /v1/completions."""
    return _whole(answer, _completion_choice)


def _whole(answer: Answer, read: Callable[[Fields], Choice]) -> ChatAnswer:
    body = reading.fields(answer.body, "answer")
    choices = tuple(read(reading.fields(row, "choice")) for row in reading.items(body.get("choices"), "choices"))
    if not choices:
        raise reading.not_understood("choices is empty")
    return ChatAnswer(
        id=_name(body.get("id")),
        model=_name(body.get("model")),
        choices=choices,
        usage=_usage(body.get("usage")),
        headers=answer.headers,
    )


def _chat_choice(row: Fields) -> Choice:
    content = content_of(reading.fields(row.get("message"), "message"))
    return Choice(**content._asdict(), finish_reason=_name(row.get("finish_reason")))


def _completion_choice(row: Fields) -> Choice:
    return Choice(
        text=reading.optional_text(row, "text") or "",
        reasoning="",
        tool_calls=(),
        finish_reason=_name(row.get("finish_reason")),
    )


def chat_deltas(event: Fields) -> Sequence[ChatDelta]:
    """Return what an event of a chat's stream adds; nothing for one that only opens the answer."""
    return _deltas(event, _chat_delta)


def completion_deltas(event: Fields) -> Sequence[ChatDelta]:
    """Return what an event of a completion's stream adds."""
    return _deltas(event, _completion_delta)


def _deltas(event: Fields, read: Callable[[Fields], ChatDelta]) -> Sequence[ChatDelta]:
    rows = [reading.fields(value, "choice") for value in reading.items(event.get("choices"), "choices")]
    found = [read(row) for row in rows]
    told = (event.get("usage"), *(row.get("usage") for row in rows))  # Moonshot's is in the choice
    found += [ChatDelta(usage=usage) for usage in map(_usage, told) if usage]
    sources = [source for name in ("citations", "search_results") for source in sources_of(event.get(name))]
    if sources:  # Perplexity's, beside the choices
        found.append(ChatDelta(sources=tuple(sources), index=found[0].index if found else 0))
    return [delta for delta in found if _says_something(delta)]


def _chat_delta(row: Fields) -> ChatDelta:
    """Read a choice of an event; some servers name its delta as in a whole answer, or give no more than a text."""
    delta = row.get("delta") or row.get("message") or {"content": row.get("text")}
    content = content_of(reading.fields(delta, "delta"))
    return ChatDelta(**content._asdict(), finish_reason=_name(row.get("finish_reason")), index=_index(row))


def _completion_delta(row: Fields) -> ChatDelta:
    return ChatDelta(
        text=reading.optional_text(row, "text") or "",
        finish_reason=_name(row.get("finish_reason")),
        index=_index(row),
    )


def _says_something(delta: ChatDelta) -> bool:
    return bool(
        delta.text
        or delta.reasoning
        or delta.tool_calls
        or delta.finish_reason
        or delta.usage
        or delta.pictures
        or delta.sources
        or delta.unshown
    )


def _index(row: Fields) -> int:
    """Return which choice it is; the first where that makes no sense."""
    index = row.get("index")
    return index if type(index) is int and 0 <= index < MOST_CHOICES else 0


def _name(value: object) -> str | None:
    """Return a short text that the answer goes by, or ended by; None where it is none."""
    return reading.clean(value) or None if isinstance(value, str) else None


def _usage(told: object) -> TokenUsage | None:
    """Read the figures, none of which can fail an answer: what makes no sense is unknown."""
    if not isinstance(told, dict):
        return None
    details = [told.get(name) for name in ("prompt_tokens_details", "completion_tokens_details")]
    prompt, completion = (detail if isinstance(detail, dict) else {} for detail in details)
    return TokenUsage(
        prompt_tokens=figures.count(told.get("prompt_tokens"), told.get("input_tokens")),
        completion_tokens=figures.count(told.get("completion_tokens"), told.get("output_tokens")),
        total_tokens=figures.count(told.get("total_tokens")),
        cached_tokens=figures.count(prompt.get("cached_tokens")),
        reasoning_tokens=figures.count(completion.get("reasoning_tokens")),
        cost_usd=figures.usd(told.get("cost")),
    )


def embedding_answer(answer: Answer, expected: int) -> EmbeddingAnswer:
    """Read vectors in the order of the texts; complain if there are not as many."""
    body = reading.fields(answer.body, "answer")
    rows = [reading.fields(row, "vector") for row in reading.items(body.get("data"), "data")]
    if len(rows) != expected:
        raise reading.not_understood(f"{len(rows)} vectors for {expected} texts")
    rows.sort(key=lambda row: reading.whole(row, "index"))
    return EmbeddingAnswer(
        model=reading.optional_text(body, "model"),
        vectors=tuple(_vector(row) for row in rows),
        usage=_usage(body.get("usage")),
        headers=answer.headers,
    )


def _vector(row: Fields) -> tuple[float, ...]:
    return tuple(
        float(reading.money({"number": entry}, "number")) for entry in reading.items(row.get("embedding"), "embedding")
    )


def moderation_answer(answer: Answer) -> ModerationAnswer:
    """Read verdicts in the order of the texts."""
    body = reading.fields(answer.body, "answer")
    rows = [reading.fields(row, "result") for row in reading.rows(body, "results")]
    return ModerationAnswer(
        model=reading.optional_text(body, "model"),
        results=tuple(_moderation(row) for row in rows),
        headers=answer.headers,
    )


def _moderation(row: Fields) -> Moderation:
    categories = reading.fields(row.get("categories") or {}, "categories")
    scores = reading.fields(row.get("category_scores") or {}, "category_scores")
    return Moderation(
        flagged=reading.flag(row, "flagged"),
        categories={name: reading.flag(categories, name) for name, value in categories.items() if value is not None},
        scores={name: float(reading.money(scores, name)) for name, value in scores.items() if value is not None},
    )
