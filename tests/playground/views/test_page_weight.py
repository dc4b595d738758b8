"""The size of the pages: a hundred models and many conversations are compressed, streams never."""

import pytest
from django.test import Client
from django.urls import reverse

from accounts.models import User
from keys.models import GatewayModel
from tests.conftest import HTMX
from tests.playground import rows
from tests.playground.sse import received
from tests.playground.streams import MODEL, know_the_models
from tests.sandbox_process import Sandbox

pytestmark = pytest.mark.django_db

GZIP = {"Accept-Encoding": "gzip, br"}
MODES = ("chat", "completion", "embedding", "moderation")
PAGES = ["index", "compare", "completion", "embeddings", "moderation"]
MOST_BYTES = 20_000  # of the 250,000 of a first visit (docs/design.md); the rest is kept by the browser


@pytest.fixture
def many_models(db: None) -> None:
    GatewayModel.objects.bulk_create(
        GatewayModel(name=f"house-{number}/{mode}-{number * 7919}", mode=mode, features=["vision", "tools"])
        for mode in MODES
        for number in range(100)
    )


@pytest.mark.parametrize("page", PAGES)
def test_a_page_with_a_hundred_models_is_light(as_intern: Client, intern: User, many_models: None, page: str) -> None:
    for number in range(50):
        rows.conversation(intern, (f"Question {number}, of {number * 7919}", "An answer."))

    answer = as_intern.get(reverse(f"playground:{page}"), headers=GZIP)

    assert answer["Content-Encoding"] == "gzip"
    assert len(answer.content) <= MOST_BYTES
    assert len(as_intern.get(reverse(f"playground:{page}")).content) > 2 * len(answer.content)


def test_a_long_conversation_is_light(as_intern: Client, intern: User) -> None:
    conversation = rows.conversation(
        intern, *[("Tell me more of bees.", "## Bees\n\nThey *fly*.\n\n```python\nfly(9)\n```\n")] * 30
    )
    answer = rows.last_answer(conversation)

    for address in (
        reverse("playground:conversation", args=[conversation.pk]),
        reverse("playground:details", args=[answer.pk]),
        reverse("playground:export", args=[conversation.pk, "json"]),
    ):
        response = as_intern.get(address, headers=GZIP)

        assert response["Content-Encoding"] == "gzip"
        assert len(response.content) <= MOST_BYTES


@pytest.mark.parametrize("page", ["send", "completion"])
def test_a_stream_is_not_delayed_by_compression(as_intern: Client, sandbox: Sandbox, page: str) -> None:
    know_the_models()
    asked = {"message": "[count 3]", "model": MODEL}

    response = as_intern.post(reverse(f"playground:{page}"), asked, headers={**HTMX, **GZIP})

    assert "Content-Encoding" not in response
    assert received(response).text == "1 2 3"
