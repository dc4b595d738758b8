"""Against a real LiteLLM: a grant lets the very next call through, and none after its end."""

import time
from collections.abc import Iterator
from datetime import timedelta
from decimal import Decimal

import pytest
from django.conf import settings as portal_settings
from django.utils import timezone
from pytest_django import Settings

from accounts.models import Grant, User
from approvals import services
from tests.approvals.conftest import approve, ask
from tests.factories import change_policies
from tests.keys.actions import issue, live_token
from tests.keys.playground_actions import allow
from tests.keys.real_gateway import RealGateway, real_gateway
from tests.waiting import wait_until

pytestmark = [pytest.mark.real_gateway, pytest.mark.django_db(transaction=True), pytest.mark.timeout(180)]

ANSWER = {"model": "llama-70b", "messages": [{"role": "user", "content": "hi [words 3000]"}], "max_tokens": 3000}
MOST_CALLS = 20  # that 0.01 USD pays for
GRANT_WORKS_S, GRANT_IS_OVER_S = 2.0, 60.0  # at most, from the click and from its end


@pytest.fixture
def real(intern: User, settings: Settings) -> Iterator[RealGateway]:
    """Point the portal at the real gateway, with 0.01 USD for the intern."""
    with real_gateway(settings, intern) as gateway:
        usd = Decimal("0.01")
        allow(person_budget_usd=usd, budget_usd=usd, playground__budget_usd=usd, rpm_limit=None, tpm_limit=None)
        yield gateway


def status_of(real: RealGateway, secret: str) -> int:
    return int(real.call("POST", "/v1/chat/completions", key=secret, body=ANSWER).status_code)


def seconds_between(task: str) -> float:
    return float(portal_settings.CELERY_BEAT_SCHEDULE[task]["schedule"])


def expire(person: User) -> None:
    now = timezone.now()
    Grant.objects.filter(person=person).update(created_at=now - timedelta(days=2), ends_at=now)


def test_a_used_up_budget_goes_on_with_the_next_call_until_the_grant_is_over(
    intern: User, decider: User, real: RealGateway
) -> None:
    fresh = issue(intern)
    statuses: list[int] = []
    while len(statuses) < MOST_CALLS and 422 not in statuses:
        statuses.append(status_of(real, fresh.secret))
    assert statuses[0] == 200
    assert statuses[-1] == 422

    request, asked = ask(intern, amount_usd=Decimal("0.05")), time.monotonic()
    assert approve(request, decider)

    assert real.chat(fresh.secret).ok  # a short answer: what 3,000 words take is the gateway's time
    assert time.monotonic() - asked < GRANT_WORKS_S
    assert real.info(live_token(fresh.key))["max_budget"] == 0.06
    expire(intern)
    over = time.monotonic()
    assert services.apply_due_grants() == 1
    wait_until(lambda: status_of(real, fresh.secret) == 422)
    assert time.monotonic() - over < GRANT_IS_OVER_S - seconds_between("approvals.apply_grants")


def test_a_model_may_be_called_with_the_next_call_until_the_grant_is_over(
    intern: User, decider: User, real: RealGateway
) -> None:
    change_policies(all_models=False, model_names=["general_nothink"])
    fresh = issue(intern)
    assert real.chat(fresh.secret).status_code == 403

    assert approve(ask(intern, "model", name="gpt-4o-mini"), decider)

    assert real.chat(fresh.secret).ok
    expire(intern)
    assert services.apply_due_grants() == 1
    wait_until(lambda: real.chat(fresh.secret).status_code == 403)
