"""The stream that a page opens takes over the context of the form: once, soon, and by its owner only."""

from dataclasses import replace

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from accounts.models import User
from playground.models import Answer, Conversation, Message
from playground.services.chat import begin, prepare
from playground.services.handover import KEPT_S, MOST_BYTES, hand_over, take_over
from playground.services.refusals import AskRefused
from tests.conftest import HTMX, signed_in
from tests.playground import rows
from tests.playground.sse import opened, received, send
from tests.playground.streams import context, know_the_models
from tests.sandbox_process import Sandbox

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def models(sandbox: Sandbox, db: None) -> None:
    """Let the portal know the gateway's models."""
    know_the_models()


def stream_url(answer: Answer) -> str:
    return reverse("playground:stream", args=[answer.pk])


def test_the_stream_asks_for_session_person_and_claim_alone(as_intern: Client) -> None:
    response = send(as_intern, "Hello [words 3]")
    answer = Answer.objects.get()

    with CaptureQueriesContext(connection) as captured:
        stream = opened(response, stream_url(answer))

    assert [query["sql"].split()[0] for query in captured] == ["SELECT", "SELECT", "UPDATE"]
    assert received(stream).text == Answer.objects.get().text != ""


def test_a_stream_in_another_process_rebuilds_the_job(intern: User, as_intern: Client) -> None:
    response = send(as_intern, "Hello [words 3]")
    answer = Answer.objects.get()

    assert take_over(intern, answer.pk)  # what is kept is kept elsewhere
    assert take_over(intern, answer.pk) is None

    assert received(response).text == Answer.objects.get().text != ""


def test_a_stranger_gets_a_404_and_the_owner_can_still_start_it(intern: User, as_intern: Client, staff: User) -> None:
    send(as_intern, "Hello [words 3]")
    answer = Answer.objects.get()

    assert signed_in(staff).get(stream_url(answer), headers=HTMX).status_code == 404

    assert Answer.objects.get().state == Answer.State.WAITING
    assert take_over(intern, answer.pk)


def test_a_second_start_is_refused(intern: User, as_intern: Client) -> None:
    send(as_intern, "Hello [words 3]")
    prepared = [prepare(context(intern), Answer.objects.owned_by(intern).get()) for _ in range(2)]

    assert begin(prepared[0]).active_call_id
    with pytest.raises(AskRefused) as refused:
        begin(prepared[1])
    assert refused.value.code == "begun"


def test_a_deleted_answer_is_not_found(as_intern: Client) -> None:
    send(as_intern, "Hello [words 3]")
    answer = Answer.objects.get()
    Conversation.objects.all().delete()

    assert as_intern.get(stream_url(answer), headers=HTMX).status_code == 404


def test_is_kept_for_seconds_and_limited_in_size(intern: User) -> None:
    conversation = rows.conversation(intern, ("One", "1"))
    prepared = prepare(context(intern), conversation.head)  # type: ignore[arg-type]  # it has one
    big = [
        replace(prepared, answer=Answer(message=Message(conversation=conversation, stored_bytes=MOST_BYTES * 2 // 3)))
        for _ in range(2)
    ]

    hand_over([replace(prepared, since=prepared.since - KEPT_S - 1)])
    assert take_over(intern, prepared.answer.pk) is None
    hand_over(big)
    assert [take_over(intern, each.answer.pk) is not None for each in big] == [True, False]
