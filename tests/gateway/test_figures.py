"""Invalid figures never fail an answer: they are unknown."""

import json
from decimal import Decimal

import pytest

from gateway.client import Gateway
from gateway.figures import count, usd
from gateway.inference_types import ChatDelta, TokenUsage
from tests.gateway.conftest import SECRET
from tests.gateway.stub import StubGateway, events, says
from tests.gateway.test_inference import CHAT
from tests.gateway.test_streams import DONE, deltas_of, said, stream_of

UNKNOWN = TokenUsage(
    prompt_tokens=None,
    completion_tokens=None,
    total_tokens=None,
    cached_tokens=None,
    reasoning_tokens=None,
    cost_usd=None,
)


def read_of(stub: StubGateway, gateway: Gateway, *rows: str) -> list[ChatDelta]:
    stub.will(events(said("whole"), *rows, DONE))
    return deltas_of(stream_of(gateway))


def usage_of(stub: StubGateway, gateway: Gateway, usage: object) -> TokenUsage | None:
    raw = usage if isinstance(usage, str) else json.dumps(usage)
    first, *rest = read_of(stub, gateway, f'data: {{"choices": [], "usage": {raw}}}\n\n')
    assert first.text == "whole"
    return rest[0].usage if rest else None


@pytest.mark.parametrize(
    "usage",
    [
        {"prompt_tokens": {"text": 3}, "completion_tokens": [1], "total_tokens": True},
        {"prompt_tokens": "many", "completion_tokens": -4, "total_tokens": 10**18},
        {"prompt_tokens": 2.5, "completion_tokens": "", "prompt_tokens_details": 7, "completion_tokens_details": "?"},
        {"cost": {"currency": "USD"}, "prompt_tokens": None},
        {"cost": [0.1], "prompt_tokens_details": {"cached_tokens": {}}},
        '{"prompt_tokens": NaN, "completion_tokens": Infinity, "cost": -Infinity}',
        f'{{"prompt_tokens": {"9" * 5000}, "cost": 1e999999}}',
        '{"cost": "NaN", "prompt_tokens": "12 tokens"}',
    ],
    ids=["shapes", "ranges", "details", "cost an object", "cost a list", "NaN", "endless", "texts"],
)
def test_invalid_figures_are_unknown_and_the_answer_is_complete(
    stub: StubGateway, gateway: Gateway, usage: object
) -> None:
    assert usage_of(stub, gateway, usage) == UNKNOWN


@pytest.mark.parametrize("usage", [[], 0, "3", "many tokens", True, [{"prompt_tokens": 3}]], ids=str)
def test_usage_that_is_not_an_object_is_ignored(stub: StubGateway, gateway: Gateway, usage: object) -> None:
    assert usage_of(stub, gateway, json.dumps(usage)) is None


def test_valid_figures_next_to_invalid_ones_are_read(stub: StubGateway, gateway: Gateway) -> None:
    usage = {
        "prompt_tokens": "12",
        "completion_tokens": 7.0,
        "total_tokens": [],
        "prompt_tokens_details": {"cached_tokens": 5},
        "cost": {"input_tokens_cost": 0.01, "total_cost": 0.0125},
    }

    known = usage_of(stub, gateway, usage)

    assert known
    assert (known.prompt_tokens, known.completion_tokens, known.cached_tokens) == (12, 7, 5)
    assert known.cost_usd == Decimal("0.0125")


def test_the_largest_figures_are_read_and_larger_ones_unknown() -> None:
    assert (count(2**31 - 1), count(2**31)) == (2**31 - 1, None)
    assert (usd(10**9), usd(10**9 + 1)) == (Decimal(10**9), None)


@pytest.mark.parametrize("names", [("input_tokens", "output_tokens"), ("prompt_tokens", "completion_tokens")])
def test_tokens_go_by_either_name(stub: StubGateway, gateway: Gateway, names: tuple[str, str]) -> None:
    known = usage_of(stub, gateway, dict(zip(names, (3, 4), strict=True)))

    assert known
    assert (known.prompt_tokens, known.completion_tokens) == (3, 4)


@pytest.mark.parametrize("reason", [{"type": "stop"}, ["stop"], 0, 7, True, ""], ids=str)
def test_a_finish_reason_of_any_shape_ends_no_answer(stub: StubGateway, gateway: Gateway, reason: object) -> None:
    row = {"choices": [{"index": 0, "delta": {"content": "!"}, "finish_reason": reason}]}

    first, second = read_of(stub, gateway, f"data: {json.dumps(row)}\n\n")

    assert (first.text, second.text, second.finish_reason) == ("whole", "!", None)


@pytest.mark.parametrize("index", [None, "0", [0], -1, 10**9, 0.0, True], ids=str)
def test_a_choice_with_an_invalid_index_is_the_first(stub: StubGateway, gateway: Gateway, index: object) -> None:
    row = {"choices": [{"index": index, "delta": {"content": "!"}}]}

    assert [delta.index for delta in read_of(stub, gateway, f"data: {json.dumps(row)}\n\n")] == [0, 0]


def test_invalid_figures_do_not_fail_a_complete_answer(stub: StubGateway, gateway: Gateway) -> None:
    choice = {"message": {"content": "whole"}, "finish_reason": {"type": "stop"}}
    stub.will(says({"id": 7, "model": ["m"], "choices": [choice], "usage": {"prompt_tokens": {}, "cost": {}}}))

    answer = gateway.inference.chat(secret=SECRET, body=CHAT)

    assert (answer.text, answer.usage) == ("whole", UNKNOWN)


@pytest.mark.parametrize("value", ["-1", "1e999999", "Infinity", "5 USD", "0x10"])
def test_an_invalid_cost_in_the_headers_is_ignored(stub: StubGateway, gateway: Gateway, value: str) -> None:
    stub.will(says({"choices": [{"message": {"content": "whole"}}]}, x_litellm_response_cost=value))

    assert gateway.inference.chat(secret=SECRET, body=CHAT).headers.cost_usd is None
