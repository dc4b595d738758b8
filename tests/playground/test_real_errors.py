"""Errors of a real LiteLLM as the person sees them: each refusal's card, with the gateway's own message."""

import re
from collections.abc import Iterator
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.test import Client
from django.utils import formats, timezone
from pytest_django import Settings

from accounts.models import User
from gateway.secret import token_of
from keys.models import GatewayModel
from playground.errors.classify import AnswerError
from playground.models import Answer
from tests.keys.playground_actions import allow, use
from tests.keys.real_gateway import RealGateway, real_gateway
from tests.playground.real_portal import DEAR, FLUSH_S, LONG, logged
from tests.playground.sse import Received, disconnect, post, received, send, stream_of
from tests.playground.streams import MODEL, know_the_models
from tests.waiting import wait_until

pytestmark = pytest.mark.real_gateway

State = Answer.State
SECRETS = re.compile(r"\bsk-\w|(?<!\w)[0-9a-f]{64}")  # what LiteLLM says of a key: the end of its secret, its hash


@pytest.fixture(autouse=True)
def real(intern: User, settings: Settings) -> Iterator[RealGateway]:
    """Point the portal at the real gateway, and let it know the models."""
    with real_gateway(settings, intern) as gateway:
        know_the_models()
        yield gateway


def set_at(real: RealGateway, secret: str, **settings: object) -> None:
    """Change a key at the gateway, behind the portal's back."""
    real.call("POST", "/key/update", body={"key": token_of(secret), **settings}).raise_for_status()


def failed(conversation: Received, code: str, title: str) -> AnswerError:
    """Check that an answer failed for this reason, and says so on the page and aloud; return the reason."""
    answer = conversation.answer
    assert answer.state == State.FAILED
    answer_error = AnswerError.from_json(answer.problem or {})
    assert answer_error.code == code, answer_error.message
    assert title in conversation.article
    assert title == conversation.said
    assert "The gateway’s message" in conversation.article
    assert not SECRETS.search(conversation.article)
    return answer_error


# --- The key and its limits -------------------------------------------------------------------------
def test_a_model_that_the_key_may_not_call(intern: User, as_intern: Client, real: RealGateway) -> None:
    set_at(real, use(intern), models=["llama-70b"])

    conversation = received(send(as_intern, "Hello"))

    answer_error = failed(conversation, "model_denied", "You do not have access to this model")
    assert (answer_error.status, answer_error.type, answer_error.free) == (403, "key_model_access_denied", True)
    assert "This cost nothing." in conversation.article


@pytest.mark.parametrize("restricted", [False, True])
def test_a_model_that_is_not_found(intern: User, as_intern: Client, real: RealGateway, restricted: bool) -> None:
    if restricted:
        set_at(real, use(intern), models=["llama-70b"])
    GatewayModel.objects.create(name="gone-since", mode="chat", position=99)

    conversation = received(send(as_intern, "Hello", model="gone-since"))

    answer_error = failed(conversation, "model_denied", "You do not have access to this model")
    assert answer_error.status == (403 if restricted else 400)


@pytest.mark.parametrize("period", ["1d", "7d", "30d"])
def test_a_budget_that_is_used_up(intern: User, as_intern: Client, real: RealGateway, period: str) -> None:
    allow(playground__budget_usd=Decimal("0.01"), playground__budget_period=period)
    spent = received(send(as_intern, DEAR, model="llama-70b")).answer
    assert (spent.state, spent.cost_usd and spent.cost_usd > Decimal("0.01")) == (State.COMPLETE, True)
    token = token_of(use(intern))
    wait_until(lambda: real.info(token)["spend"] > 0.01, timeout_s=FLUSH_S)

    conversation = received(send(as_intern, "Hello"))

    answer_error = failed(conversation, "over_budget", "The budget is used up")
    assert (answer_error.status, answer_error.type, answer_error.free) == (422, "budget_exceeded", True)
    assert answer_error.resets_at == datetime.fromisoformat(real.info(token)["budget_reset_at"])
    day = formats.date_format(answer_error.resets_at, "j F Y")
    assert f"The budget of your Playground key is used up. It works again on {day} (UTC)." in conversation.article


def test_a_budget_of_the_person_that_is_used_up(intern: User, as_intern: Client, real: RealGateway) -> None:
    allow(person_budget_usd=Decimal("0.01"), budget_usd=Decimal(5), playground__budget_usd=Decimal(5))
    assert received(send(as_intern, DEAR, model="llama-70b")).answer.state == State.COMPLETE
    token = token_of(use(intern))
    wait_until(lambda: real.info(token)["spend"] > 0.01, timeout_s=FLUSH_S)

    conversation = received(send(as_intern, "Hello"))

    answer_error = failed(conversation, "over_budget", "The budget is used up")
    assert (answer_error.status, answer_error.free) == (422, True)
    assert "Your budget for all your keys together is spent." in conversation.article


@pytest.mark.early
@pytest.mark.parametrize(
    ("limits", "title"),
    [({"rpm_limit": 1}, "Too many requests this minute"), ({"tpm_limit": 5}, "Too many tokens this minute")],
    ids=["requests", "tokens"],
)
def test_a_limit_a_minute(as_intern: Client, limits: dict[str, int], title: str) -> None:
    allow(**limits)
    if "rpm_limit" in limits:
        assert received(send(as_intern, "Hello [words 3]")).answer.state == State.COMPLETE

    conversation = received(send(as_intern, "Hello [words 3]", max_tokens="50"))

    answer_error = failed(conversation, "rate_limited", title)
    assert (answer_error.status, answer_error.provider, answer_error.free) == (429, False, True)
    assert answer_error.retry_at is not None
    assert timezone.now() - timedelta(seconds=5) < answer_error.retry_at < timezone.now() + timedelta(seconds=65)
    assert "You can try again in" in conversation.article
    assert "Try again</button>" in conversation.article


