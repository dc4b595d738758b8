"""Refusals of models, before and within an answer, and further choices; with LiteLLM's messages."""

import json
from collections import defaultdict
from typing import Any

import pytest

from gateway.errors import GatewayError
from gateway.refusals import error_from
from playground.errors.classify import answer_error_of
from sandbox.answers import answer_to
from tests.sandbox.conftest import chat, make_key, spend
from tests.sandbox_process import Sandbox


def events_of(answer: Any) -> list[Any]:
    lines = [line.removeprefix("data: ") for line in answer.text.split("\n\n") if line]
    return [json.loads(line) if line != "[DONE]" else line for line in lines]


def code_of(status: int, body: object, *, begun: bool = False) -> tuple[str, str]:
    error: GatewayError = error_from(status, body)
    answer_error = answer_error_of(error, begun=begun)
    return answer_error.code, answer_error.parameter


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
@pytest.mark.parametrize(
    ("question", "more", "code"),
    [
        ("[refuse seed]", {"seed": 1}, ("unsupported", "seed")),
        ("[refuse stream_options]", {"stream_options": {}}, ("unsupported", "stream_options")),
        ("[refuse seed] [refuse logit_bias]", {"logit_bias": {}}, ("unsupported", "logit_bias")),
        ("[too-long]", {}, ("context_too_long", "")),
        ("[filter]", {}, ("content_filtered", "")),
    ],
)
def test_refuses_as_the_portal_understands_it(
    lone_sandbox: Sandbox, question: str, more: dict[str, Any], code: tuple[str, str], stream: bool
) -> None:
    answer = chat(lone_sandbox, make_key(lone_sandbox), question, stream=stream, **more)

    assert answer.status_code == 400
    assert "LiteLLM: model group 'gpt-4o-mini' failed" in answer.json()["error"]["message"]
    assert code_of(400, answer.json()) == code
    assert spend(lone_sandbox) == 0


def test_answers_once_the_parameter_is_left_out(lone_sandbox: Sandbox) -> None:
    answer = chat(lone_sandbox, make_key(lone_sandbox), "[refuse seed] [count 3]", temperature=1)

    assert answer.json()["choices"][0]["message"]["content"] == "1 2 3"


def test_a_filter_may_end_an_answer_halfway(lone_sandbox: Sandbox) -> None:
    answer = chat(lone_sandbox, make_key(lone_sandbox), "[filtered] [count 10]")

    assert answer.json()["choices"][0]["message"]["content"] == "1 2 3 4 5"
    assert answer.json()["choices"][0]["finish_reason"] == "content_filter"


def test_a_budget_may_end_within_a_stream(lone_sandbox: Sandbox) -> None:
    answer = chat(lone_sandbox, make_key(lone_sandbox), "[budget] [count 10]", stream=True)

    *before, last = events_of(answer)
    texts = [event["choices"][0]["delta"].get("content", "") for event in before]
    assert "".join(texts) == "1 2 3 4 5"
    assert code_of(422, last, begun=True) == ("budget_midway", "")


def test_gives_as_many_choices_as_are_wanted(lone_sandbox: Sandbox) -> None:
    secret = make_key(lone_sandbox)
    options = {"include_usage": True}

    whole = chat(lone_sandbox, secret, "[count 3]", n=3).json()
    streamed = events_of(chat(lone_sandbox, secret, "[count 3]", n=3, stream=True, stream_options=options))

    said = ["1 2 3", "(2) 1 2 3", "(3) 1 2 3"]
    assert [choice["message"]["content"] for choice in whole["choices"]] == said
    assert [choice["index"] for choice in whole["choices"]] == [0, 1, 2]
    pieces: dict[int, str] = defaultdict(str)
    for event in streamed[:-1]:
        (choice,) = event["choices"]
        pieces[choice["index"]] += choice["delta"].get("content", "")
    assert pieces == dict(enumerate(said))
    assert streamed[-2]["usage"]["completion_tokens"] == whole["usage"]["completion_tokens"] == 9


def test_streams_one_character_at_a_time(lone_sandbox: Sandbox) -> None:
    answer = chat(lone_sandbox, make_key(lone_sandbox), "[bytes] [echo] <b>\n né", stream=True)

    pieces = [event["choices"][0]["delta"].get("content") for event in events_of(answer)[:-1]]
    assert [piece for piece in pieces if piece] == list("<b>\n né")


@pytest.mark.parametrize("text", ["two\n\n  lines \n", "    indented", "tab\t", "[not a switch]", "a\r\nb"])
def test_echoes_blanks_and_lines_as_they_are(text: str) -> None:
    assert "".join(answer_to(f"[echo] {text}", f"[echo] {text}", {}).words) == text


def test_lets_nobody_make_up_a_key_where_that_is_forbidden() -> None:
    with Sandbox(custom_keys=False) as sandbox:
        answer = sandbox.call("POST", "/key/generate", body={"user_id": "u", "key": "sk-made-up"})

        assert answer.status_code == 403
        assert code_of(403, answer.json()) == ("custom_keys_forbidden", "")
        assert make_key(sandbox).startswith("sk-")
