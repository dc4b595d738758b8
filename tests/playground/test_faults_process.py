"""The gateway's process or the portal's ends during an answer: its text is saved, and the end reported."""

import signal
import threading
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import psutil
import pytest
import requests
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from pytest_django import Settings

from accounts.models import User
from playground import tasks
from playground.models import STALE_AFTER, ActiveCall, Answer, Conversation
from tests.keys.views.pages import words_of
from tests.playground import rows
from tests.playground.portal_subprocess import PlaygroundSubprocess, StreamReader
from tests.playground.real_portal import Visitor, the_answer
from tests.playground.sse import answer_to, post, received, send
from tests.playground.streams import know_the_models
from tests.sandbox_process import Sandbox
from tests.waiting import wait_until

pytestmark = pytest.mark.django_db(transaction=True)

CHUNKS, SAID = 6, "1 2 3 4 5"  # so many let pass: the one that opens the answer, and five words
FOR_EVER_S, PATIENCE_S, GRACE_S = 120, 30, 8
COUNT = "Count [count 30]"
State = Answer.State


# --- The gateway's process --------------------------------------------------------------------------
@pytest.fixture
def own_sandbox(tmp_path: Path, settings: Settings, db: None) -> Iterator[Sandbox]:
    """Point the portal at a gateway that may be killed, and keeps its keys over that."""
    with Sandbox(data=tmp_path / "gateway.db") as gateway:
        settings.GATEWAY_URL, settings.GATEWAY_ADMIN_KEY = gateway.url, gateway.admin_key
        settings.PLAYGROUND_STREAMS_PER_USER = 1
        know_the_models()
        yield gateway


@pytest.mark.parametrize(
    ("kind", "title", "text"),
    [("hang_before", "The gateway does not answer", ""), ("stream_silent", "The answer broke off", SAID)],
)
def test_a_killed_gateway_is_reported_and_used_again_when_it_is_back(
    as_intern: Client, own_sandbox: Sandbox, kind: str, title: str, text: str
) -> None:
    own_sandbox.faults("/chat/completions", kind, after_chunks=CHUNKS, seconds=FOR_EVER_S)
    killer = threading.Thread(target=kill_when_stalled, args=(own_sandbox,))
    killer.start()
    conversation = received(send(as_intern, COUNT))
    killer.join()

    assert (conversation.said, conversation.answer.state, conversation.answer.text) == (title, State.FAILED, text)
    again = reverse("playground:retry", args=[conversation.answer.pk])
    assert f'formaction="{again}"' in conversation.article

    down = received(post(as_intern, again))
    assert down.said == "The gateway does not answer"
    assert "This cost nothing." in down.article

    own_sandbox.start(port=int(own_sandbox.origin.rpartition(":")[2]))
    whole = received(post(as_intern, again))
    assert (whole.answer.state, len(whole.answer.text.split())) == (State.COMPLETE, 30)
    assert whole.answer.message_id == conversation.answer.message_id


def kill_when_stalled(gateway: Sandbox) -> None:
    gateway.wait_until_fault_holds("/chat/completions", seconds=PATIENCE_S)
    gateway.kill()


# --- The portal's process ---------------------------------------------------------------------------
@pytest.fixture
def portal(sandbox: Sandbox, db: None) -> Iterator[PlaygroundSubprocess]:
    """Serve a portal that has a few seconds to end."""
    know_the_models()
    with PlaygroundSubprocess(sandbox, grace_s=GRACE_S) as process:
        yield process


def stalled_midway(portal: PlaygroundSubprocess, user: User, sandbox: Sandbox) -> StreamReader:
    """Send a message, and let the gateway fall silent after five words, which have been received."""
    sandbox.faults("/chat/completions", "stream_silent", after_chunks=CHUNKS, seconds=FOR_EVER_S)
    reader = StreamReader(Visitor(portal, user).send(COUNT))
    reader.until(lambda received: received.text == SAID)
    return reader


