"""An answer in progress: how its deltas are joined."""

import pytest

from gateway.inference_types import ChatDelta, TokenUsage, ToolCall
from playground.services.buffer import AnswerBuffer


def counted(*received: TokenUsage) -> TokenUsage:
    buffer = AnswerBuffer()
    for usage in received:
        buffer.add(ChatDelta(usage=usage))
    assert buffer.usage
    return buffer.usage


@pytest.mark.parametrize(
    "last",
    [
        TokenUsage(prompt_tokens=0, completion_tokens=0),
        TokenUsage(),
        TokenUsage(prompt_tokens=12, completion_tokens=0),
        TokenUsage(completion_tokens=40),
    ],
    ids=["zeros", "nothing", "only the prompt", "only the answer"],
)
def test_zero_or_null_overwrites_no_count(last: TokenUsage) -> None:
    usage = counted(TokenUsage(prompt_tokens=12, completion_tokens=40, reasoning_tokens=30), last)

    assert (usage.prompt_tokens, usage.completion_tokens, usage.reasoning_tokens) == (12, 40, 30)


def test_counts_that_grow_with_each_piece_are_the_last_ones() -> None:
    assert counted(*(TokenUsage(completion_tokens=count) for count in (0, 1, 2, 7))).completion_tokens == 7


def test_an_uncontradicted_zero_counts() -> None:
    assert counted(TokenUsage(), TokenUsage(reasoning_tokens=0)).reasoning_tokens == 0


def test_calls_that_share_a_number_and_not_an_id_are_several() -> None:
    buffer = AnswerBuffer()
    for name, call_id in (("weather", "a"), ("time", "b")):
        buffer.add(ChatDelta(tool_calls=(ToolCall(index=0, id=call_id, name=name, arguments="{}"),)))

    assert buffer.first.called() == [
        {"id": "a", "name": "weather", "arguments": "{}"},
        {"id": "b", "name": "time", "arguments": "{}"},
    ]


def test_pieces_of_a_call_that_repeat_its_id_are_one() -> None:
    buffer = AnswerBuffer()
    for arguments in ('{"city": ', '"Lyon"}'):
        buffer.add(ChatDelta(tool_calls=(ToolCall(index=0, id="a", name="weather", arguments=arguments),)))

    assert buffer.first.called() == [{"id": "a", "name": "weather", "arguments": '{"city": "Lyon"}'}]
