"""A text is moderated, category by category, and neither text nor result is stored."""

import re
from typing import Any

import pytest
from django.test import Client
from pytest_django.asserts import assertContains, assertNotContains

from keys.models import GatewayModel
from playground.models import ActiveCall, Conversation
from tests.conftest import HTMX
from tests.keys.views.pages import words_of
from tests.playground.streams import know_the_models
from tests.sandbox_process import Sandbox

PAGE = "/playground/moderation/"


@pytest.fixture(autouse=True)
def models(sandbox: Sandbox, db: None) -> None:
    """Let the portal know the gateway's models."""
    know_the_models()


def send(client: Client, text: str, *, htmx: bool = True, **fields: str) -> Any:
    return client.post(PAGE, {"text": text, "model": "moderation", **fields}, headers=HTMX if htmx else {})


def scores_of(response: Any) -> list[tuple[str, str]]:
    """Return the categories with their bars, as they stand on the page."""
    pattern = r'<bdi>(\w+)</bdi></th><td>[^<]*<progress class="ps-bar(?: is-warn)?" max="100" value="(\d+)"'
    return re.findall(pattern, response.content.decode())


@pytest.mark.parametrize("htmx", [True, False])
def test_flags_in_words_the_highest_score_first(as_intern: Client, htmx: bool) -> None:
    response = send(as_intern, "They kill\n\neach other", htmx=htmx)

    assert response.status_code == 200
    assert "Flagged" in words_of(response)
    assert "because of: violence ." in words_of(response)
    assert scores_of(response) == [("violence", "97"), ("hate", "1")]
    assert ("<html" in response.content.decode()) is not htmx


def test_a_harmless_text_is_not_flagged(as_intern: Client) -> None:
    words = words_of(send(as_intern, "Bees like flowers"))

    assert "Not flagged" in words
    assert "would let the text pass" in words


def test_stores_nothing_and_ends_its_call(as_intern: Client) -> None:
    send(as_intern, "They kill")

    assert not Conversation.objects.exists()
    assert ActiveCall.objects.filter(ended_at=None).count() == 0 < ActiveCall.objects.count()


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"text": " "}, "Write a text first."),
        ({"text": "a" * 20_001}, "This has 20001 characters. 20000 are allowed: shorten it."),
        ({"text": "a", "model": "embedding"}, "You cannot call “embedding” here."),
    ],
)
def test_says_what_is_wrong_at_its_field(as_intern: Client, fields: dict[str, Any], said: str) -> None:
    response = send(as_intern, **fields)

    assert response.status_code == 422
    assert said in words_of(response)


def test_errors_are_shown_as_a_card(as_intern: Client, sandbox: Sandbox) -> None:
    send(as_intern, "first, so that there is a key")
    sandbox.faults("/moderations", "error", status=500)

    response = send(as_intern, "bees")

    assert response.status_code == 503
    assert "The gateway’s message" in words_of(response)


def test_without_a_model_it_says_so(as_intern: Client) -> None:
    GatewayModel.objects.filter(mode="moderation").delete()

    response = as_intern.get(PAGE)

    assertContains(response, "No model for moderation")
    assertNotContains(response, "<textarea")


def test_shows_the_request_as_code(as_intern: Client) -> None:
    response = as_intern.post(f"{PAGE}code/", {"text": "bees", "model": "moderation"}, headers=HTMX)

    assertContains(response, "/moderations")
    assert as_intern.post(f"{PAGE}code/", {"text": ""}, headers=HTMX).status_code == 422


def test_markup_of_a_text_is_escaped(as_intern: Client) -> None:
    response = send(as_intern, "</textarea><script>alert(1)</script>", htmx=False)

    assertNotContains(response, "<script>alert(1)")
