"""Editing a message: sent again with its images, next to the original and its answers."""

from uuid import uuid4

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse
from pytest_django.asserts import assertContains

from accounts.models import User
from playground.models import Answer, Attachment, Conversation, Message
from tests.conftest import HTMX
from tests.factories import make_user
from tests.keys.views.pages import assert_in_layout, assert_only, words_of
from tests.playground import rows
from tests.playground.sse import answer_to, post, received
from tests.playground.streams import MODEL, know_the_models
from tests.sandbox_process import Sandbox


@pytest.fixture(autouse=True)
def models(sandbox: Sandbox, db: None) -> None:
    """Let the portal know the gateway's models."""
    know_the_models()


def url(message: Message) -> str:
    return reverse("playground:edit", args=[message.pk])


def page_of(message: Message) -> str:
    return reverse("playground:conversation", args=[message.conversation_id])


def test_sends_the_new_wording_and_keeps_the_original(as_intern: Client) -> None:
    first = answer_to(as_intern, "Count [count 3]")

    typed = post(as_intern, url(first.message), model=MODEL, edited="Count [count 5]", name="Ann")
    conversation = received(typed)

    assert conversation.answer.text == "1 2 3 4 5"
    assert conversation.answer.message_id != first.message_id
    assert conversation.answer.message.parent_id is None
    assert Conversation.objects.get().head_id == conversation.answer.pk
    assert (conversation.events[0][0].target, conversation.events[0][0].swap) == ("playground-turns", "innerHTML")
    page = as_intern.get(page_of(first.message))
    assert "2 of 2" in words_of(page)
    assertContains(page, '<p class="small mono quiet" translate="no">Ann</p>', html=True)
    assert page.context["form"]["name"].value() == "Ann"
    turns = page.content.decode().partition('id="playground-turns"')[2].partition("<form id=")[0]
    assert "[count 5]" in turns
    assert "[count 3]" not in turns
    assert reverse("playground:show", args=[first.pk]) in page.content.decode()


def test_later_turns_stay_on_the_original_branch(intern: User, as_intern: Client) -> None:
    rows.conversation(intern, ("One", "1"), ("Two", "2"), ("Three", "3"), model=MODEL)
    two = Message.objects.get(text="Two")

    conversation = received(post(as_intern, url(two), model=MODEL, edited="Instead [words 2]"))

    assert conversation.answer.message.parent_id == two.parent_id
    assert conversation.answer.prompt_tokens == 5  # One, 1, Instead [words 2]
    assert "Three" not in conversation.events[0][0].markup
    assert "One" in conversation.events[0][0].markup


def test_images_are_sent_with_the_new_wording(as_intern: Client) -> None:
    picture = SimpleUploadedFile("cat.png", rows.PIXEL, "image/png")
    first = answer_to(as_intern, "What is this? [words 2]", attachments=picture)

    second = received(post(as_intern, url(first.message), model=MODEL, edited="What colour? [words 2]")).answer

    assert second.state == Answer.State.COMPLETE
    assert [(image.name, bytes(image.data)) for image in second.message.attachments.all()] == [("cat.png", rows.PIXEL)]
    assert Attachment.objects.count() == 2


def test_images_are_checked_against_the_model(as_intern: Client) -> None:
    picture = SimpleUploadedFile("cat.png", rows.PIXEL, "image/png")
    first = answer_to(as_intern, "What is this? [words 2]", attachments=picture)

    response = post(as_intern, url(first.message), model="llama-70b", edited="And now?")

    assert response.status_code == 422
    assert "“llama-70b” takes no images." in words_of(response)
    assert Message.objects.count() == 1


@pytest.mark.parametrize("edited", ["", "  \n "])
def test_an_empty_message_is_not_sent(as_intern: Client, edited: str) -> None:
    first = answer_to(as_intern, "Hello [words 2]")

    response = post(as_intern, url(first.message), model=MODEL, edited=edited)

    assert response.status_code == 422
    assert "Write a message first." in words_of(response)
    assert Message.objects.count() == 1


def test_a_message_that_is_too_long_is_not_sent(as_intern: Client) -> None:
    first = answer_to(as_intern, "Hello [words 2]")

    assert post(as_intern, url(first.message), model=MODEL, edited="x" * 100_001).status_code == 422


def test_without_settings_those_of_the_conversation_count(as_intern: Client) -> None:
    first = answer_to(as_intern, "Count [count 9]", max_tokens="2")

    assert received(post(as_intern, url(first.message), edited="Count [count 8]")).answer.text == "1 2"


def test_the_form_is_for_htmx_a_region_and_else_the_page(as_intern: Client) -> None:
    first = answer_to(as_intern, "Some <b>words</b> [words 2]")
    message = first.message

    region, page = as_intern.get(url(message), headers=HTMX), as_intern.get(url(message))

    for response in (region, page):
        assert f'id="edit-{message.pk}"' in response.content.decode()
        assert "Some &lt;b&gt;words&lt;/b&gt;" in response.content.decode()
    assert b"<html" not in region.content
    assert_in_layout(page)
    assert Message.objects.count() == 1


def test_without_htmx_it_leads_to_the_page(as_intern: Client) -> None:
    first = answer_to(as_intern, "Count [count 3]")

    response = post(as_intern, url(first.message), htmx=False, model=MODEL, edited="Count [count 4]", message="")

    assert (response.status_code, response["Location"]) == (302, page_of(first.message))
    assert Answer.objects.filter(text="1 2 3 4", state=Answer.State.COMPLETE).exists()


def test_without_htmx_a_limit_keeps_the_new_words(intern: User, as_intern: Client) -> None:
    first = answer_to(as_intern, "Hello [words 2]")
    for _ in range(3):
        rows.call(intern)

    response = post(as_intern, url(first.message), htmx=False, model=MODEL, edited="My better words")

    assert response.status_code == 429
    assert "My better words" in words_of(response)


def test_without_htmx_a_wrong_field_keeps_the_new_words(as_intern: Client) -> None:
    first = answer_to(as_intern, "Hello [words 2]")

    response = post(as_intern, url(first.message), htmx=False, model=MODEL, edited="My better words", seed="x")

    assert response.status_code == 422
    assert "My better words" in words_of(response)


def test_a_strangers_message_is_not_found(as_intern: Client) -> None:
    theirs = rows.last_answer(rows.conversation(make_user(), ("Theirs", "private"))).message

    for address in (url(theirs), reverse("playground:edit", args=[uuid4()])):
        assert as_intern.get(address).status_code == 404
        assert post(as_intern, address, model=MODEL, edited="Mine").status_code == 404
    assert Message.objects.count() == 1


def test_accepts_post_only(intern: User, as_intern: Client) -> None:
    assert_only(as_intern, url(rows.last_answer(rows.conversation(intern, ("One", "1"))).message), "get", "post")
