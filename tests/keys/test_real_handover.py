"""An intern is handed over at a real LiteLLM: the secret keeps working, and spend splits between people and teams."""

from collections.abc import Iterator
from decimal import Decimal

import pytest
from pytest_django import Settings

from accounts.models import User
from gateway.secret import token_of
from keys import services
from keys.models import Intern, Key
from keys.services.person_budget import team_id_of
from tests.factories import change_policies, make_staff
from tests.keys.actions import BY_TEST, again, issue
from tests.keys.real_gateway import RealGateway, real_gateway
from tests.usage.polling import poll
from tests.waiting import wait_until
from usage.models import Fact

pytestmark = [pytest.mark.real_gateway, pytest.mark.django_db(transaction=True), pytest.mark.timeout(180)]


@pytest.fixture
def other() -> User:
    """Make another member of staff."""
    return make_staff("other")


@pytest.fixture
def real(staff: User, other: User, settings: Settings) -> Iterator[RealGateway]:
    """Point the portal at the real gateway."""
    with real_gateway(settings, staff, other) as gateway:
        yield gateway


def cost(real: RealGateway, secret: str) -> Decimal:
    """Ask once; return what it cost."""
    answer = real.chat(secret)
    assert answer.ok, answer.text
    return Decimal(answer.headers["x-litellm-response-cost"])


@pytest.mark.parametrize("budget", [Decimal(5), None])
def test_goes_on_with_its_secret_and_splits_its_spend(
    real: RealGateway, staff: User, other: User, budget: Decimal | None
) -> None:
    fresh = issue(staff, intern_name="Ada")
    old = services.rotate_key(key=again(fresh.key), actor=BY_TEST)
    cost(real, fresh.secret)
    assert real.info(token_of(fresh.secret))["team_id"] == team_id_of(staff)
    change_policies(person_budget_usd=budget)  # without, the keys leave the team

    assert services.hand_over(intern=Intern.objects.get(), to=other, actor=BY_TEST) == 0
    for secret in (fresh.secret, old.secret, fresh.secret):
        cost(real, secret)

    team_id = team_id_of(other) if budget else None
    for secret in (fresh.secret, old.secret):
        info = real.info(token_of(secret))
        assert (info["user_id"], info["team_id"]) == (other.gateway_user_id, team_id)
    assert Key.objects.get().owner == other
    wait_until(lambda: poll().outcome == "done" and _requests() == {"staff": 1, "other": 3}, timeout_s=60)
    services.delete_key(key=again(fresh.key), actor=BY_TEST)


def _requests() -> dict[str, int]:
    """Return how many requests facts have of each owner of our keys."""
    found: dict[str, int] = {}
    for owner, requests in Fact.objects.filter(token_ref__key__isnull=False).values_list(
        "token_ref__owner__username", "ok_requests"
    ):
        found[owner] = found.get(owner, 0) + requests
    return found
