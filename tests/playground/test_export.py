"""The content of a conversation's files."""

import json
from decimal import Decimal
from typing import Any

import pytest

from accounts.models import User
from playground.errors.classify import INTERRUPTED
from playground.models import Answer, AnswerQuerySet, Conversation
from playground.services.export import as_json
from playground.services.export_markdown import as_markdown
from playground.services.raw import raw_request, raw_response
from playground.services.requests import data_url
from tests.factories import make_user
from tests.playground import rows

pytestmark = pytest.mark.django_db

CALL = {"id": "call_1", "name": "weather", "arguments": '{"city": "Fès"}'}
FIGURES: dict[str, Any] = {
    "answered_by": "llama-3.3-70b-2026",
    "call_id": "abc-1",
    "headers": {"x-litellm-call-id": "abc-1"},
    "prompt_tokens": 38,
    "completion_tokens": 86,
    "cost_usd": Decimal("0.0000150000"),
    "cost_source": "reported",
    "first_token_ms": 410,
    "took_ms": 1800,
}


@pytest.fixture
def conversation() -> Conversation:
    """Make a conversation with an image, an alternative, and all that an answer can have."""
    made = rows.conversation(make_user(), ("Look at *this*", "I see.\n\n- a cat"), title="A cat")
    first = rows.last_answer(made)
    rows.image(first.message, name="cat.png")
    params = {"model": "llama-3.3-70b", "system": "Be brief.", "temperature": 0.2}
    message = rows.message(made, "And now?", parent=first)
    rows.answer(message, "an alternative", params=params)
    rows.answer(message, "It sleeps.", params=params, reasoning="It lies\nstill.", tool_calls=[CALL], **FIGURES)
    made.refresh_from_db()
    return made


def the_last(conversation: Conversation) -> AnswerQuerySet:
    return Answer.objects.filter(pk=rows.last_answer(conversation).pk)


def exported(conversation: Conversation) -> dict[str, Any]:
    body: dict[str, Any] = json.loads(as_json(conversation))
    return body


# --- Markdown ---------------------------------------------------------------------------------------
def test_markdown_has_the_shown_branch_as_written_and_then_the_other_versions(conversation: Conversation) -> None:
    text = as_markdown(conversation)

    parts = ["# A cat", "## You", "Look at *this*", "Image: cat.png", "## llama-3.3-70b", "I see.\n\n- a cat"]
    parts += ["## System prompt", "Be brief.", "## You", "And now?", "> It lies\n> still.", "It sleeps.", "weather"]
    parts += ["# Other versions", "## You", "> And now?…", "an alternative"]
    places: list[int] = []
    for part in parts:
        places.append(text.index(part, places[-1] if places else 0))
    assert places == sorted(places)


def test_markdown_has_model_parameters_and_figures(conversation: Conversation) -> None:
    figures = as_markdown(conversation).split("# Other versions")[0].splitlines()[-2]

    for part in (
        "answered by llama-3.3-70b-2026",
        "temperature = 0.2",
        "38 tokens in",
        "86 tokens out",
        "0.000015 USD (reported by the gateway)",
        "first token after 0.41 s",
        "1.80 s in all",
        "Finished (stop)",
        "call abc-1",
    ):
        assert part in figures


def test_markdown_contains_no_image(conversation: Conversation) -> None:
    assert "base64" not in as_markdown(conversation)


def test_markdown_says_how_an_answer_was_interrupted(conversation: Conversation) -> None:
    the_last(conversation).update(state=Answer.State.FAILED, problem=INTERRUPTED.as_json())

    text = as_markdown(conversation)

    assert text.index("It sleeps.") < text.index("**", text.index("It sleeps."))
    assert "Broke off" in text


def test_markdown_has_the_further_choices(conversation: Conversation) -> None:
    the_last(conversation).update(others=[{"text": "It dreams."}])

    assert "### Choice 2\n\nIt dreams." in as_markdown(conversation)


def test_nothing_in_the_arguments_of_a_tool_ends_their_block(conversation: Conversation) -> None:
    the_last(conversation).update(tool_calls=[{**CALL, "arguments": "```\n# not a heading"}])

    assert "````\n```\n# not a heading\n````" in as_markdown(conversation)


