"""A person's budget against a real LiteLLM: deleted and replaced keys and concurrent calls count in it."""

import threading
import time
import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from django.db import connection
from pytest_django import Settings

from accounts.models import User
from gateway.errors import GatewayError
from gateway.secret import token_of
from keys import services
from keys.models import Key
from keys.services.person_budget import team_id_of
from tests.keys.actions import BY_TEST, again, issue
from tests.keys.playground_actions import allow, use
from tests.keys.real_gateway import RealGateway, real_gateway
from tests.waiting import wait_until

pytestmark = [pytest.mark.real_gateway, pytest.mark.django_db(transaction=True), pytest.mark.timeout(180)]

BUDGET_USD = Decimal("0.02")
MODEL, WORDS, WORD_USD = "llama-70b", 3000, Decimal("9e-7")
CALL_USD = (WORDS + 10) * WORD_USD
CALLERS, LONGEST_S = 8, 60
QUIET_CALLS = 4  # so many refusals in a row end a caller


@pytest.fixture
def real(intern: User, settings: Settings) -> Iterator[RealGateway]:
    """Point the portal at the real gateway."""
    with real_gateway(settings, intern) as gateway:
        allow_two_cents()
        yield gateway


@pytest.fixture
def strict(intern: User, settings: Settings) -> Iterator[RealGateway]:
    """Point the portal at the second real gateway, which has `fail_closed_budget_enforcement` (`.ci/run`)."""
    with real_gateway(settings, intern, variable="REAL_OTHER_GATEWAY_URL") as gateway:
        allow_two_cents()
        yield gateway


def allow_two_cents() -> None:
    """Give everybody the same small budget for a key and for all keys, and no other limit."""
    usd = BUDGET_USD
    allow(person_budget_usd=usd, budget_usd=usd, playground__budget_usd=usd, rpm_limit=None, tpm_limit=None)
    allow(max_live_keys=None)


class Meter:
    """Asks expensive questions, each of them slow, so that callers are under way together; adds up what they cost."""

    def __init__(self, real: RealGateway) -> None:
        self._real = real
        self._lock = threading.Lock()
        self._ends_at = time.monotonic() + LONGEST_S
        self.spent_usd, self.answers, self.refusals, self.messages = Decimal(0), 0, 0, set[str]()

    def ask(self, secret: str) -> bool:
        """Ask once; tell whether an answer came."""
        question = {"role": "user", "content": f"[words {WORDS}] [slow 300] go"}
        body = {"model": MODEL, "messages": [question], "max_tokens": WORDS}
        answer = self._real.call("POST", "/v1/chat/completions", key=secret, body=body)
        with self._lock:
            self.spent_usd += Decimal(answer.headers.get("x-litellm-response-cost") or 0)
            self.answers += answer.ok
            self.refusals += not answer.ok
            if not answer.ok:
                self.messages.add(answer.json()["error"]["message"].partition(" Current cost")[0])
        return bool(answer.ok)

    def __repr__(self) -> str:
        return f"{self.spent_usd} USD in {self.answers} answers, then {self.refusals} refusals"

    def refused_by_team_of(self, person: User) -> bool:
        """Tell whether the person's own budget was named as the reason of a refusal."""
        return f"Budget has been exceeded! Team={team_id_of(person)}" in self.messages

    def until_quiet(self, action: Callable[[], list[str]]) -> None:
        """Do `action` again and again, and ask with each secret that it gives, until nothing is answered any more."""
        refused = 0
        while refused < QUIET_CALLS and time.monotonic() < self._ends_at:
            secrets: list[str] = []
            with suppress(GatewayError, services.KeyRefused):
                secrets = action()
            for secret in secrets:
                refused = 0 if self.ask(secret) else refused + 1
        connection.close()