def test_an_answer_whose_process_was_killed_keeps_what_was_saved(
    as_intern: Client, intern: User, sandbox: Sandbox, portal: PlaygroundSubprocess, settings: Settings
) -> None:
    settings.PLAYGROUND_STREAMS_PER_USER = 1
    reader = stalled_midway(portal, intern, sandbox)
    wait_until(lambda: the_answer().text == SAID)

    portal.kill()

    with pytest.raises(requests.RequestException):
        reader.read_all()
    assert_the_gateway_is_free(sandbox)
    assert the_answer().state == State.STREAMING
    assert send(as_intern, "More").status_code == 429  # as far as anybody knows, it is being written
    let_time_pass()
    tasks.settle()
    assert_interrupted(as_intern)
    assert answer_to(as_intern, "More [words 2]").state == State.COMPLETE


def test_a_shutdown_waits_for_answers_then_interrupts_the_rest(
    as_intern: Client, intern: User, sandbox: Sandbox, portal: PlaygroundSubprocess
) -> None:
    StreamReader(Visitor(portal, intern).send("Count [count 2]")).read_all()  # what renders answers has started then
    Conversation.objects.all().delete()
    long = stalled_midway(portal, intern, sandbox)
    short = StreamReader(Visitor(portal, intern).send("Count [count 20] [pace 20]"))
    short.until(lambda received: bool(received.text))
    processes = [portal.master, *portal.master.children()]

    portal.master.send_signal(signal.SIGTERM)
    short.read_all()
    long.read_all()

    assert short.said == "The answer is finished."
    assert len(short.text.split()) == 20
    assert long.said == "The answer was interrupted"
    assert SAID in long.article
    assert_all_ended(portal, processes)
    assert_the_gateway_is_free(sandbox)
    assert not ActiveCall.objects.filter(ended_at=None).exists()
    Answer.objects.filter(state=State.COMPLETE).get().message.conversation.delete()
    assert_interrupted(as_intern)


def test_a_fast_shutdown_records_interrupted_answers(
    as_intern: Client, intern: User, sandbox: Sandbox, portal: PlaygroundSubprocess
) -> None:
    reader = stalled_midway(portal, intern, sandbox)
    processes = [portal.master, *portal.master.children()]

    portal.master.send_signal(signal.SIGINT)

    reader.read_all()
    assert reader.said == "The answer was interrupted"
    assert_all_ended(portal, processes)
    assert_the_gateway_is_free(sandbox)
    assert not ActiveCall.objects.filter(ended_at=None).exists()
    assert_interrupted(as_intern)


def assert_all_ended(portal: PlaygroundSubprocess, processes: list[psutil.Process]) -> None:
    """Check that the portal ends by itself: nobody had to kill a process of it."""
    assert portal.wait(PATIENCE_S) == 0
    _, alive = psutil.wait_procs(processes, PATIENCE_S)
    assert not alive
    assert "SIGKILL" not in portal.said()


def assert_the_gateway_is_free(gateway: Sandbox) -> None:
    """Check that it works for nobody."""
    wait_until(lambda: not any(fault["waiting"] for fault in gateway.armed_faults()))
    wait_until(lambda: not gateway.connections()["open"])


def let_time_pass() -> None:
    """Put all signs of life back to where nobody believes in them any more."""
    long_ago = timezone.now() - STALE_AFTER - timedelta(seconds=1)
    rows.aged(the_answer().pk, long_ago)
    ActiveCall.objects.update(renewed_at=long_ago)


def assert_interrupted(client: Client) -> None:
    """Check the row of the one answer, and what a reload shows of it."""
    answer = the_answer()
    assert (answer.state, answer.text) == (State.FAILED, SAID)
    assert answer.problem == {"code": "interrupted"}
    assert answer.ended_at is not None
    words = words_of(client.get(reverse("playground:conversation", args=[answer.message.conversation_id])))
    assert SAID in words
    assert "The answer was interrupted" in words
    assert "The portal restarted while the answer was arriving; the saved part is kept." in words
