"""Models' answers, complete and streamed."""

import json
from typing import Any

import pytest

from tests.contract.conftest import ContractGateway
from tests.contract.recorded import assert_like, differences, recorded


def events(text: str) -> list[Any]:
    lines = [line.removeprefix("data: ") for line in text.split("\n\n") if line]
    return [line if line == "[DONE]" else json.loads(line) for line in lines]


def test_answers_a_chat(contract_gateway: ContractGateway) -> None:
    key = contract_gateway.key(rpm_limit=600, tpm_limit=60000, max_parallel_requests=20, max_budget=2.5)

    reply = assert_like(contract_gateway.chat(key.secret), "answers.chat")

    usage = reply["usage"]
    assert usage["total_tokens"] == usage["prompt_tokens"] + usage["completion_tokens"]


def test_keeps_the_callers_call_id_and_prices_the_answer(contract_gateway: ContractGateway) -> None:
    key = contract_gateway.key()
    body = {"model": "gpt-4o-mini", "messages": [{"role": "user", "content": "one two [words 5]"}]}
    headers = {"authorization": f"Bearer {key.secret}", "x-litellm-call-id": "call-7"}

    answer = contract_gateway.call("POST", "/v1/chat/completions", headers=headers, body=body)

    assert answer.headers["x-litellm-call-id"] == "call-7"
    usage = answer.json()["usage"]
    cost = usage["prompt_tokens"] * 0.15e-6 + usage["completion_tokens"] * 0.6e-6
    assert float(answer.headers["x-litellm-response-cost"]) == pytest.approx(cost)
    assert float(answer.headers["x-litellm-key-spend"]) == pytest.approx(cost)


def test_stops_at_max_tokens(contract_gateway: ContractGateway) -> None:
    key = contract_gateway.key()

    reply = contract_gateway.chat(key.secret, max_tokens=3).json()

    assert reply["choices"][0]["finish_reason"] == "length"
    assert reply["usage"]["completion_tokens"] == 3


@pytest.mark.parametrize("prefix", ["", "/v1"])
@pytest.mark.parametrize(
    ("name", "path", "body"),
    [
        ("completion", "/completions", {"model": "gpt-4o-mini", "prompt": "once upon a time"}),
        ("embeddings", "/embeddings", {"model": "embedding", "input": ["one two", "three"]}),
        ("embeddings_base64", "/embeddings", {"model": "embedding", "input": "one", "encoding_format": "base64"}),
        ("moderation", "/moderations", {"model": "moderation", "input": "I will kill the process"}),
    ],
)
def test_answers_completions_embeddings_and_moderations(
    contract_gateway: ContractGateway, name: str, path: str, body: Any, prefix: str
) -> None:
    key = contract_gateway.key()

    reply = assert_like(contract_gateway.call("POST", prefix + path, key=key.secret, body=body), f"answers.{name}")

    if name == "moderation":
        assert reply["results"][0]["flagged"] is True
    if name == "embeddings":
        assert [row["index"] for row in reply["data"]] == [0, 1]


def test_flags_only_what_sounds_violent(contract_gateway: ContractGateway) -> None:
    key = contract_gateway.key()
    body = {"model": "moderation", "input": ["a violent sentence of violence", "a friendly one"]}

    reply = contract_gateway.call("POST", "/v1/moderations", key=key.secret, body=body).json()

    assert [verdict["flagged"] for verdict in reply["results"]] == [True, False]


@pytest.mark.parametrize(
    ("name", "content", "more"),
    [
        ("plain", "hi [words 3]", {}),
        ("with_usage", "hi [words 3] [cached 1]", {"stream_options": {"include_usage": True}}),
        ("error_inside", "x [words 6] [sse-error]", {}),
    ],
)
def test_streams_a_chat(contract_gateway: ContractGateway, name: str, content: str, more: Any) -> None:
    key = contract_gateway.key()

    answer = contract_gateway.chat(key.secret, content, stream=True, **more)

    reply = events(answer.text)
    assert len(reply) == len(recorded(f"streams.{name}")["body"])
    assert not differences(recorded(f"streams.{name}")["body"], reply)
    assert answer.headers["content-type"].startswith("text/event-stream")
    assert "x-litellm-call-id" in answer.headers
    assert "x-litellm-response-cost" not in answer.headers
    assert (reply[-1] == "[DONE]") == (name != "error_inside")


def test_streams_a_completion(contract_gateway: ContractGateway) -> None:
    key = contract_gateway.key()
    body = {"model": "gpt-4o-mini", "prompt": "hi [words 3]", "stream": True, "stream_options": {"include_usage": True}}

    reply = events(contract_gateway.call("POST", "/v1/completions", key=key.secret, body=body).text)

    assert len(reply) == len(recorded("streams.completion")["body"])
    assert not differences(recorded("streams.completion")["body"], reply)


def test_says_before_the_stream_that_a_provider_fails(contract_gateway: ContractGateway) -> None:
    key = contract_gateway.key()

    assert_like(contract_gateway.chat(key.secret, "[fail 500]", stream=True), "streams.fails_before")
