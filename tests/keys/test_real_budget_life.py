"""A person's budget against a real LiteLLM, over its life: before the team, outside of it, and after it."""

import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from itertools import cycle

import pytest
from django.utils import timezone
from pytest_django import Settings

from accounts.models import User
from gateway.secret import token_of
from keys import services
from keys.models import Key, PersonBudget
from keys.services.person_budget import team_id_of
from playground.services.anonymise import anonymise
from tests.keys.actions import BY_TEST, again, issue
from tests.keys.playground_actions import allow, use
from tests.keys.real_gateway import RealGateway, real_gateway
from tests.keys.test_real_person_budget import CALL_USD, Meter, booked_usd
from tests.waiting import wait_until

pytestmark = [pytest.mark.real_gateway, pytest.mark.django_db(transaction=True), pytest.mark.timeout(180)]

CENT = Decimal("0.01")
AT_ONCE = 20
FLOAT_USD = Decimal("1e-6")


@pytest.fixture
def real(intern: User, settings: Settings) -> Iterator[RealGateway]:
    """Point the portal at the real gateway; nobody has a budget yet."""
    with real_gateway(settings, intern) as gateway:
        allow(person_budget_usd=None, budget_usd=Decimal(5), playground__budget_usd=Decimal(5))
        allow(rpm_limit=None, tpm_limit=None, max_live_keys=None)
        yield gateway


def left_usd(real: RealGateway, person: User) -> Decimal:
    """Return what the team lets the person spend yet."""
    row = real.call("GET", "/team/info", params={"team_id": team_id_of(person)}).json()["team_info"]
    return Decimal(str(row["max_budget"])) - Decimal(str(row["spend"]))


def recounted(real: RealGateway, person: User) -> Decimal:
    """Let the sweep count once more, as it does minutes later; return what the team takes as spent of a cent."""
    PersonBudget.objects.filter(owner=person, recount_at__isnull=False).update(recount_at=timezone.now())
    services.sweep_keys()
    return CENT - left_usd(real, person)


def test_twenty_calls_at_once_over_and_over_spend_a_cent_and_one_call(intern: User, real: RealGateway) -> None:
    allow(person_budget_usd=CENT)
    meter = Meter(real)

    def at_once(*secrets: str) -> None:
        with ThreadPoolExecutor(AT_ONCE) as callers:
            list(callers.map(meter.ask, [secret for secret, _ in zip(cycle(secrets), range(AT_ONCE), strict=False)]))

    keys = [issue(intern, f"key {number}") for number in range(3)]
    at_once(*(key.secret for key in keys), use(intern))
    for _ in range(2):
        services.delete_key(key=again(keys.pop(0).key), actor=BY_TEST)
        keys.append(issue(intern, uuid.uuid4().hex))
        rotated = services.rotate_key(key=again(keys[0].key), actor=BY_TEST)
        at_once(*(key.secret for key in keys), rotated.secret, use(intern))
        services.end_old_secret(key=again(keys[0].key), actor=BY_TEST)
        services.delete_key(key=Key.objects.get(kind=Key.Kind.PLAYGROUND, state="active"), actor=BY_TEST)
        at_once(rotated.secret, use(intern))
        services.renew_key(key=again(keys[1].key), actor=BY_TEST, early=True)
        moved = {"key": token_of(keys[1].secret), "team_id": None}  # out of the team, behind the portal's back
        real.call("POST", "/key/update", body=moved).raise_for_status()
        services.sync_keys()
        services.sweep_keys()
        assert real.info(token_of(keys[1].secret))["team_id"] == team_id_of(intern)
        at_once(*(key.secret for key in keys))

    said = services.check_secret(owner=intern, secret=keys[1].secret)
    assert str(said.sentence) == "Your budget for all your keys together is used up."
    assert meter.refused_by_team_of(intern)
    assert CENT - CALL_USD < meter.spent_usd < CENT + CALL_USD, meter
    wait_until(lambda: abs(booked_usd(real, intern) - meter.spent_usd) < FLOAT_USD, timeout_s=60)


def test_what_was_spent_before_the_team_and_next_to_it_counts(intern: User, real: RealGateway) -> None:
    gone, kept = issue(intern, "gone"), issue(intern, "kept")
    meter = Meter(real)
    for secret in (gone.secret, kept.secret):
        assert meter.ask(secret)
    services.delete_key(key=again(gone.key), actor=BY_TEST)
    wait_until(lambda: abs(booked_usd(real, intern) - meter.spent_usd) < FLOAT_USD, timeout_s=60)
    allow(person_budget_usd=CENT)

    services.sweep_keys()
    assert abs(left_usd(real, intern) - (CENT - meter.spent_usd)) < FLOAT_USD

    real.call("POST", "/key/update", body={"key": token_of(kept.secret), "team_id": None}).raise_for_status()
    assert meter.ask(kept.secret)
    wait_until(lambda: abs(booked_usd(real, intern) - meter.spent_usd) < FLOAT_USD, timeout_s=60)
    services.sync_keys()
    services.sweep_keys()

    assert abs(left_usd(real, intern) - (CENT - meter.spent_usd)) < FLOAT_USD
    while meter.ask(kept.secret):
        assert meter.spent_usd < CENT + CALL_USD, meter
    assert meter.refused_by_team_of(intern)


@pytest.mark.parametrize("change", [{"person_budget_period": "1d"}, {"person_budget_usd": None}])
def test_another_period_and_a_limit_lifted_for_a_while_are_no_fresh_budget(
    intern: User, real: RealGateway, change: dict[str, object]
) -> None:
    allow(person_budget_usd=CENT)
    secret = issue(intern).secret
    meter = Meter(real)
    assert meter.ask(secret)
    allow(**change)
    services.sweep_keys()
    assert meter.ask(secret)
    wait_until(lambda: abs(booked_usd(real, intern) - meter.spent_usd) < FLOAT_USD, timeout_s=60)
    allow(person_budget_usd=CENT)

    services.sweep_keys()

    wait_until(lambda: abs(recounted(real, intern) - meter.spent_usd) < FLOAT_USD, timeout_s=60)


def test_the_team_of_somebody_anonymised_is_deleted_and_their_spend_stays(intern: User, real: RealGateway) -> None:
    allow(person_budget_usd=CENT)
    meter = Meter(real)
    assert meter.ask(issue(intern).secret)
    wait_until(lambda: abs(booked_usd(real, intern) - meter.spent_usd) < FLOAT_USD, timeout_s=60)
    anonymise(person=intern, actor=BY_TEST)

    services.sweep_keys()

    assert real.call("GET", "/team/info", params={"team_id": team_id_of(intern)}).status_code == 404
    assert not PersonBudget.objects.exists()
    assert abs(booked_usd(real, intern) - meter.spent_usd) < FLOAT_USD
