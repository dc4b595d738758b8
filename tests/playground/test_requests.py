"""Stored rows become gateway requests: field by field, and nothing unknown."""

import json
from base64 import b64encode
from typing import Any

import pytest

from accounts.models import User
from playground.models import Answer, Conversation, Message
from playground.services.limits import end_call
from playground.services.requests import REFUSABLE, chat_request, completion_request, data_url, wants_usage
from tests.factories import make_intern
from tests.playground import rows
from tests.playground.streams import know_the_models, started
from tests.sandbox_process import Sandbox

pytestmark = pytest.mark.django_db
TOOL = {"type": "function", "function": {"name": "weather", "parameters": {"type": "object"}}}
CALL = {"id": "c1", "name": "weather", "arguments": '{"city": "Paris"}'}
EVERYTHING = {
    "model": "m",
    "system": "Be kind.",
    "temperature": 0.0,
    "top_p": 0.9,
    "max_tokens": 400,
    "stop": ["END"],
    "presence_penalty": -1.5,
    "frequency_penalty": 2.0,
    "seed": 0,
    "n": 2,
    "json": True,
    "logit_bias": {"50256": -100},
    "tools": [TOOL],
    "tool_choice": "required",
    "parallel_tool_calls": False,
    "reasoning_effort": "low",
    "metadata": {"course": "physics"},
}


@pytest.fixture
def conversation() -> Conversation:
    return rows.conversation(make_intern())


def body_of(params: dict[str, Any], *turns: tuple[Message, Answer | None]) -> dict[str, Any]:
    return chat_request(params, turns).as_json()


def messages_of(*turns: tuple[Message, Answer | None], **params: Any) -> list[dict[str, Any]]:
    messages: list[dict[str, Any]] = body_of({"model": "m", **params}, *turns)["messages"]
    return messages


def test_every_parameter_is_sent_by_its_name_in_the_api(conversation: Conversation) -> None:
    sent = {name: value for name, value in EVERYTHING.items() if name not in ("system", "json")}

    assert body_of(EVERYTHING, (rows.message(conversation, "Hi"), None)) == {
        **sent,
        "response_format": {"type": "json_object"},
        "messages": [{"role": "system", "content": "Be kind."}, {"role": "user", "content": "Hi"}],
    }


def test_unknown_parameters_do_not_reach_the_gateway(conversation: Conversation) -> None:
    smuggled = {"api_base": "http://10.0.0.1", "api_key": "x", "tags": ["a"], "guardrails": ["b"], "stream": True}

    assert body_of({"model": "m", **smuggled}, (rows.message(conversation, "Hi"), None)).keys() == {"model", "messages"}
    assert completion_request({"model": "m", **smuggled}, "Hi").as_json().keys() == {"model", "prompt"}


@pytest.mark.parametrize("name", sorted(REFUSABLE - {"stream_options", "user"}))
def test_refused_parameters_are_left_out(name: str, conversation: Conversation) -> None:
    turn = (rows.message(conversation, "Hi"), None)

    gone = body_of(EVERYTHING, turn).keys() - body_of({**EVERYTHING, "without": [name]}, turn).keys()

    assert gone == ({"tools", "tool_choice", "parallel_tool_calls"} if name == "tools" else {name})


def test_usage_is_asked_for_unless_the_model_refused() -> None:
    assert wants_usage({"model": "m"})
    assert wants_usage({"model": "m", "without": ["seed"]})
    assert not wants_usage({"model": "m", "without": ["seed", "stream_options"]})


def test_messages_and_answers_alternate(conversation: Conversation) -> None:
    first = rows.message(conversation, "One?")
    answer = rows.answer(first, "Two.", reasoning="Let me think.", others=[{"text": "Three."}])

    assert messages_of(
        (first, answer), (rows.message(conversation, "And?", parent=answer), None), system="Be kind."
    ) == [
        {"role": "system", "content": "Be kind."},
        {"role": "user", "content": "One?"},
        {"role": "assistant", "content": "Two."},
        {"role": "user", "content": "And?"},
    ]


