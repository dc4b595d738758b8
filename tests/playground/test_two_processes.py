"""Two web servers on one database: an answer of one is followed, and stopped, through the other."""

import pytest
from django.urls import reverse

from accounts.models import User
from playground.models import ActiveCall, Answer
from tests.conftest import HTMX
from tests.keys.views.pages import field_in
from tests.playground.portal_subprocess import PlaygroundSubprocess, StreamReader
from tests.playground.real_portal import ANSWER_TIMEOUT_S, Visitor, the_answer
from tests.playground.streams import know_the_models
from tests.sandbox_process import Sandbox
from tests.waiting import wait_until

pytestmark = pytest.mark.django_db(transaction=True)
CHUNKS, SAID, SILENT_S = 6, "1 2 3 4 5", 120  # the chunk that opens the answer, and five words


def test_another_process_shows_the_text_so_far_and_stops_it(intern: User, sandbox: Sandbox) -> None:
    know_the_models()
    sandbox.faults("/chat/completions", "stream_silent", after_chunks=CHUNKS, seconds=SILENT_S)
    with PlaygroundSubprocess(sandbox) as one, PlaygroundSubprocess(sandbox) as other:
        first = StreamReader(Visitor(one, intern).send("Count [count 30]"))
        first.until(lambda received: received.text == SAID)
        answer, elsewhere = the_answer(), Visitor(other, intern)

        address = other.url + reverse("playground:stream", args=[answer.pk])
        second = StreamReader(elsewhere.session.get(address, headers=HTMX, stream=True, timeout=ANSWER_TIMEOUT_S))
        second.until(lambda received: received.text == SAID)
        stop = other.url + reverse("playground:stop_answer", args=[answer.pk])
        token = {"X-CSRFToken": field_in(elsewhere.page, "csrfmiddlewaretoken")}
        assert elsewhere.session.post(stop, headers={**HTMX, **token}, timeout=ANSWER_TIMEOUT_S).status_code == 204
        first.read_all()
        second.read_all()

    assert (first.said, second.said) == ("Stopped.", "Stopped.")
    assert SAID in second.article
    assert the_answer().state == Answer.State.STOPPED
    assert not ActiveCall.objects.filter(ended_at=None).exists()
    wait_until(lambda: not sandbox.connections()["open"])
