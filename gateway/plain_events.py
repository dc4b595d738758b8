"""A fast path for the events that most of a stream consists of, a piece of text and nothing else."""

from typing import Annotated, Final

from msgspec import DecodeError, Meta
from msgspec.json import Decoder

from gateway.inference_types import MOST_CHOICES, ChatDelta
from gateway.parsing import Body, Name


class _PlainDelta(Body, forbid_unknown_fields=True):
    content: Name
    role: str | None = None


class _PlainChoice(Body, forbid_unknown_fields=True):
    delta: _PlainDelta
    index: Annotated[int, Meta(ge=0, lt=MOST_CHOICES)] = 0
    finish_reason: None = None
    logprobs: None = None


class _PlainEvent(Body):
    """A piece of text and nothing else: the other fields of such an event carry no information."""

    choices: tuple[_PlainChoice]
    object: str | None = None
    usage: None = None
    error: None = None
    citations: None = None
    search_results: None = None


_decode_plain: Final = Decoder(_PlainEvent).decode


def plain_delta(data: bytes) -> ChatDelta | None:
    """Return the delta of an event that is only a piece of text, as nearly all are, three times as fast; else None."""
    try:
        parsed = _decode_plain(data)
    except (DecodeError, ValueError, RecursionError):
        return None
    (choice,) = parsed.choices
    text = choice.delta.content
    return None if parsed.object == "error" or "\0" in text else ChatDelta(text=text, index=choice.index)