def test_an_answer_that_never_came_is_left_out_and_a_partial_one_is_not(conversation: Conversation) -> None:
    first, second, third = (rows.message(conversation, text) for text in "abc")
    failed = rows.answer(first, "", state=Answer.State.FAILED)
    stopped = rows.answer(second, "half", state=Answer.State.STOPPED)

    said = [
        (message["role"], message["content"])
        for message in messages_of((first, failed), (second, stopped), (third, None))
    ]

    assert said == [("user", "a\n\nb"), ("assistant", "half"), ("user", "c")]


def test_messages_have_their_names_and_joined_ones_a_name_that_none_contradicts(conversation: Conversation) -> None:
    for first, second, name in (("Ann", "Ann", "Ann"), ("Ann", "", "Ann"), ("", "Bob", "Bob"), ("Ann", "Bob", None)):
        asked, answered, then = (rows.message(conversation, name=each) for each in (first, second, "Eve"))
        failed = rows.answer(asked, "", state=Answer.State.FAILED)

        sent = messages_of((asked, failed), (answered, rows.answer(answered)), (then, None))

        assert [each.get("name") for each in sent] == [name, None, "Eve"], (first, second)


NOTHING_SAID: dict[str, dict[str, Any]] = {
    "failed": {"state": Answer.State.FAILED, "problem": {"code": "provider_down"}},
    "empty": {"finish_reason": "stop"},
    "stopped before a word": {"state": Answer.State.STOPPED},
    "only reasoning": {"reasoning": "Hm.", "finish_reason": "length"},
    "only thought, in its text": {"text": "<think>Hm, and then", "finish_reason": "length"},
    "a call that cannot be sent back": {"tool_calls": [{"id": "", "name": "now", "arguments": "{}"}]},
    "still under way": {"state": Answer.State.STREAMING},
}


@pytest.mark.parametrize("how", NOTHING_SAID)
def test_no_role_comes_twice_in_a_row_whatever_was_not_answered(conversation: Conversation, how: str) -> None:
    first, second, third = (rows.message(conversation, text) for text in "abc")
    rows.image(second)
    unanswered = {"text": "", **NOTHING_SAID[how]}
    before, after = (rows.answer(message, **unanswered) for message in (first, second))

    [message] = messages_of((first, before), (second, after), (third, None), tools=[TOOL])

    assert message["role"] == "user"
    assert [part.get("text", part["type"]) for part in message["content"]] == ["a", "b", "image_url", "c"]


@pytest.mark.parametrize("code", ["content_filtered", "context_too_long", "bad_request"])
def test_a_refused_message_is_not_sent_again_with_the_next(conversation: Conversation, code: str) -> None:
    first, second = (rows.message(conversation, text) for text in "ab")
    refused = rows.answer(first, "", state=Answer.State.FAILED, problem={"code": code})

    assert messages_of((first, refused), (second, None)) == [{"role": "user", "content": "b"}]


def test_the_answer_goes_on_where_a_call_of_a_tool_had_a_result_and_no_answer(conversation: Conversation) -> None:
    first, second, third = (rows.message(conversation, text) for text in ("Weather?", "12 degrees", "Well?"))
    called = rows.answer(first, "", tool_calls=[CALL])
    failed = rows.answer(second, "", state=Answer.State.FAILED, problem={"code": "content_filtered"})

    messages = messages_of((first, called), (second, failed), (third, None), tools=[TOOL])

    assert [message["role"] for message in messages] == ["user", "assistant", "tool", "user"]


@pytest.mark.parametrize(
    "text",
    ["<think>Hm.</think>Four.", "Hm.\n</think>\n\nFour.", "[THINK]Hm.[/THINK]Four.", "<thought>Hm.</thought>Four."],
)
def test_reasoning_is_never_sent_back(conversation: Conversation, text: str) -> None:
    first, second = (rows.message(conversation, text) for text in "ab")
    answer = rows.answer(first, text, reasoning="Let me see.")

    _, sent, _ = messages_of((first, answer), (second, None))

    assert sent == {"role": "assistant", "content": "Four."}


def test_images_are_data_urls_next_to_the_text(conversation: Conversation) -> None:
    asked = rows.message(conversation, "What is it?")
    rows.image(asked)
    rows.image(asked, media_type="image/gif", data=b"GIF89a")
    asked.refresh_from_db()  # as the database gives the bytes back

    [message] = messages_of((asked, None))

    assert message["content"] == [
        {"type": "text", "text": "What is it?"},
        {
            "type": "image_url",
            "image_url": {"url": "data:image/png;base64," + b64encode(rows.PIXEL).decode()},
        },
        {"type": "image_url", "image_url": {"url": "data:image/gif;base64,R0lGODlh"}},
    ]


