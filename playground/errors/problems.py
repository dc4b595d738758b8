"""The problem of an answer: its error, or why it is empty."""

from typing import Final

from playground.errors.classify import INTERRUPTED, AnswerError
from playground.models import Answer
from playground.reasoning import parted

# As OpenAI, LiteLLM and the servers behind it write them, in lower case.
AT_THE_LIMIT: Final = frozenset(("length", "max_tokens", "max_length", "max_output_tokens", "model_length"))
FILTERED: Final = frozenset(
    ("content_filter", "content_filtered", "safety", "recitation", "prohibited_content", "blocklist", "spii", "refusal")
)


def failure_of(answer: Answer) -> AnswerError | None:
    """Return the error; for an answer whose process died also before a task has recorded it."""
    if answer.problem:
        return AnswerError.from_json(answer.problem)
    lost = answer.state == Answer.State.STREAMING and not answer.is_under_way
    return INTERRUPTED if lost else None


def problem_of(answer: Answer) -> AnswerError | None:
    """Return the error, or why a complete answer is empty."""
    failure = failure_of(answer)
    if failure or answer.state != Answer.State.COMPLETE or _says_something(answer):
        return failure
    reason = answer.finish_reason.lower()
    has_thought = answer.reasoning or answer.reasoning_tokens or parted(answer.text)[0]
    if reason in FILTERED:
        return AnswerError(code="empty_filtered")
    if reason in AT_THE_LIMIT:
        return AnswerError(code="empty_at_limit")
    return AnswerError(code="empty_thought" if has_thought else "empty")


def _says_something(answer: Answer) -> bool:
    choices = [{"text": answer.text, "tool_calls": answer.tool_calls, **answer.extras}, *answer.others]
    extras = ("tool_calls", "images", "sources", "unshown")
    return any(any(each.get(name) for name in extras) or parted(each["text"])[1].strip() for each in choices)
