"""Reads models' answers: chats and completions, whole or by events, vectors, verdicts."""

from collections.abc import Callable, Sequence

from gateway import reading
from gateway.inference_types import (
    ChatAnswer,
    ChatDelta,
    Choice,
    EmbeddingAnswer,
    Moderation,
    ModerationAnswer,
    TokenUsage,
    ToolCall,
)
from gateway.reading import Fields
from gateway.transport import Answer


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
        id=reading.optional_text(body, "id"),
        model=reading.optional_text(body, "model"),
        choices=choices,
        usage=_usage(body),
        headers=answer.headers,
    )


def _chat_choice(row: Fields) -> Choice:
    message = reading.fields(row.get("message"), "message")
    return Choice(
        text=reading.optional_text(message, "content") or "",
        reasoning=reading.optional_text(message, "reasoning_content") or "",
        tool_calls=_tool_calls(message),
        finish_reason=reading.optional_text(row, "finish_reason"),
    )


def _completion_choice(row: Fields) -> Choice:
    return Choice(
        text=reading.optional_text(row, "text") or "",
        reasoning="",
        tool_calls=(),
        finish_reason=reading.optional_text(row, "finish_reason"),
    )


def chat_deltas(event: Fields) -> Sequence[ChatDelta]:
    """Return what an event of a chat's stream adds; nothing for one that only opens the answer."""
    return _deltas(event, _chat_delta)


def completion_deltas(event: Fields) -> Sequence[ChatDelta]:
    """Return what an event of a completion's stream adds."""
    return _deltas(event, _completion_delta)


def _deltas(event: Fields, read: Callable[[Fields], ChatDelta]) -> Sequence[ChatDelta]:
    found = [read(reading.fields(value, "choice")) for value in reading.items(event.get("choices"), "choices")]
    if event.get("usage") is not None:
        found.append(ChatDelta(usage=_usage(event)))
    return [delta for delta in found if _says_something(delta)]


def _chat_delta(row: Fields) -> ChatDelta:
    delta = reading.fields(row.get("delta") or {}, "delta")
    return ChatDelta(
        text=reading.optional_text(delta, "content") or "",
        reasoning=reading.optional_text(delta, "reasoning_content") or "",
        tool_calls=_tool_calls(delta) if "tool_calls" in delta else (),
        finish_reason=reading.optional_text(row, "finish_reason"),
        index=reading.whole(row, "index"),
    )


def _completion_delta(row: Fields) -> ChatDelta:
    return ChatDelta(
        text=reading.optional_text(row, "text") or "",
        finish_reason=reading.optional_text(row, "finish_reason"),
        index=reading.whole(row, "index"),
    )


def _says_something(delta: ChatDelta) -> bool:
    return bool(delta.text or delta.reasoning or delta.tool_calls or delta.finish_reason or delta.usage)


def _tool_calls(message: Fields) -> tuple[ToolCall, ...]:
    rows = [reading.fields(row, "tool call") for row in reading.items(message.get("tool_calls"), "tool_calls")]
    return tuple(_tool_call(row, position) for position, row in enumerate(rows))


def _tool_call(row: Fields, position: int) -> ToolCall:
    function = reading.fields(row.get("function") or {}, "function")
    index = reading.optional_whole(row, "index")
    return ToolCall(
        index=position if index is None else index,
        id=reading.optional_text(row, "id"),
        name=reading.optional_text(function, "name"),
        arguments=reading.optional_text(function, "arguments") or "",
    )


def _usage(body: Fields) -> TokenUsage | None:
    if body.get("usage") is None:
        return None
    usage = reading.fields(body["usage"], "usage")
    prompt = reading.fields(usage.get("prompt_tokens_details") or {}, "prompt_tokens_details")
    completion = reading.fields(usage.get("completion_tokens_details") or {}, "completion_tokens_details")
    return TokenUsage(
        prompt_tokens=reading.whole(usage, "prompt_tokens"),
        completion_tokens=reading.whole(usage, "completion_tokens"),
        total_tokens=reading.whole(usage, "total_tokens"),
        cached_tokens=reading.whole(prompt, "cached_tokens"),
        reasoning_tokens=reading.whole(completion, "reasoning_tokens"),
        cost_usd=reading.optional_money(usage, "cost"),
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
        usage=_usage(body),
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
