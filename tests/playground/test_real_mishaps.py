"""What goes wrong at a real LiteLLM, as the person sees it: each refusal's card, by the gateway's own words."""

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
from playground.models import Answer
from playground.services.mishaps import Mishap
from tests.keys.playground_acts import allow, use
from tests.keys.real_gateway import RealGateway, real_gateway
from tests.playground.real_portal import DEAR, FLUSH_S, LONG, logged
from tests.playground.sse import Heard, hang_up, heard, post, send, stream_of
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


def failed(talk: Heard, code: str, title: str) -> Mishap:
    """Check that an answer failed for this reason, and says so on the page and aloud; return the reason."""
    answer = talk.answer
    assert answer.state == State.FAILED
    mishap = Mishap.from_json(answer.problem or {})
    assert mishap.code == code, mishap.message
    assert title in talk.article
    assert title == talk.said
    assert "The gateway’s message" in talk.article
    assert not SECRETS.search(talk.article)
    return mishap


# --- The key and its limits -------------------------------------------------------------------------
def test_a_model_that_the_key_may_not_call(intern: User, as_intern: Client, real: RealGateway) -> None:
    set_at(real, use(intern), models=["llama-70b"])

    talk = heard(send(as_intern, "Hello"))

    mishap = failed(talk, "model_denied", "You do not have access to this model")
    assert (mishap.status, mishap.type, mishap.free) == (403, "key_model_access_denied", True)
    assert "This cost nothing." in talk.article


@pytest.mark.parametrize("restricted", [False, True])
def test_a_model_that_is_not_there(intern: User, as_intern: Client, real: RealGateway, restricted: bool) -> None:
    if restricted:
        set_at(real, use(intern), models=["llama-70b"])
    GatewayModel.objects.create(name="gone-since", mode="chat", position=99)

    talk = heard(send(as_intern, "Hello", model="gone-since"))

    mishap = failed(talk, "model_denied", "You do not have access to this model")
    assert mishap.status == (403 if restricted else 400)


@pytest.mark.parametrize("period", ["1d", "7d", "30d"])
def test_a_budget_that_is_used_up(intern: User, as_intern: Client, real: RealGateway, period: str) -> None:
    allow(playground__budget_usd=Decimal("0.01"), playground__budget_period=period)
    spent = heard(send(as_intern, DEAR, model="llama-70b")).answer
    assert (spent.state, spent.cost_usd and spent.cost_usd > Decimal("0.01")) == (State.COMPLETE, True)
    token = token_of(use(intern))
    wait_until(lambda: real.info(token)["spend"] > 0.01, timeout_s=FLUSH_S)

    talk = heard(send(as_intern, "Hello"))

    mishap = failed(talk, "over_budget", "The budget is used up")
    assert (mishap.status, mishap.type, mishap.free) == (422, "budget_exceeded", True)
    assert mishap.resets_at == datetime.fromisoformat(real.info(token)["budget_reset_at"])
    day = formats.date_format(mishap.resets_at, "j F Y")
    assert f"The budget of your Playground key is used up. It works again on {day} (UTC)." in talk.article


@pytest.mark.early
@pytest.mark.parametrize(
    ("limits", "title"),
    [({"rpm_limit": 1}, "Too many requests this minute"), ({"tpm_limit": 5}, "Too many tokens this minute")],
    ids=["requests", "tokens"],
)
def test_a_limit_a_minute(as_intern: Client, limits: dict[str, int], title: str) -> None:
    allow(**limits)
    if "rpm_limit" in limits:
        assert heard(send(as_intern, "Hello [words 3]")).answer.state == State.COMPLETE

    talk = heard(send(as_intern, "Hello [words 3]", max_tokens="50"))

    mishap = failed(talk, "rate_limited", title)
    assert (mishap.status, mishap.provider, mishap.free) == (429, False, True)
    assert mishap.retry_at is not None
    assert timezone.now() - timedelta(seconds=5) < mishap.retry_at < timezone.now() + timedelta(seconds=65)
    assert "You can try again in" in talk.article
    assert "Try again</button>" in talk.article


