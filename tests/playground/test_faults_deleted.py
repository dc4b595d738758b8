"""The parent of a message is deleted in another tab while the message is being sent: a clear refusal, and no rows."""

import threading

import pytest
from django.db import connection
from django.test import Client
from django.urls import reverse

from accounts.models import User
from playground.models import ActiveCall, Answer, Conversation, Message
from tests.keys.views.pages import words_of
from tests.playground import rows
from tests.playground.sse import answer_to, post, send
from tests.playground.streams import know_the_models
from tests.sandbox_process import Sandbox

pytestmark = pytest.mark.django_db(transaction=True)

REPORTED = "What this follows was deleted meanwhile. Nothing was sent."
PROMPT = "My long prompt [words 3]"


@pytest.fixture(autouse=True)
def slow_key(sandbox: Sandbox, db: None) -> None:
    """Let the first use of the Playground take its time, between the look at the rows and the new ones."""
    know_the_models()
    sandbox.faults("/key/generate", "delay", seconds=1)


@pytest.fixture
def conversation(intern: User) -> Conversation:
    return rows.conversation(intern, ("One", "1"), ("Two", "2"), model="gpt-4o-mini")


class Elsewhere(threading.Thread):
    """Deletes, while the key is being made."""

    def __init__(self, sandbox: Sandbox, doomed: Answer | Conversation) -> None:
        super().__init__()
        self.sandbox, self.doomed = sandbox, doomed

    def run(self) -> None:
        try:
            self.sandbox.wait_until_fault_holds("/key/generate")
            self.doomed.delete()
        finally:
            connection.close()


@pytest.mark.parametrize("htmx", [True, False])
@pytest.mark.parametrize("whole", [False, True], ids=["answer", "conversation"])
def test_a_further_message(
    as_intern: Client, sandbox: Sandbox, conversation: Conversation, whole: bool, htmx: bool
) -> None:
    last = rows.last_answer(conversation)
    elsewhere = Elsewhere(sandbox, conversation if whole else last)
    elsewhere.start()

    response = send(as_intern, PROMPT, conversation=str(conversation.pk), parent=str(last.pk), htmx=htmx)

    elsewhere.join()
    assert response.status_code == 409
    assert REPORTED in words_of(response)
    assert htmx or PROMPT in response.content.decode()
    assert_nothing_was_written(0 if whole else 2)
    assert answer_to(as_intern, PROMPT).state == Answer.State.COMPLETE


@pytest.mark.parametrize("whole", [False, True], ids=["answer", "conversation"])
def test_another_answer(as_intern: Client, sandbox: Sandbox, conversation: Conversation, whole: bool) -> None:
    before = Answer.objects.get(message__text="One")  # what follows it goes with it
    elsewhere = Elsewhere(sandbox, conversation if whole else before)
    elsewhere.start()

    response = post(as_intern, reverse("playground:retry", args=[rows.last_answer(conversation).pk]))

    elsewhere.join()
    assert response.status_code == 409
    assert REPORTED in words_of(response)
    assert_nothing_was_written(0 if whole else 1)


def assert_nothing_was_written(messages: int) -> None:
    assert Message.objects.count() == messages
    assert not Answer.objects.filter(state__in=Answer.UNDER_WAY).exists()
    assert not ActiveCall.objects.filter(ended_at=None).exists()