def test_a_limit_of_calls_at_once(intern: User, as_intern: Client, real: RealGateway) -> None:
    set_at(real, use(intern), max_parallel_requests=1)
    response = send(as_intern, LONG)
    first = stream_of(response)
    while b"#text-" not in next(first):
        pass

    conversation = received(send(as_intern, "Hello [words 3]"))

    assert failed(conversation, "rate_limited", "Too many answers at once").retry_at is None
    disconnect(response)
    stopped = Answer.objects.get(state=State.STOPPED)
    wait_until(lambda: logged(real, stopped), timeout_s=FLUSH_S)
    assert received(send(as_intern, "Hello [words 3]")).answer.state == State.COMPLETE  # a stop makes room at once


# --- The key itself ---------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("action", "sentence", "heals"),
    [
        ("expire", "The key has expired. This cost nothing. Try again: the portal renews it first.", True),
        (
            "delete",
            "The gateway no longer knows it. This cost nothing. Try again: the portal creates a new one first.",
            True,
        ),
        ("block", "The key is blocked. This cost nothing. Contact the administrators.", False),
    ],
    ids=["expire", "delete", "block"],
)
def test_a_key_that_the_gateway_refuses(
    intern: User, as_intern: Client, real: RealGateway, action: str, sentence: str, heals: bool
) -> None:
    _take_away(real, use(intern), action)

    conversation = received(send(as_intern, "Hello [words 3]"))

    assert failed(conversation, "key_refused", "The gateway refused your Playground key").status == 401
    assert sentence in conversation.article
    again = send(as_intern, "Hello [words 3]")
    assert received(again).answer.state == State.COMPLETE if heals else again.status_code == 403


def _take_away(real: RealGateway, secret: str, action: str) -> None:
    if action == "expire":
        set_at(real, secret, duration="0d")
    elif action == "delete":
        real.call("POST", "/key/delete", body={"keys": [token_of(secret)]}).raise_for_status()
    else:
        real.call("POST", "/key/block", body={"key": token_of(secret)}).raise_for_status()


# --- The model and its provider ---------------------------------------------------------------------
@pytest.mark.parametrize(
    ("text", "code", "title"),
    [
        ("[fail 400]", "bad_request", "The model rejected the request"),
        ("[fail 401]", "provider_down", "This model is not working"),
        ("[fail 403]", "provider_down", "This model is not working"),
        ("[fail 404]", "provider_down", "This model is not working"),
        ("[fail 408]", "timeout", "The model took too long"),
        ("[fail 429]", "provider_rate_limited", "This model is overloaded"),
        ("[fail 500]", "provider_down", "This model is not working"),
        ("[fail 503]", "provider_down", "This model is not working"),
    ],
)
def test_a_provider_that_fails(as_intern: Client, text: str, code: str, title: str) -> None:
    conversation = received(send(as_intern, text))

    answer_error = failed(conversation, code, title)
    assert answer_error.provider
    assert conversation.answer.text == ""
    assert "Ask " in conversation.article  # another model may well answer


def test_a_provider_that_is_not_found(as_intern: Client) -> None:
    conversation = received(send(as_intern, "Hello", model="unreachable"))

    answer_error = failed(conversation, "provider_down", "This model is not working")
    assert answer_error.provider
    assert "Connection error" in answer_error.message


@pytest.mark.parametrize("text", ["[cut]", "[sse-error]"])
def test_a_provider_that_breaks_off_in_the_middle(as_intern: Client, text: str) -> None:
    conversation = received(send(as_intern, f"Hello [words 40] [pace 5] {text}"))

    answer_error = failed(conversation, "broke_off", "The answer broke off")
    assert answer_error.provider
    assert not answer_error.free
    assert conversation.answer.text.startswith(conversation.text)  # the last pieces come with the end
    assert conversation.answer.text.split()[-1] in conversation.article
    assert len(conversation.answer.text.split()) == 20
    assert conversation.answer.cost_usd is not None
    assert "It may have cost about" in conversation.article


@pytest.mark.parametrize("text", ["Hello [slow 30000]", "Hello [words 3] [pace 30000]"], ids=["head", "first word"])
def test_a_first_token_that_does_not_come(as_intern: Client, settings: Settings, text: str) -> None:
    settings.PLAYGROUND_IDLE_TIMEOUT_S = 1.0

    conversation = received(send(as_intern, text))

    assert not failed(conversation, "timeout", "The model took too long").free
    assert "Try again</button>" in conversation.article


def test_a_parameter_that_the_model_does_not_take(as_intern: Client) -> None:
    conversation = received(send(as_intern, "Hello [words 3]", reasoning_effort="low"))
    answer_error = failed(conversation, "unsupported", "The model does not take one of the parameters")
    assert answer_error.parameter == "reasoning_effort"
    assert "Send without reasoning_effort" in conversation.article

    again = received(_retry(as_intern, conversation.answer, reasoning_effort="low", without="reasoning_effort"))

    assert again.answer.state == State.COMPLETE
    assert again.answer.message_id == conversation.answer.message_id


def _retry(client: Client, answer: Answer, **fields: Any) -> Any:
    fields = {"conversation": str(answer.message.conversation_id), "model": MODEL, **fields}
    return post(client, f"/playground/answers/{answer.pk}/retry/", **fields)
