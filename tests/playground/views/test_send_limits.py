"""Refusals before anything is sent: limits, policy, key and gateway; each next to the form, and nothing is saved."""

from collections.abc import Iterator
from decimal import Decimal

import pytest
from django.test import Client
from pytest_django import Settings

from accounts.models import User
from keys.models import Key
from playground.models import ActiveCall, Answer, Conversation, Message
from tests.keys.playground_actions import allow, spend_at, use
from tests.keys.views.pages import words_of
from tests.playground import rows
from tests.playground.sse import answer_to, disconnect, received, send, stream_of
from tests.playground.streams import know_the_models
from tests.ports import free_port
from tests.sandbox_process import Sandbox

WAYS = pytest.mark.parametrize("htmx", [True, False])


@pytest.fixture(autouse=True)
def models(sandbox: Sandbox, db: None) -> None:
    """Let the portal know the gateway's models."""
    know_the_models()


def refused(client: Client, status: int, *, htmx: bool = True) -> str:
    """Send; check that it is refused, that nothing was kept or sent, and that the words stay; return the page."""
    before = [model.objects.count() for model in (Conversation, Message, Answer)]

    response = send(client, "My long prompt", htmx=htmx)

    assert response.status_code == status
    page = response.content.decode()
    assert 'role="alert"' in page
    assert ("<!doctype html>" in page) != htmx
    assert htmx or "My long prompt" in page or status == 403
    assert [model.objects.count() for model in (Conversation, Message, Answer)] == before
    return words_of(response)


@WAYS
def test_a_fourth_answer_at_once_is_refused(intern: User, as_intern: Client, htmx: bool) -> None:
    for _ in range(3):
        rows.call(intern)

    words = refused(as_intern, 429, htmx=htmx)

    assert "3 answers are being written for you already. Wait until one is finished, or stop one." in words


@WAYS
def test_too_many_a_minute_says_when_to_send_again(intern: User, as_intern: Client, htmx: bool) -> None:
    for _ in range(20):
        rows.call(intern, ended=True)

    words = refused(as_intern, 429, htmx=htmx)

    assert "You may ask 20 times a minute here. Nothing was sent, and this cost nothing." in words
    assert "You can send it in" in words


def test_a_full_portal_says_so(as_intern: Client, staff: User, settings: Settings) -> None:
    settings.PLAYGROUND_STREAMS = 1
    rows.call(staff)

    assert "Too many answers are being written right now." in refused(as_intern, 429)


def test_a_call_is_over_once_its_answer_is_read(as_intern: Client, settings: Settings) -> None:
    settings.PLAYGROUND_STREAMS_PER_USER = 1
    stream = send(as_intern, "Hello [words 3]")

    refused(as_intern, 429)
    received(stream)

    assert answer_to(as_intern, "Again [words 3]").state == Answer.State.COMPLETE
    assert not ActiveCall.objects.filter(ended_at=None).exists()


def test_a_disconnect_before_the_first_event_leaves_no_active_call(as_intern: Client, sandbox: Sandbox) -> None:
    response = send(as_intern, "Hello [words 2000] [pace 20]")
    next(stream_of(response))

    disconnect(response)

    assert Answer.objects.get().state == Answer.State.STOPPED
    assert not ActiveCall.objects.filter(ended_at=None).exists()
    assert sandbox.connections()["finished"] == 0


@WAYS
def test_a_policy_without_the_playground(as_intern: Client, htmx: bool) -> None:
    allow(playground__allowed=False)

    assert "Your policy does not include the Playground." in refused(as_intern, 403, htmx=htmx)


def test_a_key_that_is_blocked(intern: User, as_intern: Client) -> None:
    use(intern)
    Key.objects.update(blocked=True)

    assert "Your Playground key is blocked at the gateway." in refused(as_intern, 403)


@WAYS
def test_a_gateway_that_is_down_at_the_first_use(as_intern: Client, settings: Settings, htmx: bool) -> None:
    settings.GATEWAY_URL = f"http://127.0.0.1:{free_port()}"

    words = refused(as_intern, 503, htmx=htmx)

    assert "The gateway does not answer." in words
    assert "Try again in a minute; your message is kept." in words


def test_a_gateway_that_is_down_afterwards_is_a_card(intern: User, as_intern: Client, settings: Settings) -> None:
    use(intern)
    settings.GATEWAY_URL = f"http://127.0.0.1:{free_port()}"

    conversation = received(send(as_intern, "Hello"))

    assert conversation.answer.state == Answer.State.FAILED
    assert conversation.said == "The gateway does not answer"
    assert "This cost nothing." in conversation.article
    assert f"/playground/answers/{conversation.answer.pk}/retry/" in conversation.article


def test_a_gateway_that_refuses_at_the_first_use(as_intern: Client, sandbox: Sandbox) -> None:
    sandbox.faults("/key/generate", "error", status=400)

    assert "The gateway refused to create your Playground key. Nothing was sent." in refused(as_intern, 502)


@pytest.fixture
def strict_gateway(settings: Settings) -> Iterator[Sandbox]:
    """Point the portal at a gateway that makes up all keys itself."""
    with Sandbox(custom_keys=False) as gateway:
        settings.GATEWAY_URL, settings.GATEWAY_ADMIN_KEY = gateway.url, gateway.admin_key
        yield gateway


def test_a_gateway_that_refuses_custom_keys(as_intern: Client, strict_gateway: Sandbox) -> None:
    words = refused(as_intern, 403)

    assert "Playground" in words
    assert strict_gateway.live_keys() == []


def test_a_spent_budget_is_a_card_with_its_day(intern: User, as_intern: Client, sandbox: Sandbox) -> None:
    allow(playground__budget_usd=Decimal("0.01"))
    secret = use(intern)
    answer_to(as_intern, "Hello [words 20]")
    spend_at(sandbox, secret, 0.02)

    conversation = received(send(as_intern, "And more [words 20]"))

    assert conversation.answer.state == Answer.State.FAILED
    assert conversation.said == "The budget is used up"
    assert "It works again on" in conversation.article
    assert "This cost nothing." in conversation.article
