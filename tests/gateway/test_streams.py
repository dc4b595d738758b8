"""A streamed answer, read on an event loop."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from decimal import Decimal
from typing import TypeVar

import pytest

from gateway.async_transport import close_session
from gateway.client import Gateway
from gateway.errors import (
    GatewayKeyRefused,
    GatewayModelDenied,
    GatewayOverBudget,
    GatewayRateLimited,
    GatewayRejected,
    GatewayUnavailable,
)
from gateway.inference_types import ChatDelta, ChatRequest, CompletionRequest, Message, ToolCall
from gateway.stream import ChatStream
from tests.gateway.conftest import SECRET
from tests.gateway.stub import Handler, Reply, StubGateway, events, raw, recorded, says, silence

WAIT_S = 5.0  # longest wait for what must happen at once
T = TypeVar("T")


def stream_of(gateway: Gateway, *, idle_timeout_s: float = WAIT_S, usage: bool = True) -> ChatStream:
    body = ChatRequest(model="gpt-4o-mini", messages=[Message(role="user", content="hi")])
    return gateway.inference.stream_chat(secret=SECRET, body=body, idle_timeout_s=idle_timeout_s, usage=usage)


def run(action: Callable[[], Awaitable[T]]) -> T:
    """Do it on a loop of its own, and close the connections that it leaves."""

    async def whole() -> T:
        try:
            return await action()
        finally:
            await close_session()

    return asyncio.run(whole())


def deltas_of(stream: ChatStream, into: list[ChatDelta] | None = None) -> list[ChatDelta]:
    """Read a stream to its end; what came before an error is in `into`."""
    found: list[ChatDelta] = [] if into is None else into

    async def read() -> list[ChatDelta]:
        async with stream:
            while deltas := await stream.read():
                found.extend(deltas)
        return found

    return run(read)


def start(stream: ChatStream) -> None:
    async def begin() -> None:
        async with stream:
            await stream.start()

    run(begin)


def said(text: str) -> str:
    return "data: " + json.dumps({"choices": [{"index": 0, "delta": {"content": text}}]}) + "\n\n"


DONE = "data: [DONE]\n\n"


def texts_of(gateway: Gateway) -> list[str]:
    return [delta.text for delta in deltas_of(stream_of(gateway))]


def test_yields_text_then_the_finish_reason_then_usage(stub: StubGateway, gateway: Gateway) -> None:
    stub.will(recorded("streaming", "chat stream, include_usage"))

    stream = stream_of(gateway)
    deltas = deltas_of(stream)

    assert [delta.text for delta in deltas] == ["the", " gateway", " answers", "", ""]
    assert [delta.finish_reason for delta in deltas] == [None, None, None, "stop", None]
    usage = deltas[-1].usage
    assert usage
    assert (usage.prompt_tokens, usage.completion_tokens, usage.cached_tokens) == (5, 3, 1)
    assert usage.cost_usd == Decimal("0.000002475")
    assert stream.headers
    assert stream.headers.call_id == "9c8823d4-a5fd-44c9-a8e8-3b79e2331dd3"


def test_asks_for_usage_and_sends_the_persons_key(stub: StubGateway, gateway: Gateway) -> None:
    stub.will(recorded("streaming", "chat stream, mock_response model"))

    assert "".join(texts_of(gateway)) == "This answer comes from mock_response."
    assert stub.last.headers["authorization"] == f"Bearer {SECRET}"
    assert stub.last.body["stream"] is True
    assert stub.last.body["stream_options"] == {"include_usage": True}


def test_a_stream_without_usage_is_whole_too(stub: StubGateway, gateway: Gateway) -> None:
    stub.will(recorded("streaming", "chat stream, no stream_options"))

    assert texts_of(gateway) == ["the", " gateway", " answers", ""]


def test_completions_stream_too(stub: StubGateway, gateway: Gateway) -> None:
    stub.will(recorded("streaming", "completions stream"))

    body = CompletionRequest(model="m", prompt="hi")
    deltas = deltas_of(gateway.inference.stream_complete(secret=SECRET, body=body))

    assert stub.last.path == "/v1/completions"
    assert [delta.text for delta in deltas] == ["the", " gateway", " answers", "", ""]
    assert deltas[-2].finish_reason == "stop"
    assert deltas[-1].usage


def test_reasoning_and_tool_call_deltas_are_distinguished(stub: StubGateway, gateway: Gateway) -> None:
    pieces = [
        {"reasoning_content": "Hm."},
        {"tool_calls": [{"index": 1, "id": "c1", "function": {"name": "now", "arguments": '{"zo'}}]},
        {"tool_calls": [{"index": 1, "function": {"arguments": 'ne": 1}'}}]},
    ]
    rows = ["data: " + json.dumps({"choices": [{"index": 2, "delta": piece}]}) + "\n\n" for piece in pieces]
    stub.will(events(*rows, DONE))

    first, second, third = deltas_of(stream_of(gateway))

    assert first == ChatDelta(reasoning="Hm.", index=2)
    assert second.tool_calls == (ToolCall(index=1, id="c1", name="now", arguments='{"zo'),)
    assert third.tool_calls == (ToolCall(index=1, id=None, name=None, arguments='ne": 1}'),)


def test_events_may_be_cut_anywhere_and_hold_comments(stub: StubGateway, gateway: Gateway) -> None:
    whole = ": keep-alive\n\nevent: message\n" + said("né 🎓").replace("\n", "\r\n") + said("!") + DONE
    stub.will(events(*whole))

    assert texts_of(gateway) == ["né 🎓", "!"]


def test_nothing_is_read_past_the_end(stub: StubGateway, gateway: Gateway) -> None:
    stub.will(events(said("a"), DONE, "data: garbage\n\n"))

    assert texts_of(gateway) == ["a"]


def test_lone_surrogates_become_storable_text(stub: StubGateway, gateway: Gateway) -> None:
    stub.will(events('data: {"choices": [{"delta": {"content": "a\\ud83d\\u0000b"}}]}\n\n', DONE))

    assert texts_of(gateway) == ["a\ufffd\ufffdb"]


@pytest.mark.parametrize(
    "title", ["provider sends an error event inside the stream", "provider drops the connection halfway"]
)
def test_an_error_inside_the_stream_comes_after_the_text_before_it(
    stub: StubGateway, gateway: Gateway, title: str
) -> None:
    stub.will(recorded("streaming", title))
    seen: list[ChatDelta] = []

    with pytest.raises(GatewayUnavailable, match="litellm.APIConnectionError") as failure:
        deltas_of(stream_of(gateway), seen)

    assert [delta.text for delta in seen] == ["the", " gateway", " answers"]
    assert failure.value.provider
    assert failure.value.may_have_happened


def test_a_refusal_inside_the_stream_is_classified_by_its_code(stub: StubGateway, gateway: Gateway) -> None:
    error = {"error": {"message": "litellm.RateLimitError: slow down", "type": None, "param": None, "code": "429"}}
    stub.will(events(said("a"), f"data: {json.dumps(error)}\n\n"))

    with pytest.raises(GatewayRateLimited) as refusal:
        texts_of(gateway)
    assert refusal.value.provider


@pytest.mark.parametrize(
    ("file", "title", "kind"),
    [
        ("streaming", "provider fails before the first chunk", GatewayUnavailable),
        ("streaming", "provider is unreachable", GatewayUnavailable),
        ("errors", "key over budget, streaming", GatewayOverBudget),
        ("errors", "expired key", GatewayKeyRefused),
        ("errors", "model not allowed for the key", GatewayModelDenied),
        ("errors", "requests per minute exceeded", GatewayRateLimited),
    ],
)
def test_a_refusal_before_the_stream_is_as_of_a_whole_answer(
    stub: StubGateway, gateway: Gateway, file: str, title: str, kind: type[Exception]
) -> None:
    stub.will(recorded(file, title))

    with pytest.raises(kind):
        start(stream_of(gateway))


def test_start_returns_the_headers_before_the_first_delta(stub: StubGateway, gateway: Gateway) -> None:
    stub.will(recorded("streaming", "chat stream, include_usage"))

    async def begin() -> ChatDelta:
        async with stream_of(gateway) as stream:
            assert stream.headers is None
            await stream.start()
            await stream.start()
            assert stream.headers
            return (await stream.read())[0]

    assert run(begin).text == "the"
    assert len(stub.asked) == 1


@pytest.mark.parametrize("rest", ["", said("b")[:-5], 'data: {"choices": [{"delta": {"con'])
def test_a_cut_stream_is_an_error_after_what_came(stub: StubGateway, gateway: Gateway, rest: str) -> None:
    stub.will(events(said("a"), rest))

    seen: list[ChatDelta] = []
    with pytest.raises(GatewayUnavailable, match="cut off") as failure:
        deltas_of(stream_of(gateway), seen)
    assert [delta.text for delta in seen] == ["a"]
    assert failure.value.may_have_happened


def test_a_chunked_stream_cut_within_a_chunk_is_an_error(stub: StubGateway, gateway: Gateway) -> None:
    def half_a_chunk(handler: Handler) -> None:
        handler.close_connection = True
        handler.wfile.write(
            b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\nff\r\ndata: {"
        )

    stub.will(half_a_chunk)

    with pytest.raises(GatewayUnavailable) as failure:
        texts_of(gateway)
    assert failure.value.may_have_happened


@pytest.mark.parametrize(
    "reply",
    [
        events("data: {garbage\n\n", DONE),
        events("data: [1]\n\n", DONE),
        events('data: {"choices": {}}\n\n', DONE),
        events('data: {"choices": [{"delta": "x"}]}\n\n', DONE),
        events('data: {"choices": [{"delta": {"content": 7}}]}\n\n', DONE),
        raw("<html>Welcome</html>", kind="text/html"),
        says({"choices": [{"message": {"content": "whole"}}]}),
    ],
    ids=["no JSON", "list", "choices", "delta", "content", "HTML", "not a stream"],
)
def test_garbage_in_place_of_a_stream_is_not_understood(stub: StubGateway, gateway: Gateway, reply: Reply) -> None:
    stub.will(reply)

    with pytest.raises(GatewayUnavailable, match="not understood"):
        texts_of(gateway)


@pytest.mark.parametrize("head", [False, True], ids=["before the first", "between two"])
def test_a_stalled_stream_times_out(stub: StubGateway, gateway: Gateway, head: bool) -> None:
    stub.will(silence(said("a"), head=head))

    with pytest.raises(GatewayUnavailable) as failure:
        deltas_of(stream_of(gateway, idle_timeout_s=0.1))

    assert failure.value.timed_out
    assert failure.value.may_have_happened
    assert stub.released.wait(WAIT_S)  # the gateway saw us hang up


def test_streams_are_not_repeated(stub: StubGateway, gateway: Gateway) -> None:
    stub.will(says({}, status=503))

    async def twice() -> list[ChatDelta]:
        async with stream_of(gateway) as stream:
            with pytest.raises(GatewayUnavailable):
                await stream.read()
            return await stream.read()

    assert run(twice) == []
    assert len(stub.asked) == 1


def test_the_first_word_comes_at_once_and_what_follows_within_a_pause_together(
    stub: StubGateway, gateway: Gateway
) -> None:
    stub.will(events(said("a"), *(said(str(number)) for number in range(20)), DONE))

    async def read() -> list[int]:
        counts = []
        async with stream_of(gateway) as stream:
            while deltas := await stream.read():
                counts.append(len(deltas))
        return counts

    counts = run(read)
    assert sum(counts) == 21
    assert len(counts) <= 3, "twenty words that came at once woke the loop more than once"


def test_usage_is_not_asked_for_where_that_is_refused(stub: StubGateway, gateway: Gateway) -> None:
    stub.will(events(said("a"), DONE))

    deltas_of(stream_of(gateway, usage=False))

    assert "stream_options" not in stub.last.body


def test_a_request_that_is_no_json_is_refused_here(stub: StubGateway, gateway: Gateway) -> None:
    body = ChatRequest(model="m", messages=[], temperature=float("nan"))

    with pytest.raises(GatewayRejected, match="unsendable"):
        start(gateway.inference.stream_chat(secret=SECRET, body=body))
    assert not stub.asked
