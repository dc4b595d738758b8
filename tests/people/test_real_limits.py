"""Against a real LiteLLM: a top-up lets the next call through, and a key has the limits that an admin set for it."""

from collections.abc import Iterator
from decimal import Decimal

import pytest
from django.test import Client
from pytest_django import Settings

from accounts.audit import BY_THE_PORTAL
from accounts.models import User
from keys import services
from keys.catalogue import refresh_models
from tests.approvals.test_real_gateway import MOST_CALLS, expire, status_of
from tests.factories import change_policies
from tests.keys.actions import again, issue, live_token
from tests.keys.playground_actions import allow
from tests.keys.real_gateway import RealGateway, real_gateway
from tests.people.test_limits import limits_form, top_up_form, url_of
from tests.waiting import wait_until

pytestmark = [pytest.mark.real_gateway, pytest.mark.django_db(transaction=True), pytest.mark.timeout(180)]


@pytest.fixture
def real(intern: User, settings: Settings) -> Iterator[RealGateway]:
    """Point the portal at the real gateway, with 0.01 USD for the intern."""
    with real_gateway(settings, intern) as gateway:
        usd = Decimal("0.01")
        allow(person_budget_usd=usd, budget_usd=usd, playground__budget_usd=usd, rpm_limit=None, tpm_limit=None)
        yield gateway


def test_a_top_up_lets_the_next_call_through_until_it_ends(as_manager: Client, intern: User, real: RealGateway) -> None:
    fresh = issue(intern)
    statuses: list[int] = []
    while len(statuses) < MOST_CALLS and 422 not in statuses:
        statuses.append(status_of(real, fresh.secret))
    assert statuses[-1] == 422

    as_manager.post(url_of("top_up", intern), top_up_form(amount_usd="0.05"))

    assert status_of(real, fresh.secret) == 200
    expire(intern)
    assert services.apply_due_grants() == 1
    wait_until(lambda: status_of(real, fresh.secret) == 422)


def test_a_key_has_the_limits_that_were_set_for_it(as_manager: Client, intern: User, real: RealGateway) -> None:
    fresh = issue(intern)
    assert real.chat(fresh.secret).ok
    form = limits_form(budget_usd="0.50", rpm_limit="40", tpm_limit="", all_models="")
    form["model_names"] = ["general_nothink"]
    refresh_models()  # the form offers the models that are known

    as_manager.post(url_of("limit_key", intern, fresh.key.pk), form)
    assert real.chat(fresh.secret).status_code == 403
    change_policies(rpm_limit=90)
    services.apply_policies(BY_THE_PORTAL)
    services.sync_keys()

    info = real.info(live_token(fresh.key))
    assert (info["max_budget"], info["rpm_limit"], info["models"]) == (0.5, 40, ["general_nothink"])
    assert again(fresh.key).budget_usd == Decimal("0.5")
