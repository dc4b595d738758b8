"""Completion: streamed like a chat, shown after the text that it continues."""

from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from pytest_django import Settings
from pytest_django.asserts import assertContains, assertNotContains, assertRedirects

from accounts.models import User
from keys.models import GatewayModel
from playground.listing import address_of
from playground.models import Answer, Conversation
from tests.conftest import HTMX
from tests.keys.views.pages import words_of
from tests.playground import rows
from tests.playground.sse import Received, received, waited
from tests.playground.streams import know_the_models
from tests.playground.xss import STORABLE
from tests.sandbox_process import Sandbox

PAGE = "/playground/completion/"
State = Answer.State


@pytest.fixture(autouse=True)
def models(sandbox: Sandbox, db: None) -> None:
    """Let the portal know the gateway's models."""
    know_the_models()


def send(client: Client, text: str = "Once [count 5]", *, htmx: bool = True, **fields: str) -> Any:
    data = {"message": text, "model": "gpt-4o-mini", **fields}
    response: Any = client.post(PAGE, data, headers=HTMX if htmx else {})
    return response if htmx or response.status_code != 302 else waited(response)


def only_answer() -> Answer:
    return Answer.objects.select_related("message__conversation").get()


def article_in(stream: Received) -> str:
    """Return the article that ends the stream."""
    return [part for part in stream.parts if part.target.startswith("answer-")][-1].markup


def page_of(answer: Answer) -> str:
    return reverse("playground:completed", args=[answer.message.conversation_id])


def test_streams_after_the_text_that_it_continues(as_intern: Client) -> None:
    stream = received(send(as_intern))

    answer = only_answer()
    assert answer.state == State.COMPLETE
    assert stream.text == answer.text == "1 2 3 4 5"
    opening, place = stream.events[0]
    assert (opening.target, opening.swap, place.target) == ("playground-written", "innerHTML", "playground-box")
    assert "Once [count 5]" in opening.markup
    assert f'data-address="{page_of(answer)}"' in place.markup
    assert "Once [count 5]</span><span" in article_in(stream)
    assert "1 2 3 4 5" in article_in(stream)


def test_is_sent_as_a_completion(as_intern: Client, sandbox: Sandbox) -> None:
    sandbox.faults("/chat/completions", "error", times=5, status=500)

    received(send(as_intern, temperature="0.5", max_tokens="9"))

    assert only_answer().state == State.COMPLETE
    assert only_answer().params == {"model": "gpt-4o-mini", "temperature": 0.5, "max_tokens": 9}
    assert only_answer().message.conversation.kind == Conversation.Kind.COMPLETION


def test_its_page_shows_it_again(as_intern: Client) -> None:
    received(send(as_intern))
    answer = only_answer()

    page = as_intern.get(page_of(answer))

    assertContains(page, "1 2 3 4 5")
    assertContains(page, "Once [count 5]")
    assert address_of(answer.message.conversation) == page_of(answer)
    of_chat = reverse("playground:conversation", args=[answer.message.conversation_id])
    assertRedirects(as_intern.get(of_chat), page_of(answer))


def test_works_without_a_script(as_intern: Client) -> None:
    response = send(as_intern, htmx=False)

    assertRedirects(response, page_of(only_answer()))
    assertContains(as_intern.get(response.headers["Location"]), "1 2 3 4 5")


def test_retry_is_another_answer_to_the_same_text(as_intern: Client) -> None:
    received(send(as_intern))
    first = only_answer()

    stream = received(send(as_intern, "", again=str(first.pk), temperature="0.1"))

    second = first.message.answers.exclude(pk=first.pk).get()
    assert stream.text == "1 2 3 4 5"
    assert second.params == {"model": "gpt-4o-mini", "temperature": 0.1}
    assert Conversation.objects.get().head_id == second.pk


@pytest.mark.parametrize("again", ["not an id", "5cced054-5108-463e-ab6b-efa1690bb659"])
def test_an_unknown_completion_cannot_be_retried(as_intern: Client, again: str) -> None:
    assert send(as_intern, again=again).status_code == 404


def test_a_completion_of_another_person_cannot_be_retried(as_intern: Client, as_staff: Client) -> None:
    received(send(as_intern))

    assert send(as_staff, again=str(only_answer().pk)).status_code == 404


