"""Streams: their pace, their end, their cost."""

import json
import time
from typing import Any

import pytest

from sandbox.answers import answer_to
from tests.sandbox.conftest import chat, make_key, spend
from tests.sandbox_process import Sandbox, wait_until


def deltas(text: str) -> list[Any]:
    lines = [line.removeprefix("data: ") for line in text.split("\n\n") if line and "[DONE]" not in line]
    return [json.loads(line)["choices"][0].get("delta", {}) for line in lines]


def test_streamed_and_complete_answers_are_equal(lone_sandbox: Sandbox) -> None:
    secret = make_key(lone_sandbox)
    question = "What is a *heap*? [markdown]"

    whole = chat(lone_sandbox, secret, question).json()["choices"][0]["message"]["content"]
    streamed = deltas(chat(lone_sandbox, secret, question, stream=True).text)

    assert "".join(delta.get("content", "") for delta in streamed) == whole
    assert "```python" in whole


def test_keeps_the_pace(lone_sandbox: Sandbox) -> None:
    secret = make_key(lone_sandbox)
    started = time.monotonic()

    chat(lone_sandbox, secret, "[words 10] [pace 30]", stream=True)

    assert 0.3 <= time.monotonic() - started < 2


def test_notices_a_disconnect_and_charges_what_was_sent(lone_sandbox: Sandbox) -> None:
    secret = make_key(lone_sandbox)
    answer = chat(lone_sandbox, secret, "[words 500] [pace 20]", stream=True, options={"stream": True})
    lines = (line for line in answer.iter_lines() if line)
    for _ in range(5):
        next(lines)
    assert len(lone_sandbox.connections()["open"]) == 1

    answer.close()

    wait_until(lambda: lone_sandbox.connections()["closed_by_client"] == 1)
    assert lone_sandbox.connections()["open"] == []
    assert 0 < spend(lone_sandbox) < 500 * 0.6e-6


def test_charges_a_whole_stream_exactly(lone_sandbox: Sandbox) -> None:
    secret = make_key(lone_sandbox)

    chat(lone_sandbox, secret, "one [words 10]", stream=True)

    assert spend(lone_sandbox) == 3 * 0.15e-6 + 10 * 0.6e-6
    assert lone_sandbox.connections()["finished"] == 1


def test_streams_reasoning_first(lone_sandbox: Sandbox) -> None:
    secret = make_key(lone_sandbox)

    whole = chat(lone_sandbox, secret, "[reason 5] [words 3]").json()
    streamed = deltas(chat(lone_sandbox, secret, "[reason 5] [words 3]", stream=True).text)

    thoughts = [delta["reasoning_content"] for delta in streamed if "reasoning_content" in delta]
    assert len(thoughts) == 5
    assert "".join(thoughts) == whole["choices"][0]["message"]["reasoning_content"]
    assert whole["usage"]["completion_tokens"] == 8
    assert whole["usage"]["completion_tokens_details"]["reasoning_tokens"] == 5


def test_calls_a_tool(lone_sandbox: Sandbox) -> None:
    secret = make_key(lone_sandbox)
    parameters = {"type": "object", "properties": {"city": {"type": "string"}}}
    tools = [{"type": "function", "function": {"name": "weather", "parameters": parameters}}]

    whole = chat(lone_sandbox, secret, "[tool]", tools=tools).json()["choices"][0]
    streamed = deltas(chat(lone_sandbox, secret, "[tool]", tools=tools, stream=True).text)

    (call,) = whole["message"]["tool_calls"]
    assert whole["finish_reason"] == "tool_calls"
    assert json.loads(call["function"]["arguments"]) == {"city": "example"}
    assert [delta["tool_calls"][0]["function"]["name"] for delta in streamed if "tool_calls" in delta] == ["weather"]


@pytest.mark.parametrize(
    "question", ["<script>alert(1)</script>", "what is {topic} %s", "", "\0 \u202e 😀", "[words 0]"]
)
def test_answers_any_question(lone_sandbox: Sandbox, question: str) -> None:
    secret = make_key(lone_sandbox)

    answer = chat(lone_sandbox, secret, question)

    assert answer.status_code == 200
    assert "<" not in answer.json()["choices"][0]["message"]["content"]


def test_numbers_words_so_that_a_lost_one_is_noticed() -> None:
    assert "".join(answer_to("[count 4]", "[count 4]", {}).words) == "1 2 3 4"


def test_echoes_on_request() -> None:
    question = "<b>bold</b> & more [echo]"

    assert "".join(answer_to(question, question, {}).words) == "<b>bold</b> & more"


@pytest.mark.parametrize(
    ("body", "said", "finish"),
    [
        ({"stop": "asked"}, "You", "stop"),
        ({"max_tokens": 2}, "You asked", "length"),
        ({"stop": ["asked"]}, "You", "stop"),
    ],
)
def test_respects_stop_sequences(body: dict[str, Any], said: str, finish: str) -> None:
    answer = answer_to("trees", "trees", body)

    assert ("".join(answer.words), answer.finish) == (said, finish)


def test_serves_many_streams_at_once(lone_sandbox: Sandbox) -> None:
    secret = make_key(lone_sandbox)
    options = {"stream": True}
    answers = [chat(lone_sandbox, secret, "[words 20] [pace 20]", stream=True, options=options) for _ in range(30)]

    assert all(answer.text.count('"content":"') == 21 for answer in answers)
    assert lone_sandbox.connections()["finished"] == 30
