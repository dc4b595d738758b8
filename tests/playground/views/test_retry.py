"""Retrying: another answer to the same message, as an alternative."""

from uuid import uuid4

import pytest
from django.test import Client
from django.urls import reverse

from accounts.models import User
from playground.models import Answer, Conversation, Message
from tests.factories import make_user
from tests.keys.views.pages import assert_only, words_of
from tests.playground import rows
from tests.playground.sse import answer_to, post, received
from tests.playground.streams import MODEL, know_the_models
from tests.sandbox_process import Sandbox

State = Answer.State


@pytest.fixture(autouse=True)
def models(sandbox: Sandbox, db: None) -> None:
    """Let the portal know the gateway's models."""
    know_the_models()


def url(answer: Answer) -> str:
    return reverse("playground:retry", args=[answer.pk])


def page_of(answer: Answer) -> str:
    return reverse("playground:conversation", args=[answer.message.conversation_id])


def test_adds_an_alternative_to_the_first(as_intern: Client) -> None:
    first = answer_to(as_intern, "Count [count 3]")

    conversation = received(post(as_intern, url(first), model=MODEL))

    second = conversation.answer
    assert (second.message_id, second.text) == (first.message_id, "1 2 3")
    assert Conversation.objects.get().head_id == second.pk
    assert Message.objects.count() == 1
    assert (conversation.events[0][0].target, conversation.events[0][0].swap) == ("playground-turns", "innerHTML")
    assert "answer 2 of 2" in conversation.article
    assert first.text in Answer.objects.get(pk=first.pk).text


def test_uses_model_and_parameters_of_the_page(as_intern: Client) -> None:
    first = answer_to(as_intern, "Count [count 9]")

    second = received(post(as_intern, url(first), model="llama-70b", max_tokens="4")).answer

    assert second.params == {"model": "llama-70b", "max_tokens": 4}
    assert (second.answered_by, second.text) == ("llama-70b", "1 2 3 4")
    assert Conversation.objects.get().params == second.params


def test_another_model_may_be_asked_for_this_one(as_intern: Client) -> None:
    first = answer_to(as_intern, "Hello [words 3]")

    second = received(post(as_intern, url(first), model=MODEL, ask="llama-70b")).answer

    assert (second.model, second.state) == ("llama-70b", State.COMPLETE)


def test_a_parameter_can_be_left_out(as_intern: Client) -> None:
    refused = received_article = received(
        post(as_intern, reverse("playground:send"), message="Hi [refuse seed]", model=MODEL, seed="7")
    )
    assert refused.answer.state == State.FAILED
    assert 'name="without" value="seed"' in received_article.article

    conversation = received(post(as_intern, url(refused.answer), model=MODEL, seed="7", without="seed"))

    assert conversation.answer.state == State.COMPLETE
    assert conversation.answer.params["without"] == ["seed"]
    assert 'name="without" value="seed"' in conversation.at("playground-box").markup  # and from now on


def test_refused_parameters_stay_left_out(as_intern: Client) -> None:
    first = answer_to(as_intern, "Hi [refuse stream_options]")
    assert first.problem
    assert first.problem["parameter"] == "stream_options"
    second = received(post(as_intern, url(first), model=MODEL, without="stream_options")).answer
    assert second.state == State.COMPLETE

    third = answer_to(
        as_intern,
        "And now",
        conversation=str(first.message.conversation_id),
        parent=str(second.pk),
        without="stream_options",
    )

    assert third.state == State.COMPLETE
    assert third.cost_usd is not None
    assert third.cost_source == Answer.CostSource.CALCULATED  # with unreported tokens


def test_an_answer_in_the_middle_is_retried_from_there(intern: User, as_intern: Client) -> None:
    conversation = rows.conversation(
        intern, ("One [words 2]", "1"), ("Two [words 2]", "2"), ("Three", "3"), model=MODEL
    )
    middle = Answer.objects.get(text="2")

    again = received(post(as_intern, url(middle), model=MODEL))

    assert again.answer.message_id == middle.message_id
    assert again.answer.prompt_tokens == 7  # One [words 2], 1, Two [words 2]: and not what followed
    assert "Three" not in again.events[0][0].markup
    words = words_of(as_intern.get(page_of(middle)))
    assert "Three" not in words
    assert "2 of 2" in words
    conversation.refresh_from_db()
    assert conversation.head_id == again.answer.pk


def test_ignores_message_and_images_of_the_form(as_intern: Client) -> None:
    first = answer_to(as_intern, "Count [count 3]")

    second = received(post(as_intern, url(first), model=MODEL, message="Something else")).answer

    assert second.text == "1 2 3"
    assert Message.objects.count() == 1


def test_errors_of_the_form_are_reported_at_their_fields(as_intern: Client) -> None:
    first = answer_to(as_intern, "Hello [words 3]")

    response = post(as_intern, url(first), model=MODEL, temperature="warm")

    assert response.status_code == 422
    assert "temperature: " in words_of(response)
    assert post(as_intern, url(first), model=MODEL, ask="no-such-model").status_code == 422
    assert Answer.objects.count() == 1


def test_without_settings_those_of_the_answer_count(as_intern: Client) -> None:
    first = answer_to(as_intern, "Count [count 9]", max_tokens="2")

    assert received(post(as_intern, url(first))).answer.text == "1 2"


def test_without_htmx_it_leads_to_the_page(as_intern: Client) -> None:
    first = answer_to(as_intern, "Count [count 3]")

    response = post(as_intern, url(first), htmx=False, model=MODEL)

    assert (response.status_code, response["Location"]) == (302, page_of(first))
    assert Answer.objects.filter(state=State.COMPLETE, text="1 2 3").count() == 2


def test_a_limit_is_reported(intern: User, as_intern: Client) -> None:
    first = answer_to(as_intern, "Hello [words 3]")
    for _ in range(3):
        rows.call(intern)

    assert post(as_intern, url(first), model=MODEL).status_code == 429
    assert post(as_intern, url(first), model=MODEL, htmx=False).status_code == 429


def test_a_strangers_answer_is_not_found(as_intern: Client) -> None:
    theirs = rows.last_answer(rows.conversation(make_user(), ("Theirs", "private")))

    assert post(as_intern, url(theirs), model=MODEL).status_code == 404
    assert post(as_intern, reverse("playground:retry", args=[uuid4()]), model=MODEL).status_code == 404
    assert Answer.objects.count() == 1


def test_accepts_post_only(intern: User, as_intern: Client) -> None:
    assert_only(as_intern, url(rows.last_answer(rows.conversation(intern, ("One", "1")))), "post")
