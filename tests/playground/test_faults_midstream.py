"""Each fault in the middle of a stream once more, through a served portal and its event loop."""

import http.client
from collections.abc import Iterator
from contextlib import closing
from urllib.parse import urlencode, urlsplit

import pytest

from accounts.models import User
from playground.models import ActiveCall, Answer
from tests.conftest import HTMX
from tests.keys.views.pages import field_in
from tests.playground.portal_subprocess import PlaygroundSubprocess, StreamReader
from tests.playground.real_portal import ANSWER_TIMEOUT_S, PAGE, Visitor, the_ended_answer
from tests.playground.sse import STREAM, events_of, parts_of
from tests.playground.streams import MODEL, know_the_models
from tests.playground.test_faults import CHUNKS, IN_THE_MIDDLE, TITLES, WHOLE, Case, named
from tests.sandbox_process import Sandbox
from tests.waiting import wait_until

pytestmark = pytest.mark.django_db(transaction=True)

SILENCE_S, MANY = 1.0, 1_000
SLOWLY = "Count [count 30] [pace 50]"  # for the loop to have it before the fault


@pytest.fixture(scope="module")
def portal(sandbox_process: Sandbox, django_db_setup: None) -> Iterator[PlaygroundSubprocess]:
    with PlaygroundSubprocess(sandbox_process, PLAYGROUND_IDLE_TIMEOUT_S=str(SILENCE_S)) as portal:
        yield portal


@pytest.fixture
def visitor(portal: PlaygroundSubprocess, sandbox: Sandbox, intern: User) -> Visitor:
    know_the_models()
    return Visitor(portal, intern)


@named(IN_THE_MIDDLE)
def test_in_the_middle(visitor: Visitor, sandbox: Sandbox, case: Case) -> None:
    sandbox.faults("/chat/completions", case.kind, after_chunks=CHUNKS, **case.more)

    received = StreamReader(visitor.send(SLOWLY))
    received.read_all()

    answer = the_ended_answer()
    assert answer.state == (Answer.State.FAILED if case.code else Answer.State.COMPLETE)
    assert (answer.problem or {}).get("code", "") == case.code
    assert answer.text == case.text
    assert answer.text.startswith(received.text)
    assert received.text.startswith("1 2")
    assert answer.text in received.article
    assert received.said == TITLES[case.code]
    wait_until(lambda: not sandbox.connections()["open"])
    assert not ActiveCall.objects.filter(ended_at=None).exists()


def test_a_fast_model_is_received_completely(visitor: Visitor) -> None:
    received = StreamReader(visitor.send(f"Count [count {MANY}] [pace 1]"))
    received.read_all()

    whole = " ".join(str(number) for number in range(1, MANY + 1))
    assert received.text == the_ended_answer().text == whole


def test_a_slow_reader_receives_everything(visitor: Visitor) -> None:
    much = 30 * MANY
    received = StreamReader(visitor.send(f"Count [count {much}] [pace 0]"))
    others = StreamReader(visitor.send("Count [count 30]"))
    others.read_all()
    assert others.text == WHOLE

    received.read_all()

    assert received.said == TITLES[""]
    assert received.text == " ".join(str(number) for number in range(1, much + 1))


def test_an_old_protocol_without_chunks(visitor: Visitor) -> None:
    class OldConnection(http.client.HTTPConnection):
        _http_vsn, _http_vsn_str = 10, "HTTP/1.0"  # as some proxies speak

    address = urlsplit(visitor.portal.url)
    fields = {"csrfmiddlewaretoken": field_in(visitor.page, "csrfmiddlewaretoken"), "model": MODEL, "message": SLOWLY}
    cookies = "; ".join(f"{name}={value}" for name, value in visitor.session.cookies.items())
    headers = {**HTMX, "Cookie": cookies, "Content-Type": "application/x-www-form-urlencoded"}
    with closing(OldConnection(address.hostname or "", address.port, timeout=ANSWER_TIMEOUT_S)) as connection:
        connection.request("POST", f"{PAGE}send/", urlencode(fields), headers)
        answer = connection.getresponse()
        text = answer.read().decode()
        assert answer.status == 200, text
        stream = STREAM.findall(text)[-1]
        connection.request("GET", stream, headers=headers)
        parts = [part for event in events_of([connection.getresponse().read()]) for part in parts_of(event)]

    assert "".join(part.text for part in parts if part.target.startswith("text-")) == WHOLE
