"""A comparison as code, and the answers of its models."""

import pytest
from django.test import Client
from django.urls import reverse
from pytest_django.asserts import assertContains, assertNotContains

from accounts.models import User
from playground.models import Conversation
from tests.conftest import HTMX
from tests.keys.views.pages import words_of
from tests.playground import rows
from tests.playground.streams import know_the_models
from tests.playground.views.test_compare import COMPARE, MODELS, compared
from tests.playground.xss import STORABLE
from tests.sandbox_process import Sandbox


@pytest.fixture(autouse=True)
def models(sandbox: Sandbox, db: None) -> None:
    """Let the portal know the gateway's models."""
    know_the_models()


def test_shows_the_request_as_code(as_intern: Client) -> None:
    first, second = compared(as_intern, "Hello bees", temperature="0.3")

    of_form = as_intern.post(f"{COMPARE}code/", {"message": "Hello wasps", "models": MODELS}, headers=HTMX)
    of_column = as_intern.get(reverse("playground:column_code", args=[second.pk]), headers=HTMX)

    assertContains(of_form, "Hello wasps")
    assertContains(of_form, first.model)
    assert "Hello bees" in words_of(of_column)
    assert second.model in words_of(of_column)
    assert "0.3" in words_of(of_column)
    assert as_intern.post(f"{COMPARE}code/", {"message": "Hello"}, headers=HTMX).status_code == 422


def test_markup_of_models_and_people_is_escaped(as_intern: Client, intern: User) -> None:
    everything = "\n".join(STORABLE)
    conversation = rows.conversation(intern, kind=Conversation.Kind.COMPARE, title="<script>alert(1)</script>")
    asked = rows.message(conversation, everything)
    rows.answer(asked, everything, model="<img src=x onerror=alert(1)>", problem={"code": "refused", "message": "<b>"})

    page = as_intern.get(reverse("playground:comparison", args=[conversation.pk]))

    assertNotContains(page, "<script>alert(1)")
    assertNotContains(page, "<img src=x")
    assertContains(page, "&lt;img src=x onerror=alert(1)&gt;")
