"""A batch through a real LiteLLM: answers, costs that its log has too, and no call twice."""

from collections.abc import Iterator
from decimal import Decimal

import pytest
from pytest_django import Settings

from accounts.models import User
from gateway.secret import token_of
from playground.batch_models import Batch
from playground.services import batch_run
from tests.keys.playground_actions import use
from tests.keys.real_gateway import RealGateway, real_gateway
from tests.playground.batches import started, states
from tests.playground.real_portal import FLUSH_S
from tests.playground.streams import know_the_models
from tests.waiting import wait_until
from usage.models import utc_today

pytestmark = [pytest.mark.real_gateway, pytest.mark.django_db(transaction=True)]


@pytest.fixture(autouse=True)
def real(intern: User, settings: Settings) -> Iterator[RealGateway]:
    """Point the portal at the real gateway, and let it know the models."""
    with real_gateway(settings, intern) as gateway:
        know_the_models()
        yield gateway


def answered_by(real: RealGateway, owner: User) -> int:
    """Return how many calls the gateway counts as successful."""
    day = utc_today().isoformat()
    query = {"start_date": day, "end_date": day, "api_key": token_of(use(owner))}
    return int(real.call("GET", "/user/daily/activity", params=query).json()["metadata"]["total_successful_requests"])


def test_each_prompt_is_answered_and_billed_once(real: RealGateway, intern: User) -> None:
    batch = started(intern, "One [words 3]", "Two [words 3]", "Three [fail 400]", models=["gpt-4o-mini", "llama-70b"])
    batch_run.run_batches()

    assert states(batch) == ["complete"] * 4 + ["failed"] * 2
    assert Batch.objects.get().state == Batch.State.DONE
    answers = batch.calls.filter(state="complete")
    assert all(answer.text and answer.call_id and answer.cost_source == "reported" for answer in answers)
    assert sum((answer.cost_usd or 0 for answer in answers), Decimal(0)) > 0
    batch_run.run_batches()
    wait_until(lambda: answered_by(real, intern) == 4, FLUSH_S)