def test_a_limit_of_calls_at_once(intern: User, as_intern: Client, real: RealGateway) -> None:
    set_at(real, use(intern), max_parallel_requests=1)
    response = send(as_intern, LONG)
    first = stream_of(response)
    while b"#text-" not in next(first):
        pass

    talk = heard(send(as_intern, "Hello [words 3]"))

    assert failed(talk, "rate_limited", "Too many answers at once").retry_at is None
    hang_up(response)
    stopped = Answer.objects.get(state=State.STOPPED)
    wait_until(lambda: logged(real, stopped), timeout_s=FLUSH_S)
    assert heard(send(as_intern, "Hello [words 3]")).answer.state == State.COMPLETE  # a stop makes room at once


# --- The key itself ---------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("act", "sentence", "heals"),
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
    intern: User, as_intern: Client, real: RealGateway, act: str, sentence: str, heals: bool
) -> None:
    _take_away(real, use(intern), act)

    talk = heard(send(as_intern, "Hello [words 3]"))

    assert failed(talk, "key_refused", "The gateway refused your Playground key").status == 401
    assert sentence in talk.article
    again = send(as_intern, "Hello [words 3]")
    assert heard(again).answer.state == State.COMPLETE if heals else again.status_code == 403


def _take_away(real: RealGateway, secret: str, act: str) -> None:
    if act == "expire":
        set_at(real, secret, duration="0d")
    elif act == "delete":
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
    talk = heard(send(as_intern, text))

    mishap = failed(talk, code, title)
    assert mishap.provider
    assert talk.answer.text == ""
    assert "Ask " in talk.article  # another model may well answer


def test_a_provider_that_is_not_there(as_intern: Client) -> None:
    talk = heard(send(as_intern, "Hello", model="unreachable"))

    mishap = failed(talk, "provider_down", "This model is not working")
    assert mishap.provider
    assert "Connection error" in mishap.message


@pytest.mark.parametrize("text", ["[cut]", "[sse-error]"])
def test_a_provider_that_breaks_off_in_the_middle(as_intern: Client, text: str) -> None:
    talk = heard(send(as_intern, f"Hello [words 40] [pace 5] {text}"))

    mishap = failed(talk, "broke_off", "The answer broke off")
    assert mishap.provider
    assert not mishap.free
    assert talk.answer.text.startswith(talk.text)  # the last pieces come with the end
    assert talk.answer.text.split()[-1] in talk.article
    assert len(talk.answer.text.split()) == 20
    assert talk.answer.cost_usd is not None
    assert "It may have cost about" in talk.article


@pytest.mark.parametrize("text", ["Hello [slow 30000]", "Hello [words 3] [pace 30000]"], ids=["head", "first word"])
def test_a_first_word_that_does_not_come(as_intern: Client, settings: Settings, text: str) -> None:
    settings.PLAYGROUND_SILENCE_S = 1.0

    talk = heard(send(as_intern, text))

    assert not failed(talk, "timeout", "The model took too long").free
    assert "Try again</button>" in talk.article


def test_a_parameter_that_the_model_does_not_take(as_intern: Client) -> None:
    talk = heard(send(as_intern, "Hello [words 3]", reasoning_effort="low"))
    mishap = failed(talk, "unsupported", "The model does not take one of the parameters")
    assert mishap.parameter == "reasoning_effort"
    assert "Send without reasoning_effort" in talk.article

    again = heard(_retry(as_intern, talk.answer, reasoning_effort="low", without="reasoning_effort"))

    assert again.answer.state == State.COMPLETE
    assert again.answer.message_id == talk.answer.message_id


def _retry(client: Client, answer: Answer, **fields: Any) -> Any:
    fields = {"conversation": str(answer.message.conversation_id), "model": MODEL, **fields}
    return post(client, f"/playground/answers/{answer.pk}/retry/", **fields)
