"""Whatever a gateway answers, nothing but a GatewayError leaves the client."""

import gzip
import json
from collections.abc import Callable
from datetime import date

import pytest

from gateway.client import Gateway
from gateway.errors import GatewayUnavailable
from gateway.inference_types import ChatRequest, CompletionRequest, Message
from gateway.transport import MAX_ANSWER_BYTES
from tests.gateway.conftest import SECRET
from tests.gateway.stub import Handler, Reply, StubGateway, nested, raw, says
from tests.gateway.test_keys import LAPTOP, TOKEN

CHAT = ChatRequest(model="m", messages=[Message(role="user", content="hi")])
DAY = date(2026, 11, 21)

VERBS: dict[str, Callable[[Gateway], object]] = {
    "generate": lambda gateway: gateway.keys.generate(**LAPTOP),
    "renew": lambda gateway: gateway.keys.renew(TOKEN, duration="30d"),
    "info": lambda gateway: gateway.keys.info(TOKEN),
    "list": lambda gateway: list(gateway.keys.list()),
    "block": lambda gateway: gateway.keys.block(TOKEN),
    "unblock": lambda gateway: gateway.keys.unblock(TOKEN),
    "team": lambda gateway: gateway.people.team("t"),
    "model names": lambda gateway: gateway.models.names(),
    "model info": lambda gateway: gateway.models.info(),
    "readiness": lambda gateway: gateway.health.readiness(),
    "details": lambda gateway: gateway.health.details(),
    "chat": lambda gateway: gateway.inference.chat(secret=SECRET, body=CHAT),
    "complete": lambda gateway: gateway.inference.complete(
        secret=SECRET, body=CompletionRequest(model="m", prompt="hi")
    ),
    "embed": lambda gateway: gateway.inference.embed(secret=SECRET, model="m", texts=["hi"]),
    "moderate": lambda gateway: gateway.inference.moderate(secret=SECRET, model="m", texts=["hi"]),
    "activity": lambda gateway: list(gateway.usage.daily_activity(DAY, DAY)),
    "cost": lambda gateway: gateway.usage.calculate_cost(model="m", prompt_tokens=1),
}


def truncated(handler: Handler) -> None:
    """Promise more than comes."""
    handler.close_connection = True
    handler.wfile.write(b'HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 99\r\n\r\n{"keys": [')


def cut_in_a_chunk(handler: Handler) -> None:
    handler.close_connection = True
    handler.wfile.write(b'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n20\r\n{"keys": [')


def chunks_without_sizes(handler: Handler) -> None:
    handler.close_connection = True
    handler.wfile.write(b'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n{"keys": []}\r\n\r\n')


def no_http(handler: Handler) -> None:
    handler.close_connection = True
    handler.wfile.write(b"220 mail.example.org ESMTP\r\n")


def hangs_up(handler: Handler) -> None:
    handler.close_connection = True


def false_gzip(handler: Handler) -> None:
    handler.send(200, b"this is not gzip", {"content-encoding": "gzip"})


@pytest.mark.parametrize("verb", VERBS)
@pytest.mark.parametrize(
    "reply",
    [
        raw(""),
        raw("{"),
        raw("<html>Welcome to nginx</html>", kind="text/html"),
        raw(b"\xff\xfe\x00garbage"),
        raw('{"spend": NaN}'),
        raw('{"spend": 1e9999999999999999999, "info": 1}'),
        nested,
        raw("9" * 10_000),
        says(None),
        says("text"),
        says(7),
        says([]),
        says([{"token": TOKEN}]),
        says(dict.fromkeys(("info", "keys", "data", "choices", "results", "user_info", "team_info", "expires"), 7)),
        says({"keys": [7], "data": [7], "choices": [7], "results": [7], "info": [], "user_info": [], "key": 7}),
        truncated,
        cut_in_a_chunk,
        chunks_without_sizes,
        no_http,
        hangs_up,
        false_gzip,
    ],
    ids=[
        "nothing",
        "half an object",
        "HTML with 200",
        "bytes",
        "NaN",
        "an exponent beyond all bounds",
        "deep",
        "a huge number",
        "null",
        "a text",
        "a number",
        "an empty list",
        "a list",
        "numbers in all fields",
        "lists of numbers in all fields",
        "truncated",
        "cut in a chunk",
        "chunks without sizes",
        "no HTTP",
        "hangs up",
        "false gzip",
    ],
)
def test_garbage_is_unavailable(stub: StubGateway, gateway_without_pauses: Gateway, verb: str, reply: Reply) -> None:
    stub.will(reply)

    with pytest.raises(GatewayUnavailable) as failure:
        VERBS[verb](gateway_without_pauses)

    assert failure.value.may_have_happened
    assert failure.value.__context__ is None  # what it came from holds bodies and headers


