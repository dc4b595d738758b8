"""The chat through a real LiteLLM, by the portal's own views: its streams, counts and parameters."""

import json
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse
from pytest_django import Settings

from accounts.models import User
from keys.models import GatewayModel
from playground.models import Answer
from playground.services.raw import raw_request
from tests.keys.real_gateway import RealGateway, real_gateway
from tests.keys.views.pages import words_of
from tests.playground import hostile_files, rows
from tests.playground.ask_form import TOOL
from tests.playground.real_portal import FLUSH_S, logged
from tests.playground.sse import answer_to, received, send
from tests.playground.streams import MODEL, know_the_models
from tests.waiting import wait_until

pytestmark = pytest.mark.real_gateway

State = Answer.State


@pytest.fixture(autouse=True)
def real(intern: User, settings: Settings) -> Iterator[RealGateway]:
    """Point the portal at the real gateway, and let it know the models."""
    with real_gateway(settings, intern) as gateway:
        know_the_models()
        yield gateway


def direct_answer(real: RealGateway, text: str) -> Any:
    """Ask the gateway itself, without a portal or a stream; return the `requests` response."""
    body = {"model": MODEL, "messages": [{"role": "user", "content": text}]}
    answer = real.call("POST", "/v1/chat/completions", body=body)
    assert answer.status_code == 200, answer.text
    return answer


def test_an_answer_comes_in_pieces_and_is_kept_as_it_came(as_intern: Client, real: RealGateway) -> None:
    question = "Tell me of bees [words 80] [pace 20] [cached 2] [reason 5]"
    conversation = received(send(as_intern, question))

    answer, directly = conversation.answer, direct_answer(real, question)
    assert (answer.state, answer.problem) == (State.COMPLETE, None)
    assert conversation.text == answer.text == directly.json()["choices"][0]["message"]["content"]
    pieces = [part for part in conversation.parts if part.target == f"text-{answer.pk}"]
    assert len(pieces) > 5
    assert conversation.said == "The answer is finished."


def test_its_figures_are_the_gateways_own(as_intern: Client, real: RealGateway) -> None:
    question = "Tell me of bees [words 80] [cached 2] [reason 5]"
    conversation = received(send(as_intern, question))

    answer, directly = conversation.answer, direct_answer(real, question)
    usage = directly.json()["usage"]
    assert (answer.prompt_tokens, answer.completion_tokens) == (usage["prompt_tokens"], usage["completion_tokens"])
    assert (answer.cached_tokens, answer.reasoning_tokens) == (2, 5)
    assert answer.cost_usd == round(Decimal(directly.headers["x-litellm-response-cost"]), 10)  # theirs is a float
    assert answer.cost_source == Answer.CostSource.REPORTED
    assert (answer.model, answer.answered_by, answer.finish_reason) == (MODEL, MODEL, "stop")
    assert answer.call_id == answer.headers["x-litellm-call-id"]
    assert answer.first_token_ms is not None
    assert answer.took_ms is not None
    assert 0 < answer.first_token_ms <= answer.took_ms
    for word in ("First word", "Speed", "Tokens", "80 out", "Cost", "Ended", "Call"):
        assert word in conversation.article
    assert "estimate" not in conversation.article


def test_the_conversation_goes_with_the_next_question(as_intern: Client) -> None:
    first = answer_to(as_intern, "One two three [words 30]")
    where = {"conversation": str(first.message.conversation_id), "parent": str(first.pk)}

    second = answer_to(as_intern, "And four? [words 3]", system="Be brief", **where)

    tokens = sum(len(text.split()) for text in ("One two three [words 30]", "And four? [words 3]", "Be brief"))
    assert second.prompt_tokens == tokens + 30
    assert second.state == State.COMPLETE


def test_the_request_can_be_seen_with_the_gateways_headers(as_intern: Client) -> None:
    answer = answer_to(as_intern, "Hello [words 3]")

    words = words_of(as_intern.get(reverse("playground:details", args=[answer.pk])))

    assert answer.call_id in words
    assert "x-litellm-call-id" in words
    assert "Hello [words 3]" in words