# --- JSON -------------------------------------------------------------------------------------------
def test_json_has_every_alternative_and_says_which_is_shown(conversation: Conversation) -> None:
    body = exported(conversation)

    first, second = body["messages"]
    assert [answer["text"] for answer in second["answers"]] == ["an alternative", "It sleeps."]
    assert body["shown"] == [first["answers"][0]["id"], second["answers"][1]["id"]]
    assert (first["follows"], second["follows"]) == (None, first["answers"][0]["id"])


def test_json_has_images_as_data(conversation: Conversation) -> None:
    [image] = exported(conversation)["messages"][0]["images"]

    assert image == {"name": "cat.png", "media_type": "image/png", "url": data_url("image/png", rows.PIXEL)}


def test_json_has_model_parameters_and_figures(conversation: Conversation) -> None:
    answer = exported(conversation)["messages"][1]["answers"][1]

    assert answer["cost_usd"] == "0.0000150000"
    assert answer["params"]["temperature"] == 0.2
    assert {name: answer[name] for name in FIGURES if name != "cost_usd"} == {
        name: value for name, value in FIGURES.items() if name != "cost_usd"
    }
    assert answer["tool_calls"] == [CALL]


def test_json_names_neither_owner_nor_others(conversation: Conversation) -> None:
    rows.conversation(make_user(), ("somebody else's", "words"))

    body = as_json(conversation)

    assert "somebody else" not in body
    assert conversation.owner.email not in body
    assert "Fès" in body


@pytest.mark.parametrize("length", [1, 30])
def test_files_are_read_in_a_fixed_number_of_queries(length: int, django_assert_max_num_queries: Any) -> None:
    conversation = rows.conversation(make_user(), *[("a", "1")] * length)

    with django_assert_max_num_queries(3):
        as_markdown(conversation)
    with django_assert_max_num_queries(3):
        as_json(conversation)


# --- Request and response ---------------------------------------------------------------------------
def owned(conversation: Conversation, owner: User) -> Answer:
    return Answer.objects.owned_by(owner).get(pk=rows.last_answer(conversation).pk)


def test_the_request_is_the_one_that_was_sent(conversation: Conversation) -> None:
    body = raw_request(owned(conversation, conversation.owner))

    assert (body["model"], body["temperature"], body["stream"]) == ("llama-3.3-70b", 0.2, True)
    assert body["stream_options"] == {"include_usage": True}
    assert [message["role"] for message in body["messages"]] == ["system", "user", "assistant", "user"]
    assert body["messages"][-1]["content"] == "And now?"


def test_the_request_shows_the_beginning_of_an_image(conversation: Conversation) -> None:
    url = raw_request(owned(conversation, conversation.owner))["messages"][1]["content"][1]["image_url"]["url"]

    assert url.startswith("data:image/png;base64,iVBOR")
    assert url.endswith("characters)")


def test_a_prompt_that_looks_like_an_image_is_not_cut(conversation: Conversation) -> None:
    prompt = "data:" + "x" * 500
    rows.answer(rows.message(conversation, prompt))
    conversation.refresh_from_db()

    assert raw_request(owned(conversation, conversation.owner))["messages"][-1]["content"] == prompt


def test_the_response_is_put_together_as_openai_writes_it(conversation: Conversation) -> None:
    the_last(conversation).update(others=[{"text": "It dreams.", "finish_reason": "length"}])

    body = raw_response(owned(conversation, conversation.owner))

    assert (body["id"], body["object"], body["model"]) == ("abc-1", "chat.completion", "llama-3.3-70b-2026")
    first, second = body["choices"]
    assert first["message"]["content"] == "It sleeps."
    assert first["message"]["reasoning_content"] == "It lies\nstill."
    assert first["message"]["tool_calls"][0]["function"] == {"name": "weather", "arguments": '{"city": "Fès"}'}
    assert (second["index"], second["message"]["content"], second["finish_reason"]) == (1, "It dreams.", "length")
    assert body["usage"] == {"prompt_tokens": 38, "completion_tokens": 86}


def test_the_response_of_a_completion_is_a_text() -> None:
    conversation = rows.conversation(make_user(), ("Once", "upon a time"), kind=Conversation.Kind.COMPLETION)

    body = raw_response(owned(conversation, conversation.owner))

    assert (body["object"], "usage" in body) == ("text_completion", False)
    assert body["choices"] == [{"index": 0, "text": "upon a time", "finish_reason": "stop"}]
