from decimal import Decimal

import pytest

from gateway.client import Gateway
from gateway.errors import GatewayUnavailable
from gateway.inference_types import ChatRequest, CompletionRequest, Message, TokenUsage
from tests.gateway.conftest import SECRET
from tests.gateway.stub import StubGateway, recorded, says

CHAT = ChatRequest(model="gpt-4o-mini", messages=[Message(role="user", content="hello gateway")])


def test_chat_returns_text_usage_and_what_the_headers_say(stub: StubGateway, gateway: Gateway) -> None:
    stub.will(recorded("inference", "chat"))

    answer = gateway.inference.chat(secret=SECRET, body=CHAT)

    assert (stub.last.path, stub.last.headers["authorization"]) == ("/v1/chat/completions", f"Bearer {SECRET}")
    assert answer.text.startswith("the gateway answers with words")
    assert (answer.model, answer.choices[0].finish_reason) == ("gpt-4o-mini", "stop")
    assert answer.usage == TokenUsage(
        prompt_tokens=6, completion_tokens=12, total_tokens=18, cached_tokens=1, reasoning_tokens=2, cost_usd=None
    )
    assert answer.headers.call_id
    assert answer.headers.model_id
    assert (answer.headers.model_group, answer.headers.version) == ("gpt-4o-mini", "1.106.2")
    assert answer.headers.cost_usd
    assert answer.headers.duration_ms
    assert not answer.headers.sandbox


def test_chat_sends_the_parameters_that_are_given_and_no_others(stub: StubGateway, gateway: Gateway) -> None:
    stub.will(recorded("inference", "chat"))
    tool = {"type": "function", "function": {"name": "now", "parameters": {"type": "object"}}}
    call = {"id": "c1", "type": "function", "function": {"name": "now", "arguments": "{}"}}

    gateway.inference.chat(
        secret=SECRET,
        body=ChatRequest(
            model="m",
            messages=[
                Message(role="user", content=[{"type": "text", "text": "hi"}], name="A"),
                Message(role="assistant", content=None, tool_calls=[call]),
                Message(role="tool", content="12:00", tool_call_id="c1"),
            ],
            temperature=0.0,
            max_tokens=5,
            stop=["\n"],
            tools=[tool],
            parallel_tool_calls=False,
            metadata={"course": "physics"},
        ),
    )

    assert stub.last.body == {
        "model": "m",
        "messages": [
            {"role": "user", "content": [{"type": "text", "text": "hi"}], "name": "A"},
            {"role": "assistant", "content": None, "tool_calls": [call]},
            {"role": "tool", "content": "12:00", "tool_call_id": "c1"},
        ],
        "temperature": 0.0,
        "max_tokens": 5,
        "stop": ["\n"],
        "tools": [tool],
        "parallel_tool_calls": False,
        "metadata": {"course": "physics"},
    }


def test_chat_reads_reasoning_tool_calls_and_every_choice(stub: StubGateway, gateway: Gateway) -> None:
    call = {"id": "c1", "type": "function", "function": {"name": "now", "arguments": '{"zone": "UTC"}'}}
    stub.will(
        says(
            {
                "choices": [
                    {"message": {"content": None, "reasoning_content": "Hm.", "tool_calls": [call]}},
                    {"message": {"content": "two"}, "finish_reason": "length"},
                ]
            }
        )
    )

    first, second = gateway.inference.chat(secret=SECRET, body=CHAT).choices

    assert (first.text, first.reasoning) == ("", "Hm.")
    assert (first.tool_calls[0].id, first.tool_calls[0].name) == ("c1", "now")
    assert first.tool_calls[0].arguments == '{"zone": "UTC"}'
    assert (second.text, second.finish_reason) == ("two", "length")


def test_a_list_of_answers_to_a_list_of_models_is_not_understood(stub: StubGateway, gateway: Gateway) -> None:
    stub.will(recorded("inference", "model list"))

    with pytest.raises(GatewayUnavailable, match="a list"):
        gateway.inference.chat(secret=SECRET, body=CHAT)


