"""The fast path of events gives the same results as the full parser."""

import json
from typing import Any

import pytest

from gateway.answers import chat_deltas
from gateway.dialects import AnswerReader
from gateway.errors import GatewayError
from gateway.inference_types import ChatDelta
from gateway.parsing import load
from gateway.plain_events import plain_delta
from tests.gateway.dialects import DIALECTS, chunk, delta

PLAIN: list[dict[str, Any]] = [
    chunk(delta(" fly.")),
    chunk({**delta("é 🐝", role="assistant"), "index": 3, "logprobs": None}, usage=None, system_fingerprint="fp"),
    {"choices": [{"delta": {"content": "\\u0000 written, not meant"}}]},
]
OTHER: list[dict[str, Any]] = [
    chunk(delta("")),
    chunk(delta("a\0b")),
    chunk(delta("a\ud800b")),
    chunk(delta("a", reasoning_content="Hm.")),
    chunk(delta("a", audio=None)),
    chunk({**delta("a"), "finish_reason": "stop"}),
    chunk({**delta("a"), "usage": {"prompt_tokens": 1}}),
    chunk({**delta("a"), "index": 10**30}),
    chunk({**delta("a"), "index": -1}),
    chunk({**delta("a"), "index": "1"}),
    chunk(delta("a"), {**delta("b"), "index": 1}),
    chunk(delta("a"), usage={"prompt_tokens": 9}),
    chunk(delta("a"), citations=["https://example.org/"]),
    chunk({"text": "a"}),
    chunk(delta([{"type": "text", "text": "a"}])),
]
ERRORS: list[dict[str, Any]] = [
    chunk(delta("a"), error={"message": "overloaded", "code": 503}),
    {**chunk(delta("a")), "object": "error"},
    chunk({**delta("a"), "error": {"message": "overloaded"}}),
    chunk({**delta("a"), "finish_reason": "error"}),
]


def test_a_piece_of_text_is_read_by_its_type() -> None:
    for body in PLAIN:
        raw = json.dumps(body).encode()
        assert [plain_delta(raw)] == chat_deltas(load(raw, "it")), body  # type: ignore[arg-type]


def test_events_with_other_fields_are_parsed_in_full() -> None:
    for body in (*OTHER, *ERRORS):
        assert plain_delta(json.dumps(body).encode()) is None, body
    assert plain_delta(b"[DONE]") is None
    assert plain_delta(b"[" * 100_000) is None
    assert plain_delta(b'{"choices": [{"delta": {"content": "\xff"}}]}') is None


def test_an_error_next_to_text_is_not_lost() -> None:
    for body in ERRORS:
        read: list[ChatDelta] = []
        with pytest.raises(GatewayError):
            read.extend(AnswerReader(chat_deltas).read(b"data: " + json.dumps(body).encode() + b"\n\n"))


def test_an_event_named_error_is_one_whatever_it_says() -> None:
    with pytest.raises(GatewayError):
        list(AnswerReader(chat_deltas).read(b"event: error\ndata: " + json.dumps(PLAIN[0]).encode() + b"\n\n"))


def test_most_of_what_common_servers_send_is_plain() -> None:
    events = [event for event in DIALECTS["OpenAI"].raw.split(b"data: ") if event.strip()]

    assert sum(plain_delta(event) is not None for event in events) == 2  # of an opening, two pieces, the end, figures