@pytest.mark.parametrize(
    "field",
    [
        {"expires": "soon"},
        {"expires": 5},
        {"expires": "9999-12-31T23:59:59-14:00"},
        {"spend": "much"},
        {"spend": True},
        {"max_budget": 1e300},
        {"rpm_limit": [1]},
        {"blocked": "yes"},
        {"models": "all"},
        {"models": [1]},
        {"metadata": [1]},
        {"user_id": 5},
    ],
    ids=str,
)
def test_a_field_of_the_wrong_kind_is_named_and_its_value_is_not(
    stub: StubGateway, gateway: Gateway, field: dict[str, object]
) -> None:
    ((name, value),) = field.items()
    stub.will(says({"info": {"key_name": "sk-...abcd", "expires": None, **field}}))

    with pytest.raises(GatewayUnavailable, match=rf"not understood: info\.{name}(\[0\])? ") as failure:
        gateway.keys.info(TOKEN)
    assert str(value) not in str(failure.value).split()


@pytest.mark.parametrize(
    "result",
    [
        {"date": "yesterday", "breakdown": {"model_groups": {"m": {"api_key_breakdown": {"t": {"metrics": {}}}}}}},
        {"date": "2026-11-21"},
        {"date": "2026-11-21", "breakdown": {"model_groups": {"m": {}}}},
        {"date": "2026-11-21", "breakdown": {"model_groups": {"m": {"api_key_breakdown": {"t": {}}}}}},
        {
            "date": "2026-11-21",
            "breakdown": {"model_groups": {"m": {"api_key_breakdown": {"t": {"metrics": {"spend": "x"}}}}}},
        },
    ],
    ids=["date", "breakdown", "keys", "metrics", "spend"],
)
def test_activity_of_a_wrong_shape_is_not_understood(stub: StubGateway, gateway: Gateway, result: object) -> None:
    stub.will(says({"results": [result], "metadata": {"has_more": False}}))

    with pytest.raises(GatewayUnavailable, match="not understood"):
        list(gateway.usage.daily_activity(DAY, DAY))


def test_an_endless_answer_is_aborted(stub: StubGateway, gateway: Gateway) -> None:
    def endless(handler: Handler) -> None:
        handler.close_connection = True
        handler.wfile.write(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n")
        try:
            for _ in range(MAX_ANSWER_BYTES // 2**20 + 64):
                handler.wfile.write(b" " * 2**20)
        except OSError:
            handler.stub.released.set()

    stub.will(endless)

    with pytest.raises(GatewayUnavailable, match="does not end"):
        gateway.usage.calculate_cost(model="m")
    assert stub.released.wait(5)


def test_pages_are_asked_for_only_when_they_are_read(stub: StubGateway, gateway: Gateway) -> None:
    stub.will(says({"keys": [{"token": TOKEN, "expires": None}], "total_pages": 10**9}))

    keys = gateway.keys.list()
    next(keys)
    next(keys)

    assert [asked.query["page"] for asked in stub.asked] == ["1", "2"]


def test_gzip_is_read(stub: StubGateway, gateway: Gateway) -> None:
    body = gzip.compress(json.dumps({"cost": 5}).encode())
    stub.will(lambda handler: handler.send(200, body, {"content-encoding": "gzip"}))

    assert gateway.usage.calculate_cost(model="m") == 5
