"""A long conversation is shown from its end; earlier messages are loaded on request."""

import pytest
from django.test import Client
from django.urls import reverse
from pytest_django.asserts import assertContains, assertNotContains

from accounts.models import User
from playground.models import Answer, Conversation, Message
from playground.services.tree import PAGE_TURNS
from tests.conftest import HTMX
from tests.playground import rows

LENGTH = PAGE_TURNS + 10


@pytest.fixture
def conversation(intern: User) -> Conversation:
    """Make a conversation longer than a page."""
    return rows.conversation(intern, *[(f"question {number}.", f"answer {number}.") for number in range(LENGTH)])


def page_of(conversation: Conversation, query: str = "") -> str:
    return reverse("playground:conversation", args=[conversation.pk]) + query


def id_of(text: str) -> str:
    return str(Message.objects.get(text=text).pk)


def test_the_page_has_the_last_turns_and_a_link_to_the_others(as_intern: Client, conversation: Conversation) -> None:
    page = as_intern.get(page_of(conversation))

    assertContains(page, "answer 10.")
    assertNotContains(page, "answer 9.")
    assertContains(page, "Earlier messages (10)")
    assertContains(page, f"?from={id_of('question 0.')}")
    assertContains(as_intern.get(page_of(conversation, f"?from={id_of('question 0.')}")), "answer 0.")


def test_htmx_gets_the_turns_before_a_message_only(as_intern: Client, conversation: Conversation) -> None:
    earlier = as_intern.get(page_of(conversation, f"?before={id_of('question 10.')}"), headers=HTMX)

    assertContains(earlier, "answer 0.")
    assertContains(earlier, "answer 9.")
    assertNotContains(earlier, "answer 10.")
    assertNotContains(earlier, "Earlier messages")
    assertNotContains(earlier, "<html")


def test_another_persons_conversation_is_not_found(as_staff: Client, conversation: Conversation) -> None:
    query = f"?before={id_of('question 10.')}"

    assert as_staff.get(page_of(conversation, query), headers=HTMX).status_code == 404


def test_an_invalid_message_is_as_none(as_intern: Client, conversation: Conversation) -> None:
    for query in ("?from=x", "?before=x", f"?from={conversation.pk}", f"?before={conversation.pk}"):
        page = as_intern.get(page_of(conversation, query), headers=HTMX)
        assertContains(page, "<html")
        assertContains(page, f"answer {LENGTH - 1}.")
        assertContains(page, "Earlier messages (10)")


def test_an_earlier_alternative_stays_in_sight(as_intern: Client, conversation: Conversation) -> None:
    first = Answer.objects.get(text="answer 0.")
    rows.answer(first.message, "another")

    shown = as_intern.post(reverse("playground:show", args=[first.pk]), headers=HTMX)

    assertContains(shown, "answer 0.")


def test_an_earlier_message_can_be_edited_without_scripts(as_intern: Client, conversation: Conversation) -> None:
    page = as_intern.get(reverse("playground:edit", args=[id_of("question 2.")]))

    assertContains(page, f'id="edit-{id_of("question 2.")}"')
    assertContains(page, f"?from={id_of('question 2.')}")
