"""Each fault of the sandbox, before the first token and midway: an end that is reported, saved, and leaves nothing.

The tables hold a row for every fault that the sandbox knows; a new one without a row fails.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from pytest_django import Settings

from playground.models import ActiveCall, Answer
from sandbox.answers import BREAKS, REFUSALS
from sandbox.faults import KINDS
from tests.keys.leaks import assert_nowhere, everywhere
from tests.playground.sse import Received, answer_to, post, received, send, stream_of
from tests.playground.streams import know_the_models
from tests.sandbox_process import Sandbox
from tests.waiting import wait_until

pytestmark = pytest.mark.django_db(transaction=True)

WHOLE = " ".join(str(number) for number in range(1, 31))
CHUNKS, SAID = 6, "1 2 3 4 5"  # so many let pass: the one that opens the answer, and five words
FOR_EVER_S, A_MOMENT_S, SILENCE_S = 60, 0.2, 1.0
NOTHING, ABOUT, UNSAID = "This cost nothing.", "It may have cost about", ""
TITLES = {
    "": "The answer is finished.",
    "gateway_down": "The gateway does not answer",
    "timeout": "The model took too long",
    "silent": "The model stopped responding",
    "broke_off": "The answer broke off",
    "budget_midway": "The budget was used up while the model wrote",
    "bad_request": "The model rejected the request",
    "key_refused": "The gateway refused your Playground key",
    "rate_limited": "Too many requests this minute",
    "provider_rate_limited": "This model is overloaded",
    "provider_down": "This model is not working",
    "context_too_long": "This is too long for the model",
    "content_filtered": "A content filter stepped in",
    "unsupported": "The model does not take one of the parameters",
    "refused": "The gateway refused",
}


@dataclass(frozen=True, slots=True)
class Case:
    """A fault, and what becomes of the answer: the code of its card ("": it is whole), its text, its cost."""

    kind: str
    code: str
    text: str | None  # None: some of it
    cost: str = UNSAID
    more: dict[str, Any] = field(default_factory=dict)

    @property
    def name(self) -> str:
        return " ".join([self.kind, *(str(value) for value in self.more.values())])


AT_THE_START = [
    Case("delay", "", WHOLE, more={"seconds": A_MOMENT_S}),
    Case("error", "gateway_down", "", more={"status": 500}),
    Case("drop_before", "gateway_down", ""),
    Case("drop_after", "gateway_down", ""),
    Case("hang_before", "timeout", "", ABOUT, more={"seconds": FOR_EVER_S}),
    Case("hang_after", "timeout", "", ABOUT, more={"seconds": FOR_EVER_S}),
    Case("truncated_json", "broke_off", None, ABOUT),
    Case("cut_body", "broke_off", None, ABOUT),
    Case("html", "gateway_down", ""),
    Case("stream_cut", "gateway_down", ""),
    Case("stream_reset", "gateway_down", ""),
    Case("stream_silent", "timeout", "", ABOUT, more={"seconds": FOR_EVER_S}),
    Case("stream_pause", "", WHOLE, more={"seconds": A_MOMENT_S}),
    Case("stream_end", "gateway_down", ""),
    Case("stream_garbage", "gateway_down", ""),
    Case("stream_html", "gateway_down", ""),
    Case("stream_error", "gateway_down", "", more={"status": 500}),
]
IN_THE_MIDDLE = [
    Case("stream_cut", "broke_off", SAID, ABOUT),
    Case("stream_reset", "broke_off", SAID, ABOUT),
    Case("stream_silent", "silent", SAID, ABOUT, more={"seconds": FOR_EVER_S}),
    Case("stream_pause", "", WHOLE, more={"seconds": A_MOMENT_S}),
    Case("stream_end", "broke_off", SAID, ABOUT),
    Case("stream_garbage", "broke_off", SAID, ABOUT),
    Case("stream_html", "broke_off", SAID, ABOUT),
    Case("stream_error", "broke_off", SAID, ABOUT, more={"status": 500}),
]
STATUSES = [
    (400, "bad_request", NOTHING),
    (401, "key_refused", NOTHING),
    (403, "refused", UNSAID),
    (404, "refused", UNSAID),
    (408, "gateway_down", UNSAID),
    (413, "bad_request", NOTHING),
    (422, "bad_request", NOTHING),
    (429, "rate_limited", NOTHING),
    (502, "gateway_down", UNSAID),
    (503, "gateway_down", UNSAID),
    (504, "gateway_down", UNSAID),
]
PROVIDERS = [  # what the model's provider does to the gateway: switches of the sandbox's answers
    Case("too-long", "context_too_long", "", NOTHING),
    Case("filter", "content_filtered", ""),
    Case("cut", "broke_off", None, ABOUT),
    Case("sse-error", "broke_off", None, ABOUT),
    Case("budget", "budget_midway", None, ABOUT),
    Case("fail 401", "provider_down", ""),
    Case("fail 429", "provider_rate_limited", "", NOTHING),
    Case("fail 500", "provider_down", ""),
    Case("fail 503", "provider_down", ""),
    Case("refuse seed", "unsupported", "", NOTHING),
]


@pytest.fixture(autouse=True)
def one_at_once(sandbox: Sandbox, settings: Settings, db: None) -> None:
    """Let a person have one answer at a time, so that one that is not over is in the way of the next."""
    know_the_models()
    settings.PLAYGROUND_STREAMS_PER_USER = 1


def named(cases: list[Case]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("case", cases, ids=[case.name for case in cases])


def test_every_fault_has_its_row() -> None:
    assert {case.kind for case in AT_THE_START} == set(KINDS)
    assert {case.kind for case in IN_THE_MIDDLE} == {kind for kind in KINDS if kind.startswith("stream_")}
    assert {case.kind for case in PROVIDERS} > {*BREAKS, *REFUSALS}


@named(AT_THE_START)
def test_at_the_start(
    as_intern: Client, sandbox: Sandbox, settings: Settings, caplog: pytest.LogCaptureFixture, case: Case
) -> None:
    if case.code == "timeout":
        settings.PLAYGROUND_IDLE_TIMEOUT_S = SILENCE_S
    sandbox.faults("/chat/completions", case.kind, after_chunks=0, **case.more)

    exchange = Exchange(as_intern, "Count [count 30]")

    assert_ended_as(case, exchange, sandbox)
    assert_nothing_is_left(as_intern, sandbox, exchange, caplog)


@named(IN_THE_MIDDLE)
def test_in_the_middle(
    as_intern: Client, sandbox: Sandbox, settings: Settings, caplog: pytest.LogCaptureFixture, case: Case
) -> None:
    if case.code == "silent":
        settings.PLAYGROUND_IDLE_TIMEOUT_S = SILENCE_S
    sandbox.faults("/chat/completions", case.kind, after_chunks=CHUNKS, **case.more)

    exchange = Exchange(as_intern, "Count [count 30]")

    assert_ended_as(case, exchange, sandbox)
    assert_nothing_is_left(as_intern, sandbox, exchange, caplog)


@pytest.mark.parametrize(("status", "code", "cost"), STATUSES)
def test_each_status(
    as_intern: Client, sandbox: Sandbox, caplog: pytest.LogCaptureFixture, status: int, code: str, cost: str
) -> None:
    sandbox.faults("/chat/completions", "error", status=status)

    exchange = Exchange(as_intern, "Count [count 30]")

    assert_ended_as(Case("error", code, "", cost), exchange, sandbox)
    assert f"{status}" in exchange.conversation.article  # in the gateway's own words, folded
    assert_nothing_is_left(as_intern, sandbox, exchange, caplog)


@pytest.mark.parametrize(
    ("status", "code"), [*((status, "broke_off") for status in (400, 401, 403, 503)), (429, "rate_limited")]
)
def test_each_status_that_comes_too_late_to_be_one(
    as_intern: Client, sandbox: Sandbox, caplog: pytest.LogCaptureFixture, status: int, code: str
) -> None:
    sandbox.faults("/chat/completions", "stream_error", after_chunks=CHUNKS, status=status)

    exchange = Exchange(as_intern, "Count [count 30]")

    assert_ended_as(Case("stream_error", code, SAID, ABOUT), exchange, sandbox)
    assert_nothing_is_left(as_intern, sandbox, exchange, caplog)


@named(PROVIDERS)
def test_what_a_provider_does(
    as_intern: Client, sandbox: Sandbox, caplog: pytest.LogCaptureFixture, case: Case
) -> None:
    exchange = Exchange(as_intern, f"Count [count 30] [{case.kind}]", seed="7")

    assert_ended_as(case, exchange, sandbox)
    assert_nothing_is_left(as_intern, sandbox, exchange, caplog)


class Exchange:
    """A message, and the response of the browser’s stream."""

    def __init__(self, client: Client, message: str, **fields: Any) -> None:
        self.raw = b""
        response = send(client, message, **fields)
        assert response.status_code == 200, response.content
        self.conversation = Received(self._noted(stream_of(response)))
        self.answer = self.conversation.answer

    def _noted(self, stream: Iterator[bytes]) -> Iterator[bytes]:
        for chunk in stream:
            self.raw += chunk
            yield chunk


def assert_ended_as(case: Case, exchange: Exchange, sandbox: Sandbox) -> None:
    """Check the row, the card on the page and what is spoken; and that the gateway was asked once."""
    answer, article = exchange.answer, exchange.conversation.article
    assert (answer.problem or {}).get("code", "") == case.code
    assert answer.state == (Answer.State.FAILED if case.code else Answer.State.COMPLETE)
    assert answer.ended_at is not None
    assert answer.text.startswith(exchange.conversation.text)
    assert answer.text in article  # the last pieces, which came with the error, enter the page here
    if case.text is None:
        assert WHOLE.startswith(answer.text)
        assert 0 < len(answer.text) < len(WHOLE)
    else:
        assert answer.text == case.text
    assert exchange.conversation.said == TITLES[case.code]
    assert not case.code or f'<p class="ps-lead">{TITLES[case.code]}</p>' in article
    assert "aria-busy" not in article
    costs = {words for words in (NOTHING, ABOUT) if words in article}
    assert costs == ({case.cost} if case.cost else set())
    assert sum(fault["hits"] for fault in sandbox.armed_faults()) in (0, 1)


def assert_nothing_is_left(
    client: Client, sandbox: Sandbox, exchange: Exchange, caplog: pytest.LogCaptureFixture
) -> None:
    """Check that the gateway works no more on it, that the next message is answered, and that no secret went out."""
    wait_until(lambda: not sandbox.connections()["open"])
    wait_until(lambda: not any(fault["waiting"] for fault in sandbox.armed_faults()))
    assert not ActiveCall.objects.filter(ended_at=None).exists()

    conversation = exchange.answer.message.conversation_id
    if exchange.answer.text:
        again = answer_to(client, "Again [words 3]", conversation=str(conversation), parent=str(exchange.answer.pk))
    else:  # what got no answer goes with the next message, and the fault that it asks for with it: put it otherwise
        edit = reverse("playground:edit", args=[exchange.answer.message_id])
        again = received(post(client, edit, edited="Again [words 3]")).answer

    assert again.state == Answer.State.COMPLETE
    assert again.message.conversation_id == conversation
    assert_nowhere(sandbox.issued_secrets(), [("the stream", exchange.raw), *everywhere(caplog)])
    assert_nowhere([sandbox.admin_key], [("the stream", exchange.raw)])
