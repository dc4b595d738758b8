"""The Playground's own key against a real LiteLLM: its derived secret, its budget, its policy."""

from collections.abc import Iterator
from datetime import timedelta
from decimal import Decimal

import pytest
from django.utils import timezone
from pytest_django import Settings

from accounts.models import User
from gateway.secret import token_of
from keys import services
from keys.models import Key
from tests.keys.actions import BY_TEST
from tests.keys.playground_actions import allow, refusal_of, the_key, use
from tests.keys.real_gateway import RealGateway, real_gateway
from tests.waiting import wait_until

pytestmark = pytest.mark.real_gateway


@pytest.fixture
def real(intern: User, settings: Settings) -> Iterator[RealGateway]:
    """Point the portal at the real gateway."""
    with real_gateway(settings, intern) as gateway:
        yield gateway


def set_at(real: RealGateway, secret: str, **settings: object) -> None:
    real.call("POST", "/key/update", body={"key": token_of(secret), **settings}).raise_for_status()


def test_the_computed_secret_gets_answers_until_the_key_is_deleted(intern: User, real: RealGateway) -> None:
    secret = use(intern)
    there = real.info(token_of(secret))

    assert real.chat(secret).status_code == 200
    assert (there["max_budget"], there["budget_duration"], there["allowed_routes"]) == (2.0, "30d", ["llm_api_routes"])
    assert there["user_id"] == intern.gateway_user_id
    assert use(intern) == secret

    services.delete_key(key=the_key(), actor=BY_TEST)
    assert real.chat(secret).status_code == 401
    again = use(intern)
    assert again != secret
    assert real.chat(again).status_code == 200


def test_deleting_the_key_does_not_reset_its_budget(intern: User, real: RealGateway) -> None:
    secret = use(intern)
    assert real.chat(secret).status_code == 200
    wait_until(lambda: real.info(token_of(secret))["spend"] > 0, timeout_s=30)  # the gateway writes spend in rounds
    set_at(real, secret, spend=2.5)
    services.delete_key(key=the_key(), actor=BY_TEST)

    again = use(intern)

    assert real.info(token_of(again))["spend"] == 2.5
    refused = real.chat(again)
    assert (refused.status_code, refused.json()["error"]["type"]) == (422, "budget_exceeded")
    budget_status = services.playground_budget(intern)
    assert budget_status
    assert budget_status.of_person
    of_key = budget_status.of_key
    assert of_key
    assert (of_key.spent_usd, of_key.budget_usd, of_key.period) == (Decimal("2.5"), Decimal(2), "30d")
    assert of_key.resets_at
    assert timezone.now() < of_key.resets_at < timezone.now() + timedelta(days=32)


def test_the_policy_reaches_the_gateway_at_the_next_use(intern: User, real: RealGateway) -> None:
    secret = use(intern)
    allow(
        playground__all_models=False,
        playground__model_names=["llama-70b"],
        playground__budget_usd=None,
        person_budget_usd=None,
    )

    assert use(intern) == secret

    there = real.info(token_of(secret))
    assert (there["models"], there["max_budget"], there["budget_duration"]) == (["llama-70b"], None, None)
    assert real.chat(secret).status_code == 403

    set_at(real, secret, spend=40)
    allow(playground__all_models=True, playground__budget_usd=Decimal(1))
    use(intern)
    there = real.info(token_of(secret))
    assert (there["models"], there["max_budget"], there["budget_duration"], there["spend"]) == ([], 1.0, "30d", 0)
    assert there["budget_reset_at"]
    assert real.chat(secret).status_code == 200


def test_an_expired_key_is_renewed_by_its_use(intern: User, real: RealGateway) -> None:
    secret = use(intern)
    set_at(real, secret, duration="0d")
    services.sync_keys()
    assert real.chat(secret).status_code == 401

    assert use(intern) == secret

    assert real.chat(secret).status_code == 200


def test_the_key_of_somebody_who_left_is_blocked(intern: User, real: RealGateway) -> None:
    secret = use(intern)
    User.objects.filter(pk=intern.pk).update(is_active=False)

    services.sweep_keys()

    assert real.chat(secret).status_code == 401
    assert refusal_of(intern).code == "blocked"


def test_a_key_deleted_at_the_gateway_is_recreated(intern: User, real: RealGateway) -> None:
    secret = use(intern)
    real.call("POST", "/key/delete", body={"keys": [token_of(secret)]}).raise_for_status()

    services.recheck_playground_key(intern)

    assert real.chat(use(intern)).status_code == 200
    assert Key.objects.filter(problem=Key.Problem.GONE).count() == 1
