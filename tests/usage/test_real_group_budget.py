"""The monthly budget of a group on a real LiteLLM: once it is used up, the next poll stops all keys of its members."""

import logging
import time
from collections.abc import Iterator
from decimal import Decimal

import pytest
from pytest_django import Settings

from accounts.models import GroupSpend, Policy, User
from tests.factories import make_policy, make_user
from tests.keys.actions import again, issue
from tests.keys.real_gateway import RealGateway, real_gateway
from tests.tasks import run_tasks
from tests.usage.polling import end_cooldown
from tests.waiting import wait_until
from usage.models import PollRun
from usage.tasks import enforce_ceilings, refresh_facts

pytestmark = [pytest.mark.real_gateway, pytest.mark.django_db(transaction=True), pytest.mark.timeout(180)]

logger = logging.getLogger(__name__)

BUDGET_USD = Decimal("0.01")
ANSWER = {"model": "llama-70b", "messages": [{"role": "user", "content": "hi [words 3000]"}], "max_tokens": 3000}
SPEND_IS_WRITTEN_S = 60  # LiteLLM writes it in rounds


@pytest.fixture
def members(db: None) -> list[User]:
    """Make two people in a group with a monthly budget that stops keys, and no other budget."""
    budgets = {"group_budget_usd": BUDGET_USD, "group_budget_stops": True, "person_budget_usd": None}
    make_policy("Course", max_live_keys=5, budget_usd=None, **budgets)
    return [make_user(name, groups=("Course",)) for name in ("ada", "bea")]


@pytest.fixture
def real(members: list[User], settings: Settings) -> Iterator[RealGateway]:
    """Point the portal at the real gateway."""
    with real_gateway(settings, *members) as gateway:
        yield gateway


def test_a_used_up_group_stops_all_members_until_it_has_more(members: list[User], real: RealGateway) -> None:
    first, second = (issue(person) for person in members)
    spent = Decimal(0)
    while spent <= BUDGET_USD:
        answer = real.call("POST", "/v1/chat/completions", key=first.secret, body=ANSWER)
        assert answer.ok, answer.text
        spent += Decimal(answer.headers["x-litellm-response-cost"])
    assert real.chat(second.secret).ok  # the gateway has no such budget

    used_up = time.monotonic()
    wait_until(is_used_up_after_a_poll, timeout_s=SPEND_IS_WRITTEN_S)
    stopped = time.monotonic()

    for fresh in (first, second):
        assert not real.chat(fresh.secret).ok
        assert again(fresh.key).blocked_for_budget

    raised = time.monotonic()
    Policy.objects.filter(group__name="Course").update(group_budget_usd=1)
    enforce_ceilings()
    works_again = time.monotonic()
    assert all(real.chat(fresh.secret).ok for fresh in (first, second))
    took = "stopped %.1f s after the call that used it up, working %.2f s after the new budget"
    logger.info(took, stopped - used_up, works_again - raised)


def is_used_up_after_a_poll() -> bool:
    """Poll today as the schedule does, do what that starts, and tell whether the group's budget is used up."""
    end_cooldown()
    refresh_facts(PollRun.Kind.TODAY)
    run_tasks()
    return GroupSpend.objects.filter(spent_usd__gte=BUDGET_USD).exists()
