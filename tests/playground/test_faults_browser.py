"""A browser that disconnects, closing or resetting, before the first token or midway: the work ends."""

import socket
import struct
from collections.abc import Callable, Iterator

import pytest
import requests
from django.test import Client
from django.urls import reverse
from pytest_django import Settings

from accounts.models import User
from playground.models import ActiveCall, Answer
from tests.keys.views.pages import words_of
from tests.playground.portal_subprocess import PlaygroundSubprocess, StreamReader
from tests.playground.real_portal import Visitor, the_answer, the_ended_answer
from tests.playground.sse import answer_to
from tests.playground.streams import know_the_models
from tests.sandbox_process import Sandbox
from tests.waiting import wait_until

pytestmark = pytest.mark.django_db(transaction=True)

CHUNKS, SAID = 6, "1 2 3 4 5"  # so many let pass: the one that opens the answer, and five words
FOR_EVER_S, SOON_S = 120, 5.0  # within a second, on a machine that is not busy
RESET = struct.pack("ii", 1, 0)  # linger: on, 0 s


def finish(response: requests.Response) -> None:
    """Say that nothing more is wanted, and stay: FIN."""
    socket_of(response).shutdown(socket.SHUT_WR)


def reset(response: requests.Response) -> None:
    """Be gone, as a browser that crashed: RST."""
    socket_of(response).setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
    response.close()


def socket_of(response: requests.Response) -> socket.socket:
    found = getattr(response.raw.connection, "sock", None)
    assert isinstance(found, socket.socket)
    return found


@pytest.fixture(scope="module")
def portal(sandbox_process: Sandbox, django_db_setup: None) -> Iterator[PlaygroundSubprocess]:
    """Serve a portal of one thread, so that one which is not free again is missed."""
    with PlaygroundSubprocess(sandbox_process, threads=1) as process:
        yield process


@pytest.fixture(autouse=True)
def models(sandbox: Sandbox, db: None) -> None:
    """Let the portal know the gateway's models."""
    know_the_models()


@pytest.mark.parametrize("go", [finish, reset])
@pytest.mark.parametrize(
    ("kind", "text"), [("hang_before", ""), ("stream_silent", SAID), ("", None)], ids=["start", "silence", "flow"]
)
def test_a_disconnect_ends_the_call_and_is_recorded(
    as_intern: Client,
    intern: User,
    sandbox: Sandbox,
    portal: PlaygroundSubprocess,
    settings: Settings,
    kind: str,
    text: str | None,
    go: Callable[[requests.Response], None],
) -> None:
    settings.PLAYGROUND_STREAMS_PER_USER = 1
    visitor = Visitor(portal, intern)
    if kind:
        sandbox.faults("/chat/completions", kind, after_chunks=CHUNKS, seconds=FOR_EVER_S)
    reader = StreamReader(visitor.send("Count [count 5000] [pace 5]" if text is None else "Count [count 30]"))
    if kind:
        sandbox.wait_until_fault_holds("/chat/completions")
    reader.until(lambda received: len(received.text) >= len(SAID if text is None else text))

    go(reader.response)

    wait_until(lambda: not any(fault["waiting"] for fault in sandbox.armed_faults()), SOON_S)
    wait_until(lambda: not sandbox.connections()["open"], SOON_S)
    answer = the_ended_answer()
    assert (answer.state, answer.problem) == (Answer.State.STOPPED, None)
    assert answer.text.startswith(reader.text) if text is None else answer.text == text
    wait_until(lambda: not ActiveCall.objects.filter(ended_at=None).exists(), SOON_S)
    assert_shown_when_they_come_back(as_intern, answer)
    assert_served_at_once(as_intern, visitor)


def assert_shown_when_they_come_back(client: Client, answer: Answer) -> None:
    """Check what the page says of it: as much as came, that it was stopped, and about what it cost."""
    wait_until(lambda: the_answer().cost_usd)
    words = words_of(client.get(reverse("playground:conversation", args=[answer.message.conversation_id])))
    assert answer.text in words
    assert "Stopped by you" in words
    assert "(estimate)" in words


def assert_served_at_once(client: Client, visitor: Visitor) -> None:
    """Check that the person, and the portal's one thread, are free for the next message."""
    Answer.objects.all().delete()
    again = StreamReader(visitor.send("Again [words 3]"))
    again.read_all()
    assert again.said == "The answer is finished."
    assert answer_to(client, "And again [words 2]").state == Answer.State.COMPLETE