def test_an_image_without_text_is_a_message(conversation: Conversation) -> None:
    asked = rows.message(conversation, "")
    rows.image(asked)

    assert [part["type"] for part in messages_of((asked, None))[0]["content"]] == ["image_url"]


def test_bytes_of_either_database_make_the_same_url() -> None:
    assert data_url("image/gif", b"GIF89a") == data_url("image/gif", memoryview(b"GIF89a"))


def test_the_message_after_a_call_of_a_tool_is_its_result(conversation: Conversation) -> None:
    first = rows.message(conversation, "Weather?")
    called = rows.answer(first, "", tool_calls=[CALL, {**CALL, "id": "c2"}])
    result = rows.message(conversation, "12 degrees", parent=called)
    rows.image(result)

    *_, asked, one, two, picture = messages_of((first, called), (result, None), tools=[TOOL])

    function = {"name": "weather", "arguments": '{"city": "Paris"}'}
    assert asked == {
        "role": "assistant",
        "content": None,
        "tool_calls": [
            {"id": "c1", "type": "function", "function": function},
            {"id": "c2", "type": "function", "function": function},
        ],
    }
    assert one == {"role": "tool", "content": "12 degrees", "tool_call_id": "c1"}
    assert two == {**one, "tool_call_id": "c2"}
    assert [part["type"] for part in picture["content"]] == ["image_url"]


@pytest.mark.parametrize(
    ("calls", "params"),
    [
        ([CALL], {}),
        ([CALL], {"tools": [TOOL], "without": ["tools"]}),
        ([CALL, {**CALL, "arguments": '{"city": '}], {"tools": [TOOL]}),
        ([CALL, {**CALL, "arguments": "[" * 100_000}], {"tools": [TOOL]}),
        ([{**CALL, "id": None}], {"tools": [TOOL]}),
        ([{**CALL, "name": None}], {"tools": [TOOL]}),
    ],
)
def test_calls_that_the_gateway_would_refuse_are_not_sent_back(
    calls: list[dict[str, Any]], params: dict[str, Any], conversation: Conversation
) -> None:
    first = rows.message(conversation, "Weather?")
    called = rows.answer(first, "", tool_calls=calls)

    messages = messages_of((first, called), (rows.message(conversation, "Well?", parent=called), None), **params)

    assert messages == [{"role": "user", "content": "Weather?\n\nWell?"}]


def test_a_completion_takes_what_completions_know() -> None:
    body = completion_request({**EVERYTHING, "without": ["seed"]}, "Once").as_json()

    assert body == {
        "model": "m",
        "prompt": "Once",
        "temperature": 0.0,
        "top_p": 0.9,
        "n": 2,
        "max_tokens": 400,
        "stop": ["END"],
        "presence_penalty": -1.5,
        "frequency_penalty": 2.0,
        "logit_bias": {"50256": -100},
    }


def test_the_same_rows_make_the_same_request(conversation: Conversation) -> None:
    asked = rows.message(conversation, "Grüße 🐈")
    rows.image(asked)
    Conversation.objects.filter(pk=conversation.pk).update(
        parameters=rows.parameter_set(conversation.owner, EVERYTHING)
    )

    stored = Conversation.objects.get(pk=conversation.pk).params
    again = body_of(stored, (Message.objects.get(pk=asked.pk), None))

    assert json.dumps(again) == json.dumps(body_of(stored, (asked, None)))
    assert again == {**body_of(EVERYTHING, (asked, None)), "model": conversation.model_names[0]}


def test_only_the_portal_sets_the_user_of_a_request(intern: User, sandbox: Sandbox) -> None:
    know_the_models()
    for kind in (Conversation.Kind.CHAT, Conversation.Kind.COMPLETION):
        job = started(intern, "Hi", kind=kind, params={"user": "somebody-else"})
        refused = started(intern, "Hi", kind=kind, params={"without": ["user"]})

        assert job.body.as_json()["user"] == intern.gateway_user_id
        assert "user" not in refused.body.as_json()
        end_call(job.active_call_id)
        end_call(refused.active_call_id)
