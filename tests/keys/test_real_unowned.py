"""A key that was made by hand at a real LiteLLM gets an owner: it goes on, within their budget, with all it spent."""

from collections.abc import Iterator
from decimal import Decimal

import pytest
from pytest_django import Settings

from accounts.models import User
from gateway.secret import token_of
from keys import services
from keys.models import Key, PersonBudget, UnownedKey
from keys.services.person_budget import team_id_of
from tests.factories import change_policies
from tests.keys.actions import BY_TEST
from tests.keys.real_gateway import RealGateway, real_gateway
from tests.usage.polling import poll
from tests.waiting import wait_until
from usage.models import Fact

pytestmark = [pytest.mark.real_gateway, pytest.mark.django_db(transaction=True), pytest.mark.timeout(300)]


@pytest.fixture
def real(staff: User, settings: Settings) -> Iterator[RealGateway]:
    """Point the portal at the real gateway."""
    with real_gateway(settings, staff) as gateway:
        yield gateway


def cost(real: RealGateway, secret: str) -> Decimal:
    """Ask once; return what it cost."""
    answer = real.chat(secret)
    assert answer.ok, answer.text
    return Decimal(answer.headers["x-litellm-response-cost"])


@pytest.mark.parametrize("in_team", [False, True])
def test_goes_on_for_its_owner_with_all_that_it_has_spent(real: RealGateway, staff: User, in_team: bool) -> None:
    change_policies(person_budget_usd=Decimal(5), person_budget_period="30d")
    alias = f"by-hand-{team_id_of(staff)[-8:]}"
    lab = real.call("POST", "/team/new", body={"team_alias": alias}).json()["team_id"] if in_team else None
    body = {"key_alias": alias, "max_budget": 1, "budget_duration": "7d", **({"team_id": lab} if lab else {})}
    secret = real.call("POST", "/key/generate", body=body).json()["key"]
    token = token_of(secret)
    try:
        before = cost(real, secret)
        wait_until(lambda: real.info(token)["spend"] > 0, timeout_s=60)
        services.sync_keys()
        row = UnownedKey.objects.get(token=token)
        services.give_key(unowned=row, to=staff, actor=BY_TEST)
        cost(real, secret)

        info = real.info(token)
        assert (info["user_id"], info["team_id"]) == (staff.gateway_user_id, team_id_of(staff))
        assert info["max_budget"] == 1
        key = Key.objects.get(pk=row.pk)
        assert (key.owner, key.kind, key.override.budget_usd) == (staff, "personal", Decimal(1))
        wait_until(lambda: poll().outcome == "done" and _requests_of(staff) == 2, timeout_s=150)
        services.sweep_keys()
        assert abs(PersonBudget.objects.get(owner=staff).uncounted_usd - before) < Decimal("1e-8")
        services.delete_key(key=key, actor=BY_TEST)
    finally:
        real.call("POST", "/key/delete", body={"keys": [token]})  # 404 where it was deleted
        if lab:
            real.call("POST", "/team/delete", body={"team_ids": [lab]})


def _requests_of(owner: User) -> int:
    return sum(Fact.objects.filter(token_ref__owner=owner).values_list("ok_requests", flat=True))
