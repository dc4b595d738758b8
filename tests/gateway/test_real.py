"""The client against a real LiteLLM, with the models of the shared test gateway. Each test deletes what it created."""

import os
import uuid
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from itertools import islice
from typing import Any

import pytest

from gateway import log_context
from gateway.client import Gateway
from gateway.diagnostics import examine
from gateway.errors import (
    GatewayKeyRefused,
    GatewayModelDenied,
    GatewayNotFound,
    GatewayOverBudget,
    GatewayRateLimited,
    GatewayRejected,
    GatewayUnavailable,
)
from gateway.inference_types import ChatRequest, CompletionRequest, Message
from gateway.types import IssuedKey
from tests.gateway.test_streams import deltas_of, start
from tests.waiting import wait_until

pytestmark = pytest.mark.real_gateway

MODEL = "gpt-4o-mini"


@pytest.fixture
def real() -> Iterator[Gateway]:
    gateway = Gateway(os.environ["REAL_GATEWAY_URL"], os.environ["REAL_GATEWAY_ADMIN_KEY"])
    yield gateway
    gateway.close()


class Maker:
    """Makes keys and remembers them."""

    def __init__(self, gateway: Gateway) -> None:
        self.gateway = gateway
        self.tokens: list[str] = []

    def __call__(
        self,
        *,
        duration: str | None = "5400s",
        budget_usd: Decimal | None = None,
        models: tuple[str, ...] | None = None,
        rpm_limit: int | None = None,
        secret: str | None = None,
        spend_usd: Decimal | None = None,
    ) -> IssuedKey:
        issued = self.gateway.keys.generate(
            user_id="passerelle-client-test",
            alias=f"client-test-{uuid.uuid4().hex}",
            duration=duration,
            budget_usd=budget_usd,
            budget_duration="30d" if budget_usd else None,
            models=models,
            rpm_limit=rpm_limit,
            tpm_limit=None,
            metadata={"by": "a test"},
            secret=secret,
            spend_usd=spend_usd,
        )
        self.tokens.append(issued.token)
        return issued


@pytest.fixture
def make(real: Gateway) -> Iterator[Maker]:
    maker = Maker(real)
    yield maker
    for token in maker.tokens:
        if not real.keys.info(token).deleted:
            real.keys.delete([token])


def chat(text: str, model: str = MODEL) -> ChatRequest:
    return ChatRequest(model=model, messages=[Message(role="user", content=text)])


def test_life_of_a_key(real: Gateway, make: Maker) -> None:
    issued = make(budget_usd=Decimal("2.5"), models=(MODEL,))
    assert issued.expires_at
    assert abs(issued.expires_at - datetime.now(UTC) - timedelta(seconds=5400)) < timedelta(seconds=30)

    info = real.keys.info(issued.token)
    assert (info.alias, info.last_four, info.models, info.budget_usd) == (
        issued.alias,
        issued.last_four,
        (MODEL,),
        Decimal("2.5"),
    )
    assert info.routes == ("llm_api_routes",)
    assert abs((info.expires_at or datetime.max.replace(tzinfo=UTC)) - issued.expires_at) < timedelta(milliseconds=2)
    assert [key.token for key in real.keys.list(alias=issued.alias)] == [issued.token]

    renewed = real.keys.renew(issued.token, duration="30d")
    assert (renewed.expires_at or issued.expires_at) > issued.expires_at + timedelta(days=29)
    changed = real.keys.update(issued.token, budget_usd=None, models=None, rpm_limit=7)
    assert (changed.budget_usd, changed.models, changed.rpm_limit) == (None, (), 7)

    assert real.keys.block(issued.token).blocked
    with pytest.raises(GatewayKeyRefused) as refusal:
        real.models.names(issued.secret)
    assert refusal.value.reason == "blocked"
    assert not real.keys.unblock(issued.token).blocked
    assert MODEL in real.models.names(issued.secret)

    real.keys.delete([issued.token])
    assert real.keys.info(issued.token).deleted
    with pytest.raises(GatewayNotFound):
        real.keys.delete([issued.token])
    with pytest.raises(GatewayKeyRefused) as refusal:
        real.models.names(issued.secret)
    assert refusal.value.reason == "unknown"


def test_list_covers_every_page(real: Gateway, make: Maker) -> None:
    made = {make().token for _ in range(3)}

    assert made <= {key.token for key in real.keys.list(user_id="passerelle-client-test")}
    lists = ([key.token for key in real.keys.list()] for _ in range(5))  # other tests make keys, which shifts pages
    assert any(tokens == sorted(tokens) for tokens in lists)


def test_a_key_cannot_make_change_or_delete_keys(real: Gateway, make: Maker) -> None:
    issued = make()
    as_person = Gateway(real.base_url, issued.secret)

    for action in (
        lambda: Maker(as_person)(),
        lambda: as_person.keys.renew(issued.token, duration="365d"),
        lambda: as_person.keys.delete([issued.token]),
        lambda: as_person.keys.info(issued.token),
    ):
        with pytest.raises(GatewayRejected):
            action()
    assert not real.keys.info(issued.token).deleted


def test_spend_carries_over_and_counts_towards_the_budget(real: Gateway, make: Maker) -> None:
    issued = make(budget_usd=Decimal("0.01"), spend_usd=Decimal("0.02"))

    assert real.keys.info(issued.token).spend_usd == Decimal("0.02")
    with pytest.raises(GatewayOverBudget):
        real.inference.chat(secret=issued.secret, body=chat("hi"))


