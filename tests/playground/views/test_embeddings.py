"""Texts are embedded; the vectors are compared, shown, downloaded, and not stored."""

import json
import re
from base64 import b64decode
from typing import Any

import pytest
from django.test import Client
from pytest_django import Settings
from pytest_django.asserts import assertContains, assertNotContains

from accounts.models import User
from keys.models import GatewayModel
from playground.models import ActiveCall, Conversation
from tests.conftest import HTMX
from tests.keys.leaks import assert_nowhere, everywhere
from tests.keys.playground_actions import allow
from tests.keys.views.pages import words_of
from tests.playground import rows
from tests.playground.streams import know_the_models
from tests.playground.xss import CORPUS
from tests.sandbox_process import Sandbox

PAGE = "/playground/embeddings/"


@pytest.fixture(autouse=True)
def models(sandbox: Sandbox, db: None) -> None:
    """Let the portal know the gateway's models."""
    know_the_models()


def send(client: Client, texts: str, *, htmx: bool = True, **fields: str) -> Any:
    return client.post(PAGE, {"texts": texts, "model": "embedding", **fields}, headers=HTMX if htmx else {})


def download_of(response: Any) -> Any:
    """Return what the link of the page downloads."""
    [data] = re.findall(
        r'href="data:application/json;base64,([^"]+)" download="vectors.json"', response.content.decode()
    )
    return json.loads(b64decode(data))


def cells_of(response: Any) -> list[str]:
    """Return the numbers of the heat map, row by row."""
    return re.findall(r'<td class="ps-cell q\d">([^<]+)</td>', response.content.decode())


def test_explains_itself_before_the_first_text(as_intern: Client) -> None:
    response = as_intern.get(PAGE)

    assertContains(response, "Which of these belong together?")
    assertContains(response, 'value="embedding"')
    assertNotContains(response, 'value="gpt-4o-mini"')


@pytest.mark.parametrize("htmx", [True, False])
def test_shows_vectors_and_their_similarity(as_intern: Client, htmx: bool) -> None:
    response = send(as_intern, "bees\n\n  wasps \r\nbees\n", htmx=htmx)

    assert response.status_code == 200
    data = download_of(response)
    assert [row["text"] for row in data["data"]] == ["bees", "wasps", "bees"]
    assert [len(row["embedding"]) for row in data["data"]] == [16, 16, 16]
    cells = cells_of(response)
    assert (cells[0], cells[2], cells[4], cells[6]) == ("1.00",) * 4
    assert cells[1] == cells[3] == cells[5] == cells[7] != "1.00"
    first = data["data"][1]["embedding"]
    assertContains(response, "  ".join(f"{number:.4f}" for number in first[:8]))
    assert ("<html" in response.content.decode()) is not htmx


def test_shows_tokens_cost_and_call_id(as_intern: Client) -> None:
    words = words_of(send(as_intern, "one two three four five"))

    assert "Tokens 5" in words
    assert "Cost 0.00000050\u00a0USD" in words or "Cost 0.00000050 USD" in words  # 5 × 0.10 USD a million
    assert "Call" in words
    assert "Similarity" not in words  # of one text there is nothing to compare


def test_stores_nothing_and_ends_its_call(
    as_intern: Client, sandbox: Sandbox, caplog: pytest.LogCaptureFixture
) -> None:
    response = send(as_intern, "a secret text")

    assert not Conversation.objects.exists()
    assert ActiveCall.objects.filter(ended_at=None).count() == 0 < ActiveCall.objects.count()
    assert_nowhere(sandbox.issued_secrets(), [("page", response.content), *everywhere(caplog)])


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"texts": " \n "}, "Write a text first."),
        ({"texts": "\n".join("abcdefghi")}, "These are 9 texts. 8 are allowed."),
        ({"texts": f"a\n\n{'b' * 2001}"}, "Text 2 has 2001 characters. 2000 are allowed: shorten it."),
        ({"texts": "a", "model": "gpt-4o-mini"}, "You cannot call “gpt-4o-mini” here."),
    ],
)
def test_says_what_is_wrong_at_its_field(as_intern: Client, fields: dict[str, Any], said: str) -> None:
    response = send(as_intern, **fields)

    assert response.status_code == 422
    assert said in words_of(response)
    assert not ActiveCall.objects.exists()


@pytest.mark.parametrize(
    ("kind", "more", "status", "said"),
    [
        ("error", {"status": 500}, 503, "The gateway’s message"),
        ("drop_before", {}, 503, "gateway"),
        ("html", {}, 503, "gateway"),
        ("error", {"status": 429}, 502, "The gateway’s message"),
    ],
)
def test_errors_are_shown_as_a_card(
    as_intern: Client, sandbox: Sandbox, kind: str, more: dict[str, Any], status: int, said: str
) -> None:
    send(as_intern, "first, so that there is a key")
    sandbox.faults("/embeddings", kind, times=5, **more)

    response = send(as_intern, "bees")

    assert response.status_code == status
    assertContains(response, 'class="ps-note is-', status_code=status)
    assert said in words_of(response)
    assertContains(response, "bees", status_code=status)  # what was typed stays
    assert not ActiveCall.objects.filter(ended_at=None).exists()


def test_respects_the_limits(as_intern: Client, intern: User, settings: Settings) -> None:
    for _ in range(settings.PLAYGROUND_STREAMS_PER_USER):
        rows.call(intern)

    response = send(as_intern, "bees")

    assert response.status_code == 429
    assert "3 answers are being written for you already." in words_of(response)


def test_people_without_permission_see_no_form(as_intern: Client) -> None:
    allow(playground__allowed=False)

    assertContains(as_intern.get(PAGE), "No model for embeddings")
    assert send(as_intern, "bees").status_code == 422


def test_without_a_model_it_says_so(as_intern: Client) -> None:
    GatewayModel.objects.filter(mode="embedding").delete()

    response = as_intern.get(PAGE)

    assertContains(response, "No model for embeddings")
    assertNotContains(response, "<textarea")


def test_shows_the_request_as_code(as_intern: Client) -> None:
    response = as_intern.post(f"{PAGE}code/", {"texts": "bees\nwasps", "model": "embedding"}, headers=HTMX)

    assertContains(response, "/embeddings")
    assert "wasps" in words_of(response)
    assert as_intern.post(f"{PAGE}code/", {"texts": ""}, headers=HTMX).status_code == 422


def test_markup_of_a_text_is_escaped(as_intern: Client) -> None:
    for start in range(0, len(CORPUS), 8):
        texts = [text.replace("\r", " ").replace("\n", " ")[:2000] for text in CORPUS[start : start + 8]]
        page = send(as_intern, "\n".join(texts), htmx=False).content.decode()
        assert "alert(1)>" not in re.sub(r"&[a-z#0-9]+;", "", page)
        ActiveCall.objects.all().delete()  # of the last minute
