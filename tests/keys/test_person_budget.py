"""One budget over all keys of a person: deleted and replaced keys and the Playground count in it."""

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
import requests
from django.utils import timezone

from accounts.models import AuditEntry, User
from gateway.errors import GatewayUnavailable
from gateway.secret import token_of
from keys import services
from keys.models import Key, PersonBudget, Token
from keys.services.person_budget import team_id_of
from tests.keys.actions import BY_TEST, again, assert_at_rest, ending_in, issue, set_at_gateway
from tests.keys.playground_actions import allow, use
from tests.sandbox_process import Sandbox

WORDS = "[words 1000] hello"  # 0.0006 USD


def chat(sandbox: Sandbox, secret: str, content: str = WORDS) -> requests.Response:
    body = {"model": "gpt-4o-mini", "messages": [{"role": "user", "content": content}]}
    answer: requests.Response = sandbox.call("POST", "/v1/chat/completions", key=secret, body=body)
    return answer


def said(answer: requests.Response) -> str:
    """Return what an answer refused with; empty when it did not."""
    return "" if answer.ok else str(answer.json()["error"]["message"])


def use_up(sandbox: Sandbox, secret: str) -> Decimal:
    """Ask with a key until it is refused; return what that cost."""
    cost = Decimal(0)
    while (answer := chat(sandbox, secret)).ok:
        cost += Decimal(answer.headers["x-litellm-response-cost"])
    assert answer.status_code == 422
    return cost


def team(sandbox: Sandbox, owner: User) -> dict[str, Any]:
    row: dict[str, Any] = sandbox.call("GET", "/team/info", params={"team_id": team_id_of(owner)}).json()["team_info"]
    return row


def row_at(sandbox: Sandbox, secret: str) -> dict[str, Any]:
    row: dict[str, Any] = sandbox.call("GET", "/key/info", params={"key": token_of(secret)}).json()["info"]
    return row


@pytest.fixture
def poor(intern: User) -> User:
    """Return an intern with 0.01 USD for each key, and no more in all."""
    usd = Decimal("0.01")
    allow(person_budget_usd=usd, budget_usd=usd, playground__budget_usd=usd, rpm_limit=None, tpm_limit=None)
    return intern


def test_a_key_made_after_another_was_used_up_and_deleted_has_nothing_to_spend(poor: User, sandbox: Sandbox) -> None:
    first = issue(poor)
    cost = use_up(sandbox, first.secret)
    services.delete_key(key=again(first.key), actor=BY_TEST)

    second = issue(poor, "another")

    assert "Team=" in said(chat(sandbox, second.secret))
    assert Decimal("0.01") <= cost < Decimal("0.0107")


def test_both_secrets_of_a_rotation_and_the_playground_spend_from_one_budget(poor: User, sandbox: Sandbox) -> None:
    old = issue(poor)
    new = services.rotate_key(key=again(old.key), actor=BY_TEST)

    cost = use_up(sandbox, new.secret)

    for secret in (old.secret, use(poor)):
        assert "Team=" in said(chat(sandbox, secret))
    assert cost < Decimal("0.0107")


def test_says_that_the_persons_budget_is_used_up_and_what_is_left_of_it(poor: User, sandbox: Sandbox) -> None:
    allow(budget_usd=Decimal(5), playground__budget_usd=Decimal(2))
    secret = issue(poor).secret
    use(poor)
    chat(sandbox, secret)
    budget_status = services.playground_budget(poor)
    assert budget_status is not None
    assert (budget_status.budget_usd, budget_status.period) == (Decimal("0.01"), "30d")
    assert Decimal("0.009") < budget_status.left_usd < Decimal("0.0095")

    use_up(sandbox, secret)

    reported = services.check_secret(owner=poor, secret=secret)
    assert str(reported.sentence) == "Your budget for all your keys together is used up."


def test_a_person_without_a_limit_has_no_team(intern: User, sandbox: Sandbox) -> None:
    allow(person_budget_usd=None)

    secret = issue(intern).secret
    services.sweep_keys()

    assert row_at(sandbox, secret)["team_id"] is None
    assert sandbox.call("GET", "/team/info", params={"team_id": team_id_of(intern)}).status_code == 404


@pytest.mark.parametrize("usd", [Decimal(7), Decimal("0.5"), None])
def test_a_changed_budget_applies_to_the_next_key(intern: User, sandbox: Sandbox, usd: Decimal | None) -> None:
    issue(intern)
    assert (team(sandbox, intern)["max_budget"], team(sandbox, intern)["budget_duration"]) == (5.0, "30d")

    allow(person_budget_usd=usd, person_budget_period="7d")
    issue(intern, "another")

    assert team(sandbox, intern)["max_budget"] == (None if usd is None else float(usd))
    assert team(sandbox, intern)["budget_duration"] == (None if usd is None else "7d")


def test_a_changed_budget_applies_to_people_who_do_nothing(intern: User, sandbox: Sandbox) -> None:
    issue(intern)
    allow(person_budget_usd=Decimal(1))

    services.sweep_keys()

    assert team(sandbox, intern)["max_budget"] == 1.0