def test_olla_and_sandbox_show_in_the_headers(stub: StubGateway, gateway: Gateway) -> None:
    named = {"X-Olla-Endpoint": "litellm-1", "X-Olla-Response-Time": "12ms", "x-passerelle-sandbox": "1"}
    stub.will(lambda handler: handler.send(200, b'{"choices": [{"message": {}}]}', named))

    headers = gateway.inference.chat(secret=SECRET, body=CHAT).headers

    assert headers.olla == {"endpoint": "litellm-1", "response-time": "12ms"}
    assert headers.raw == {"x-olla-endpoint": "litellm-1", "x-olla-response-time": "12ms"}
    assert headers.sandbox


def test_invalid_headers_are_ignored(stub: StubGateway, gateway: Gateway) -> None:
    stub.will(
        says(
            {"choices": [{"message": {}}]},
            x_litellm_response_cost="a lot",
            x_litellm_key_spend="NaN",
            retry_after="tomorrow",
        )
    )

    headers = gateway.inference.chat(secret=SECRET, body=CHAT).headers

    assert (headers.cost_usd, headers.key_spend_usd, headers.retry_after_s) == (None, None, None)


def test_completion(stub: StubGateway, gateway: Gateway) -> None:
    stub.will(recorded("inference", "completion"))

    answer = gateway.inference.complete(
        secret=SECRET, body=CompletionRequest(model="gpt-4o-mini", prompt="once", max_tokens=3, logit_bias={"7": 1})
    )

    assert (stub.last.path, stub.last.body) == (
        "/v1/completions",
        {"model": "gpt-4o-mini", "prompt": "once", "max_tokens": 3, "logit_bias": {"7": 1}},
    )
    assert answer.text.startswith("the gateway answers")
    assert answer.headers.cost_usd == Decimal("0.0000078")


def test_embeddings_come_in_the_order_of_the_texts(stub: StubGateway, gateway: Gateway) -> None:
    stub.will(
        recorded("inference", "embeddings"),
        says({"data": [{"embedding": [2.0], "index": 1}, {"embedding": [1], "index": 0}]}),
    )

    answer = gateway.inference.embed(secret=SECRET, model="embedding", texts=["a", "b"])

    assert (stub.last.path, stub.last.body) == ("/v1/embeddings", {"model": "embedding", "input": ["a", "b"]})
    assert [len(vector) for vector in answer.vectors] == [8, 8]
    assert answer.vectors[0][:2] == (-0.441, -0.471)
    assert answer.usage
    assert answer.usage.prompt_tokens == 3
    assert gateway.inference.embed(secret=SECRET, model="e", texts=["a", "b"]).vectors == ((1.0,), (2.0,))


def test_embeddings_that_are_words_or_too_few_are_not_understood(stub: StubGateway, gateway: Gateway) -> None:
    stub.will(recorded("inference", "embeddings, words for vectors"))

    with pytest.raises(GatewayUnavailable, match=r"\[0\].embedding is a text"):
        gateway.inference.embed(secret=SECRET, model="mock_inline", texts=["a"])
    with pytest.raises(GatewayUnavailable, match="1 vectors for 2 texts"):
        gateway.inference.embed(secret=SECRET, model="mock_inline", texts=["a", "b"])


def test_moderation_leaves_out_what_the_model_does_not_judge(stub: StubGateway, gateway: Gateway) -> None:
    stub.will(recorded("inference", "moderations"))

    (verdict,) = gateway.inference.moderate(secret=SECRET, model="moderation", texts=["a"]).results

    assert (stub.last.path, stub.last.body) == ("/v1/moderations", {"model": "moderation", "input": ["a"]})
    assert verdict.flagged
    assert verdict.categories == {"hate": False, "violence": True}
    assert verdict.scores == {"hate": 0.01, "violence": 0.97}