def test_a_reload_rejoins_a_running_completion(as_intern: Client, intern: User) -> None:
    conversation = rows.conversation(intern, kind=Conversation.Kind.COMPLETION)
    answer = rows.answer(rows.message(conversation, "Once"), "upon", state=State.STREAMING, saved_at=timezone.now())
    url = reverse("playground:written", args=[answer.pk])

    stream = reverse("playground:stream", args=[answer.pk])
    assertContains(as_intern.get(page_of(answer)), f'hx-get="{stream}"')
    assertContains(as_intern.get(url, headers=HTMX), "upon")
    assertRedirects(as_intern.get(url), page_of(answer))


def test_an_interrupted_completion_shows_its_text_and_a_card(as_intern: Client, sandbox: Sandbox) -> None:
    sandbox.faults("/completions", "stream_cut", after_chunks=3)

    stream = received(send(as_intern, "Once [count 50]"))

    answer = only_answer()
    assert answer.state == State.FAILED
    assert answer.text
    assert f">{answer.text}</span>" in article_in(stream)
    assert "Broke off" in article_in(stream)
    assert "ps-note" in article_in(stream)


def test_sends_without_what_the_model_refuses(as_intern: Client) -> None:
    refused = received(send(as_intern, "Once [refuse seed] [count 3]", seed="7"))
    assert 'name="without" value="seed"' in article_in(refused)

    stream = received(send(as_intern, "Once [refuse seed] [count 3]", seed="7", without="seed"))

    assert stream.text == "1 2 3"


@pytest.mark.parametrize("htmx", [True, False])
@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"text": " "}, "Write a message first."),
        ({"temperature": "3"}, "Enter a value from 0 to 2."),
        ({"model": "embedding"}, "You cannot call “embedding” here."),
    ],
)
def test_says_what_is_wrong_at_its_field(as_intern: Client, fields: dict[str, str], said: str, htmx: bool) -> None:
    response = send(as_intern, htmx=htmx, **fields)

    assert response.status_code == 422
    assert said in words_of(response)
    assert not Conversation.objects.exists()


@pytest.mark.parametrize("htmx", [True, False])
def test_respects_the_limits(as_intern: Client, intern: User, settings: Settings, htmx: bool) -> None:
    for _ in range(settings.PLAYGROUND_STREAMS_PER_USER):
        rows.call(intern)

    response = send(as_intern, "Once upon", htmx=htmx)

    assert response.status_code == 429
    assert "3 answers are being written for you already." in words_of(response)
    assert htmx or "Once upon" in words_of(response)


def test_models_made_for_it_come_first(as_intern: Client) -> None:
    GatewayModel.objects.create(name="old-hand", mode="completion", position=99)

    page = as_intern.get(PAGE).content.decode()

    assert page.index('value="old-hand"') < page.index('value="general_nothink"')


def test_without_a_model_it_says_so(as_intern: Client) -> None:
    GatewayModel.objects.all().delete()

    assertContains(as_intern.get(PAGE), "No model for completions")


def test_a_chat_is_no_completion(as_intern: Client, intern: User) -> None:
    conversation = rows.conversation(intern, ("Hello", "Hi"))

    assert as_intern.get(reverse("playground:completed", args=[conversation.pk])).status_code == 404
    assert as_intern.get(reverse("playground:written", args=[conversation.head_id])).status_code == 404


def test_shows_the_request_as_code(as_intern: Client) -> None:
    data = {"message": "Once upon", "model": "gpt-4o-mini", "max_tokens": "9"}

    response = as_intern.post(f"{PAGE}code/", data, headers=HTMX)

    assertContains(response, "/completions")
    assert "Once upon" in words_of(response)
    assert as_intern.post(f"{PAGE}code/", {"message": ""}, headers=HTMX).status_code == 422


def test_markup_of_models_and_people_is_escaped(as_intern: Client, intern: User) -> None:
    everything = "\n".join(STORABLE)
    conversation = rows.conversation(intern, kind=Conversation.Kind.COMPLETION, title="<script>alert(1)</script>")
    answer = rows.answer(rows.message(conversation, everything), everything, model="<img src=x onerror=alert(1)>")

    page = as_intern.get(page_of(answer))

    assertNotContains(page, "<script>alert(1)")
    assertNotContains(page, "<img")