def test_the_sweep_brings_existing_keys_into_the_team(poor: User, sandbox: Sandbox) -> None:
    allow(person_budget_usd=None, budget_usd=Decimal(5))
    key = issue(poor)
    services.rotate_key(key=again(key.key), actor=BY_TEST)
    use(poor)
    allow(person_budget_usd=Decimal("0.01"))

    assert services.sweep_keys() == 1
    assert services.sweep_keys() == 0

    for row in sandbox.live_keys():
        assert (row["team_id"], row["user_id"]) == (team_id_of(poor), poor.gateway_user_id)
    use_up(sandbox, key.secret)
    assert Token.objects.filter(in_team=True).count() == 3
    assert_at_rest(sandbox)


def test_an_interrupted_move_is_repaired(intern: User, sandbox: Sandbox) -> None:
    allow(person_budget_usd=None)
    secret = issue(intern).secret
    set_at_gateway(sandbox, token_of(secret), user_id=None)
    allow(person_budget_usd=Decimal(5))

    services.sweep_keys()

    assert (row_at(sandbox, secret)["team_id"], row_at(sandbox, secret)["user_id"]) == (
        team_id_of(intern),
        intern.gateway_user_id,
    )


def test_a_team_deleted_at_the_gateway_is_made_again(intern: User, sandbox: Sandbox) -> None:
    lost = issue(intern)
    sandbox.call("POST", "/team/delete", body={"team_ids": [team_id_of(intern)]})
    blind = issue(intern, "another")  # nobody has noticed yet
    reported = services.check_secret(owner=intern, secret=blind.secret)
    assert str(reported.sentence) == "The gateway does not have your budget any more, so it refuses your keys."

    services.sweep_keys()

    assert team(sandbox, intern)["max_budget"] == 5.0
    assert services.check_secret(owner=intern, secret=blind.secret).ok
    services.sync_keys()
    assert again(lost.key).problem == Key.Problem.GONE


def test_the_playground_recreates_a_deleted_team(intern: User, sandbox: Sandbox) -> None:
    use(intern)
    sandbox.call("POST", "/team/delete", body={"team_ids": [team_id_of(intern)]})
    services.recheck_playground_key(intern)  # after a refusal

    assert chat(sandbox, use(intern)).ok


@pytest.mark.parametrize("path", ["/team/update", "/team/new"])
@pytest.mark.parametrize("kind", ["drop_after", "drop_before", "error", "html"])
def test_no_key_is_made_while_its_budget_is_not_set(intern: User, sandbox: Sandbox, path: str, kind: str) -> None:
    sandbox.faults(path, kind, status=500 if kind == "error" else None)

    with pytest.raises(GatewayUnavailable) as error:
        issue(intern)
    assert not error.value.may_have_happened
    assert not sandbox.live_keys()
    assert Key.objects.get().state == Key.State.FAILED

    assert row_at(sandbox, issue(intern).secret)["team_id"] == team_id_of(intern)
    assert team(sandbox, intern)["max_budget"] == 5.0


def test_a_new_key_of_a_gateway_without_teams_has_only_what_is_left(poor: User, sandbox: Sandbox) -> None:
    sandbox.faults("/team/update", "error", status=403, times=4)
    first = issue(poor)
    cost = use_up(sandbox, first.secret)
    services.delete_key(key=again(first.key), actor=BY_TEST)

    second = issue(poor, "another")

    assert PersonBudget.objects.get().state == "no_teams"
    assert row_at(sandbox, second.secret)["team_id"] is None
    assert cost > Decimal("0.01")
    assert row_at(sandbox, second.secret)["spend"] == 0.01  # all of its own budget
    assert "Key=" in said(chat(sandbox, second.secret))

    PersonBudget.objects.update(checked_at=timezone.now() - timedelta(hours=2))
    sandbox.clear_faults()
    third = issue(poor, "a third")  # now it has teams
    assert row_at(sandbox, third.secret)["team_id"] == team_id_of(poor)


@pytest.mark.parametrize("action", [services.renew_key, services.rotate_key])
def test_renewing_and_rotating_give_what_the_policy_gives_now(intern: User, sandbox: Sandbox, action: Any) -> None:
    fresh = issue(intern)
    key = ending_in(fresh.key, sandbox, days=3)
    allow(budget_usd=Decimal(9), budget_period="7d", rpm_limit=7, all_models=False, model_names=["llama-70b"])

    action(key=key, actor=BY_TEST)

    for row in sandbox.live_keys():  # after a rotation the old secret too
        reported = (row["max_budget"], row["budget_duration"], row["rpm_limit"], row["models"])
        assert reported == (9.0, "7d", 7, ["llama-70b"])
    kept = again(fresh.key)
    assert (kept.budget_usd, kept.budget_period, kept.rpm_limit, kept.model_names) == (
        Decimal(9),
        "7d",
        7,
        ["llama-70b"],
    )
    assert AuditEntry.objects.filter(action="limit", outcome="done").count() == 1
    assert_at_rest(sandbox)


def test_a_lost_renewal_leaves_no_row_with_other_limits_than_the_gateway(intern: User, sandbox: Sandbox) -> None:
    key = ending_in(issue(intern).key, sandbox, days=3)
    allow(rpm_limit=7)
    sandbox.faults("/key/update", "drop_after")

    with pytest.raises(GatewayUnavailable):
        services.renew_key(key=key, actor=BY_TEST)
    services.sweep_keys()

    assert again(key).rpm_limit == sandbox.live_keys()[0]["rpm_limit"] == 7