@pytest.mark.parametrize(
    ("model", "source"), [(MODEL, Answer.CostSource.CALCULATED), ("llama-70b", Answer.CostSource.LISTED)]
)
def test_an_estimated_cost_is_close_to_the_billed_one(
    as_intern: Client, real: RealGateway, model: str, source: str
) -> None:
    """LiteLLM calculates with public prices only; what a gateway sets for models of its own is in its list."""
    conversation = received(send(as_intern, "Tell me of bees [words 80]", model=model, without="stream_options"))

    answer = conversation.answer
    assert (answer.state, answer.prompt_tokens, answer.cost_source) == (State.COMPLETE, None, source)
    assert "(estimate)" in conversation.article
    billed_usd = wait_until(lambda: logged(real, answer), FLUSH_S)["spend"]
    assert 0.5 * billed_usd < float(answer.cost_usd or 0) < 2 * billed_usd


def test_whom_a_request_is_for_is_in_the_gateways_log(as_intern: Client, real: RealGateway) -> None:
    answer = answer_to(as_intern, "Hello [words 3]", user="somebody-else")

    row = wait_until(lambda: logged(real, answer), FLUSH_S)

    owner = answer.message.conversation.owner.gateway_user_id
    assert (row["end_user"], row["user"]) == (owner, owner)


# --- What may be asked for --------------------------------------------------------------------------
@pytest.mark.parametrize(
    "params",
    [
        {"json": "on"},
        {"tools": json.dumps([TOOL]), "tool_choice": "auto"},
        {"temperature": "0.5", "top_p": "0.9", "seed": "7", "stop": "end"},
        {
            "presence_penalty": "0.1",
            "frequency_penalty": "0.1",
            "logit_bias": '{"50256": -5}',
            "metadata": "course = b",
        },
    ],
    ids=["json", "tools", "sampling", "penalties"],
)
def test_accepts_every_parameter_of_the_form(as_intern: Client, params: dict[str, Any]) -> None:
    answer = answer_to(as_intern, "Hello [words 3]", **params)

    assert (answer.state, answer.problem, len(answer.text.split())) == (State.COMPLETE, None, 3)
    assert set(params) < set(answer.params)


def test_the_longest_answer_is_held(as_intern: Client) -> None:
    answer = answer_to(as_intern, "Hello [words 30]", max_tokens="4")

    assert (answer.finish_reason, answer.completion_tokens, len(answer.text.split())) == ("length", 4, 4)


def test_every_choice_of_several_is_kept(as_intern: Client) -> None:
    conversation = received(send(as_intern, "Hello", model="mock_inline", n="2"))

    answer = conversation.answer
    assert answer.state == State.COMPLETE
    assert conversation.text == answer.text == "This answer comes from mock_response."
    assert [other["text"] for other in answer.others] == [answer.text]


def test_an_image_is_sent_to_a_model_with_vision(as_intern: Client) -> None:
    assert "vision" in GatewayModel.objects.get(name=MODEL).features
    picture = SimpleUploadedFile("cat.png", rows.PIXEL, "image/png")

    answer = answer_to(as_intern, "What is this? [words 3]", attachments=picture)

    assert (answer.state, answer.problem) == (State.COMPLETE, None)
    assert "image_url" in words_of(as_intern.get(reverse("playground:details", args=[answer.pk])))


def test_a_pdf_goes_as_its_text_or_as_it_is_to_a_model_that_reads_pdf(as_intern: Client) -> None:
    kinds = []
    for features in ((), ("pdf",)):
        GatewayModel.objects.filter(name=MODEL).update(features=list(features))
        report = SimpleUploadedFile("report.pdf", hostile_files.pdf("Bees dance"), "application/pdf")
        answer = answer_to(as_intern, "What is this? [words 3]", attachments=report)
        assert (answer.state, answer.problem) == (State.COMPLETE, None)
        content = raw_request(answer)["messages"][0]["content"]
        kinds.append(
            ["text", "Bees dance" in content] if isinstance(content, str) else [part["type"] for part in content]
        )

    assert kinds == [["text", True], ["text", "file"]]


def test_an_image_is_not_sent_to_a_model_without_vision(as_intern: Client) -> None:
    picture = SimpleUploadedFile("cat.png", rows.PIXEL, "image/png")

    response = send(as_intern, "What is this?", model="llama-70b", attachments=picture)

    assert response.status_code == 422
    assert "“llama-70b” takes no images. These do: gpt-4o-mini" in words_of(response)