def actions_of(intern: User, meter: Meter) -> list[Callable[[], list[str]]]:
    """Return what is tried: each action gives the secrets that it leaves, and asks in between where that pays."""
    turned = issue(intern, "turned")

    def delete_and_create() -> list[str]:
        fresh = issue(intern, uuid.uuid4().hex)
        meter.ask(fresh.secret)
        services.delete_key(key=again(fresh.key), actor=BY_TEST)
        return [issue(intern, uuid.uuid4().hex).secret]

    def rotate() -> list[str]:
        fresh = services.rotate_key(key=again(turned.key), actor=BY_TEST)
        meter.ask(turned.secret)
        meter.ask(fresh.secret)
        services.end_old_secret(key=again(turned.key), actor=BY_TEST)
        return [fresh.secret]

    def ask_and_delete_the_playground_key() -> list[str]:
        meter.ask(use(intern))
        key = Key.objects.get(owner=intern, kind=Key.Kind.PLAYGROUND, state=Key.State.ACTIVE)
        services.delete_key(key=again(key), actor=BY_TEST)
        return [use(intern)]

    return [delete_and_create, rotate, ask_and_delete_the_playground_key]


def test_an_intern_of_two_cents_spends_them_and_one_call_whatever_is_tried_in_turn(
    intern: User, real: RealGateway
) -> None:
    meter = Meter(real)

    for action in actions_of(intern, meter) * 3:
        for secret in action():
            meter.ask(secret)

    assert meter.refused_by_team_of(intern)
    assert BUDGET_USD < meter.spent_usd < BUDGET_USD + CALL_USD, meter
    wait_until(lambda: abs(booked_usd(real, intern) - meter.spent_usd) < Decimal("1e-6"), timeout_s=60)


def try_at_once(intern: User, meter: Meter) -> None:
    """Try all actions at once, one of them twice, during calls of four clients, until none is answered."""
    kept = issue(intern, "kept")
    actions = actions_of(intern, meter)
    actions += [actions[0], *[lambda: [kept.secret]] * (CALLERS - len(actions) - 1)]
    with ThreadPoolExecutor(CALLERS) as callers:
        list(callers.map(meter.until_quiet, actions))


def test_tried_at_once_it_is_at_most_one_call_more_for_each_caller(intern: User, real: RealGateway) -> None:
    """See ADR 10: a call that costs less than LiteLLM reserved makes room for another while the last ones run."""
    meter = Meter(real)

    try_at_once(intern, meter)

    assert meter.refused_by_team_of(intern)
    assert meter.refusals >= QUIET_CALLS
    assert BUDGET_USD - CALL_USD < meter.spent_usd < BUDGET_USD + CALL_USD * CALLERS, meter
    wait_until(lambda: abs(booked_usd(real, intern) - meter.spent_usd) < Decimal("1e-6"), timeout_s=60)


@pytest.mark.second_real_gateway
def test_tried_at_once_it_is_never_more_where_the_gateway_refuses_what_may_not_fit(
    intern: User, strict: RealGateway
) -> None:
    meter = Meter(strict)

    try_at_once(intern, meter)

    assert meter.refused_by_team_of(intern)
    assert meter.refusals >= QUIET_CALLS
    assert BUDGET_USD - CALL_USD < meter.spent_usd <= BUDGET_USD, meter
    wait_until(lambda: abs(booked_usd(strict, intern) - meter.spent_usd) < Decimal("1e-6"), timeout_s=60)


def booked_usd(real: RealGateway, person: User) -> Decimal:
    """Return what the gateway's own activity of today says, deleted keys included."""
    today = datetime.now(UTC).date().isoformat()
    query = {"start_date": today, "end_date": today, "user_id": person.gateway_user_id, "page_size": 1000}
    reported: dict[str, Any] = real.call("GET", "/user/daily/activity", params=query).json()
    return Decimal(str(reported["metadata"]["total_spend"]))


def test_keys_from_before_count_after_the_sweep_and_keep_their_person(intern: User, real: RealGateway) -> None:
    allow(person_budget_usd=None)
    secret = issue(intern).secret
    assert real.chat(secret).ok
    allow(person_budget_usd=Decimal("0.01"))

    services.sweep_keys()

    row = real.info(token_of(secret))
    assert (row["team_id"], row["user_id"]) == (team_id_of(intern), intern.gateway_user_id)
    allow(person_budget_usd=None)
    services.sweep_keys()  # the limit is lifted at the team
    reported = real.call("GET", "/team/info", params={"team_id": team_id_of(intern)}).json()["team_info"]
    assert (reported["max_budget"], reported["budget_duration"]) == (None, None)
    assert real.chat(secret).ok
    assert real.call("GET", "/user/info", params={"user_id": intern.gateway_user_id}).status_code == 404
