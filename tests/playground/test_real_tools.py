"""The tools through a real LiteLLM: completions, embeddings, moderation, models side by side."""

from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from pytest_django import Settings

from accounts.models import User
from gateway.secret import token_of
from keys.models import GatewayModel
from playground.models import ActiveCall, Answer, Conversation
from playground.services.columns import columns_of
from tests.conftest import HTMX
from tests.keys.playground_actions import use
from tests.keys.real_gateway import RealGateway, real_gateway
from tests.keys.views.pages import words_of
from tests.playground.sse import received
from tests.playground.streams import MODEL, know_the_models

pytestmark = pytest.mark.real_gateway

State = Answer.State


@pytest.fixture(autouse=True)
def real(intern: User, settings: Settings) -> Iterator[RealGateway]:
    """Point the portal at the real gateway, and let it know the models."""
    with real_gateway(settings, intern) as gateway:
        know_the_models()
        yield gateway


def post(client: Client, place: str, **fields: Any) -> Any:
    return client.post(f"/playground/{place}/", fields, headers=HTMX)


# --- A text gone on with ----------------------------------------------------------------------------
def test_a_text_is_completed(as_intern: Client) -> None:
    conversation = received(
        post(as_intern, "completion", message="Once upon [words 40] [pace 10]", model=MODEL, max_tokens="30")
    )

    answer = Answer.objects.get()
    assert (answer.state, answer.problem) == (State.COMPLETE, None)
    assert conversation.text == answer.text
    assert len([part for part in conversation.parts if part.target == f"text-{answer.pk}"]) > 3
    assert len(answer.text.split()) == 30
    assert (answer.prompt_tokens, answer.completion_tokens, answer.finish_reason) == (6, 30, "length")
    assert (answer.cost_usd, answer.cost_source) == (Decimal("0.0000189"), Answer.CostSource.REPORTED)
    assert answer.call_id


def test_a_completion_that_fails(as_intern: Client) -> None:
    received(post(as_intern, "completion", message="Once [fail 503]", model=MODEL))

    answer = Answer.objects.get()
    assert answer.problem is not None
    assert (answer.state, answer.problem["code"]) == (State.FAILED, "provider_down")
    page = words_of(as_intern.get(reverse("playground:completed", args=[answer.message.conversation_id])))
    assert "This model is not working" in page


# --- Vectors ----------------------------------------------------------------------------------------
def test_texts_are_embedded(as_intern: Client, real: RealGateway) -> None:
    response = post(as_intern, "embeddings", texts="bee\nwasp\nmoth", model="embedding")

    assert response.status_code == 200
    words = words_of(response)
    body = {"model": "embedding", "input": ["bee", "wasp", "moth"]}
    vectors = [row["embedding"] for row in real.call("POST", "/v1/embeddings", body=body).json()["data"]]
    places = [words.index(" ".join(f"{number:.4f}" for number in vector)) for vector in vectors]
    assert places == sorted(places)
    assert not ActiveCall.objects.filter(ended_at=None).exists()


@pytest.mark.parametrize(
    ("model", "title"),
    [("unreachable", "This model is not working"), ("gone-since", "You do not have access to this model")],
    ids=["unreachable", "gone"],
)
def test_a_model_without_embeddings_is_reported_as_a_card(as_intern: Client, model: str, title: str) -> None:
    GatewayModel.objects.update_or_create(name=model, defaults={"mode": "embedding", "position": 99})

    response = post(as_intern, "embeddings", texts="bee\nwasp", model=model)

    assert response.status_code in (502, 503)
    assert title in words_of(response)


# --- Verdicts ---------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("text", "verdict"),
    [
        ("They kill bees", "Flagged A filter with this model would block the text because of: violence ."),
        ("Bees like flowers", "Not flagged A filter with this model would let the text pass."),
    ],
    ids=["flagged", "passed"],
)
def test_a_text_is_moderated(as_intern: Client, text: str, verdict: str) -> None:
    response = post(as_intern, "moderation", text=text, model="moderation")

    assert response.status_code == 200
    words = words_of(response)
    assert verdict in words
    assert "violence" in words
    assert "hate" in words
    assert "harassment" not in words  # LiteLLM names it, without saying anything of it


def test_a_model_without_moderation_is_reported_as_a_card(intern: User, as_intern: Client, real: RealGateway) -> None:
    token = token_of(use(intern))
    real.call("POST", "/key/update", body={"key": token, "models": ["llama-70b"]}).raise_for_status()

    response = post(as_intern, "moderation", text="They kill bees", model="moderation")

    assert response.status_code == 502
    assert "You do not have access to this model" in words_of(response)


# --- Side by side -----------------------------------------------------------------------------------
def test_models_side_by_side_of_which_one_fails(as_intern: Client) -> None:
    names = ["gpt-4o-mini", "llama-70b", "unreachable"]
    assert post(as_intern, "compare", message="Hello [words 30] [pace 10]", models=names).status_code == 200
    conversation = Conversation.objects.get()
    answers = [column.answer for column in columns_of(conversation)]
    addresses = [reverse("playground:stream", args=[answer.pk]) for answer in answers]
    streams = [as_intern.get(address, headers=HTMX) for address in addresses]
    assert [stream.status_code for stream in streams] == [200, 200, 200]

    conversations = [received(stream) for stream in streams]

    kept = {column.answer.model: column for column in columns_of(conversation)}
    assert [kept[name].answer.state for name in names] == [State.COMPLETE, State.COMPLETE, State.FAILED]
    for name, heard_of in zip(names[:2], conversations[:2], strict=True):
        assert heard_of.text == kept[name].answer.text
        assert len(heard_of.text.split()) == 30
        assert kept[name].answer.answered_by == name
    assert (kept["unreachable"].answer.problem or {})["code"] == "provider_down"
    assert [kept[name].least for name in names] == [True, False, False]