def test_a_custom_key_that_exists_changes_nothing(real: Gateway, make: Maker) -> None:
    secret = f"sk-{uuid.uuid4().hex}"
    first = make(secret=secret)
    second = make(secret=secret)

    assert second.token == first.token
    assert second.alias != first.alias  # the answer repeats what was asked for …
    assert real.keys.info(first.token).alias == first.alias  # … and the row is as it was
    make.tokens.pop()


def test_chat_completion_embedding_and_moderation(real: Gateway, make: Maker) -> None:
    secret = make().secret

    answer = real.inference.chat(secret=secret, body=chat("hi [words 4] [reason 2]"))
    assert (answer.text, answer.model) == ("the gateway answers with", MODEL)
    assert answer.usage
    assert answer.usage.reasoning_tokens == 2
    assert answer.headers.call_id
    assert answer.headers.cost_usd
    assert answer.headers.model_group == MODEL
    text = real.inference.complete(secret=secret, body=CompletionRequest(model=MODEL, prompt="x [words 2]")).text
    assert text == "the gateway"
    assert len(real.inference.embed(secret=secret, model="embedding", texts=["a", "b"]).vectors) == 2
    (verdict,) = real.inference.moderate(secret=secret, model="moderation", texts=["a"]).results
    assert not verdict.flagged


def test_the_log_of_calls_has_the_id_of_our_request(real: Gateway, make: Maker) -> None:
    issued, request_id = make(), log_context.new_request_id()
    with log_context.scope(request_id=request_id):
        real.inference.chat(secret=issued.secret, body=chat("hi"))
        call_id = log_context.noted()["gateway_call_id"]

    def row() -> Any:
        today = datetime.now(UTC).date()
        days = {"start_date": f"{today - timedelta(days=1)} 00:00:00", "end_date": f"{today} 23:59:59"}
        rows: Any = real._transport.get("/spend/logs/v2", {**days, "page_size": 10, "api_key": issued.token}).body
        return next((row for row in rows["data"] if row["metadata"]["litellm_call_id"] == call_id), None)

    assert wait_until(row, 30.0)["session_id"] == request_id


def test_streams_and_their_ends(real: Gateway, make: Maker) -> None:
    secret = make().secret

    deltas = deltas_of(real.inference.stream_chat(secret=secret, body=chat("hi [words 5]")))
    assert "".join(delta.text for delta in deltas) == "the gateway answers with words"
    assert [delta.finish_reason for delta in deltas if delta.finish_reason] == ["stop"]
    assert deltas[-1].usage
    assert deltas[-1].usage.completion_tokens == 5
    for fault in ("[sse-error]", "[cut]"):
        stream = real.inference.stream_chat(secret=secret, body=chat(f"hi [words 6] {fault}"))
        with pytest.raises(GatewayUnavailable) as failure:
            deltas_of(stream)
        assert failure.value.provider
    start(real.inference.stream_chat(secret=secret, body=chat("hi [words 500] [pace 50]")))  # and hangs up


@pytest.mark.early
def test_refusals(real: Gateway, make: Maker) -> None:
    secret = make(models=(MODEL,)).secret

    with pytest.raises(GatewayModelDenied):
        real.inference.chat(secret=secret, body=chat("hi", "llama-70b"))
    with pytest.raises(GatewayRejected, match="AuthenticationError") as refusal:
        real.inference.chat(secret=secret, body=chat("[fail 401]"))
    assert refusal.value.provider
    with pytest.raises(GatewayKeyRefused) as refused:
        real.inference.chat(secret="sk-there-is-no-such-key", body=chat("hi"))
    assert refused.value.reason == "unknown"
    limited = make(rpm_limit=1).secret
    with pytest.raises(GatewayRateLimited) as limit:
        [real.inference.chat(secret=limited, body=chat("hi")) for _ in range(3)]
    assert limit.value.retry_after_s
    with pytest.raises(GatewayNotFound):
        real.keys.info("0" * 64)
    with pytest.raises(GatewayNotFound):
        real.people.team("nobody")


def test_models_health_usage_and_prices(real: Gateway) -> None:
    named = {model.name: model for model in real.models.info()}
    assert named[MODEL].provider == "openai"
    assert named[MODEL].input_usd_per_million == Decimal("0.15")
    assert real.health.liveness()
    assert (real.health.readiness().status, real.health.readiness().db) == ("healthy", "connected")
    assert real.health.details().version
    today = datetime.now(UTC).date()
    pages = list(islice(real.usage.daily_activity(today - timedelta(days=1), today, page_size=2), 5))  # of hundreds
    assert [page.page for page in pages] == list(range(1, len(pages) + 1))
    assert all(isinstance(row.day, date) for page in pages for row in page.rows)
    cost_usd = real.usage.calculate_cost(model=MODEL, prompt_tokens=1000, completion_tokens=1000)
    assert round(cost_usd, 9) == Decimal("0.00075")


def test_the_check_finds_it_well_and_leaves_nothing(real: Gateway) -> None:
    assert [finding for finding in examine(real) if not finding.ok] == []
    assert list(real.keys.list(user_id="passerelle-check")) == []
