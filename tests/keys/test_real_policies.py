"""Against a real LiteLLM: invalid rows that anybody can write there, policies applied to keys, people who come back."""

from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest
from pytest_django import Settings

from accounts.audit import BY_THE_PORTAL
from accounts.models import User
from gateway.secret import token_of
from keys import services
from keys.services.key_limits import limits_on
from keys.services.sync import run_sync
from tests.factories import change_policies
from tests.keys.actions import BY_TEST, again, issue, live_token
from tests.keys.real_gateway import RealGateway, real_gateway

pytestmark = pytest.mark.real_gateway


@pytest.fixture
def real(intern: User, settings: Settings) -> Iterator[RealGateway]:
    """Point the portal at the real gateway."""
    with real_gateway(settings, intern) as gateway:
        yield gateway


def test_odd_rows_stop_no_sync_and_take_no_key_away(intern: User, real: RealGateway) -> None:
    key, odd = issue(intern).key, issue(intern, "odd").key
    strange: list[dict[str, object]] = [{"rpm_limit": 2**62}, {"max_budget": 7e17}, {"metadata": {"passerelle_key": 7}}]
    made = [real.call("POST", "/key/generate", body={"user_id": intern.gateway_user_id, **body}) for body in strange]
    assert all(answer.ok for answer in made)
    real.call("POST", "/key/update", body={"key": live_token(odd), "tpm_limit": 2**63 - 1}).raise_for_status()
    real.call("POST", "/key/block", body={"key": live_token(key)}).raise_for_status()

    report = run_sync()

    assert live_token(odd) in report.unreadable
    assert len(report.unreadable) >= 3
    assert report.gone == []
    assert again(key).blocked
    assert again(odd).state == "active"


def test_a_changed_policy_reaches_a_real_key_and_the_next_call(intern: User, real: RealGateway) -> None:
    fresh = issue(intern)
    assert real.chat(fresh.secret).ok
    new: dict[str, Any] = {"rpm_limit": 9, "budget_usd": Decimal("0.75"), "temporary__lifetime_days": 3}
    change_policies(all_models=False, model_names=["general_nothink", "embedding"], **new)

    assert services.apply_policies(BY_THE_PORTAL) >= 1

    there = real.info(live_token(fresh.key))
    assert (there["rpm_limit"], there["max_budget"]) == (9, 0.75)
    assert there["models"] == ["embedding", "general_nothink"]
    assert again(fresh.key).expires_at is not None
    assert there["expires"][:16] == f"{again(fresh.key).expires_at:%Y-%m-%dT%H:%M}"
    assert real.chat(fresh.secret).status_code == 403
    assert not services.find_outdated()


def test_models_and_budget_that_a_person_chose_hold_at_a_real_gateway(intern: User, real: RealGateway) -> None:
    change_policies(all_models=False, model_names=["general_nothink", "gpt-4o-mini"], budget_usd=Decimal(5))
    fresh = issue(intern, budget_usd=Decimal("0.5"), model_names=("general_nothink",))
    assert real.chat(fresh.secret).status_code == 403  # gpt-4o-mini, which the policy allows

    limits = limits_on(again(fresh.key))._replace(model_names=["gpt-4o-mini"])
    services.set_limits(key=again(fresh.key), actor=BY_TEST, limits=limits, within_policy=True)

    assert real.chat(fresh.secret).ok
    renewed = services.renew_key(key=again(fresh.key), actor=BY_TEST, early=True)
    newer = services.rotate_key(key=again(renewed), actor=BY_TEST)
    for token in (live_token(newer.key), token_of(fresh.secret)):
        there = real.info(token)
        assert (there["max_budget"], there["models"]) == (0.5, ["gpt-4o-mini"])
    assert not services.find_outdated()


def test_keys_come_back_with_their_owner_but_not_what_somebody_else_blocked(intern: User, real: RealGateway) -> None:
    fresh, other = issue(intern), issue(intern, "other")
    real.call("POST", "/key/block", body={"key": live_token(other.key)}).raise_for_status()

    for is_active in (False, True):
        User.objects.filter(pk=intern.pk).update(is_active=is_active)
        services.sweep_keys()

    assert real.chat(fresh.secret).ok
    assert real.chat(other.secret).status_code == 401
