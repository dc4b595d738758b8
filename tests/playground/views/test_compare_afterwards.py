"""A comparison that has ended: a chat that goes on with one of its models, and the table of figures."""

import pytest
from django.test import Client
from django.urls import reverse
from pytest_django.asserts import assertContains, assertNotContains, assertRedirects

from accounts.models import User
from playground.models import Answer, Conversation
from tests.playground import rows
from tests.playground.streams import know_the_models
from tests.playground.views.test_compare import MODELS, compared, kept, page_of, streamed
from tests.sandbox_process import Sandbox


@pytest.fixture(autouse=True)
def models(sandbox: Sandbox, db: None) -> None:
    """Let the portal know the gateway's models."""
    know_the_models()


def test_goes_on_with_one_of_the_models_in_a_chat(as_intern: Client, intern: User) -> None:
    answers = compared(as_intern, "Hello [words 3]", system="Be brief.", unkept="1")
    streamed(as_intern, answers[0])
    chosen = kept(answers[0])

    gone = as_intern.post(reverse("playground:go_on", args=[chosen.pk]))

    chat = Conversation.objects.get(kind=Conversation.Kind.CHAT)
    assertRedirects(gone, reverse("playground:conversation", args=[chat.pk]))
    assert (chat.owner, chat.kept, chat.model_names) == (intern, False, [chosen.model])
    assert chat.params == {"model": chosen.model, "system": "Be brief."}
    copy = rows.last_answer(chat)
    assert (copy.text, copy.message.text) == (chosen.text, "Hello [words 3]")
    assert Answer.objects.filter(message__conversation=chosen.message.conversation).count() == len(MODELS)


def test_does_not_go_on_from_nothing(as_intern: Client) -> None:
    waiting = compared(as_intern)[0]
    refused = as_intern.post(reverse("playground:go_on", args=[waiting.pk]))
    assertContains(refused, "no answer of this model", status_code=409)
    assert not Conversation.objects.filter(kind=Conversation.Kind.CHAT).exists()


def test_a_table_has_the_figures_once_all_have_ended(as_intern: Client) -> None:
    answers = compared(as_intern)
    streamed(as_intern, answers[0])
    assertNotContains(as_intern.get(page_of(answers[0])), "Figures of all models")
    streamed(as_intern, answers[1])
    page = as_intern.get(page_of(answers[0]))
    assertContains(page, "Figures of all models, table")
    assertContains(page, "Tokens out")
