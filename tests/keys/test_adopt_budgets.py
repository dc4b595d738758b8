"""adopt_budgets: shows what it would do, then does it, once; the next run continues an interrupted one."""

import io
from decimal import Decimal

import pytest
from django.core.management import CommandError, call_command
from django.test import override_settings

from accounts.models import User
from keys import services
from keys.models import GatewayIdentity, PersonBudget, Token
from keys.services.person_budget import team_id_of
from tests.factories import change_policies
from tests.keys.actions import BY_TEST, again, assert_at_rest, issue, teams_at
from tests.keys.playground_actions import allow
from tests.keys.test_person_budget import chat, row_at
from tests.sandbox_process import Sandbox


def adopt(*options: str) -> list[str]:
    """Run the command; return the lines that it says."""
    said = io.StringIO()
    call_command("adopt_budgets", *options, stdout=said)
    return said.getvalue().splitlines()


@pytest.fixture
def from_before(intern: User, staff: User, sandbox: Sandbox) -> list[str]:
    """Give an intern three secrets from a time without budgets, and staff one with; return the intern's secrets."""
    services.identify_gateway()
    allow(person_budget_usd=None, budget_usd=Decimal(5), rpm_limit=None, tpm_limit=None)
    old = issue(intern)
    new = services.rotate_key(key=again(old.key), actor=BY_TEST)
    issue(staff)
    for _ in range(3):
        chat(sandbox, new.secret)
    allow(person_budget_usd=Decimal("0.01"))
    return [old.secret, new.secret]


def test_a_dry_run_says_what_it_would_do_and_writes_nothing(from_before: list[str], sandbox: Sandbox) -> None:
    keys, teams = sandbox.live_keys(), teams_at(sandbox)
    rows = list(PersonBudget.objects.values())

    said = adopt("--dry-run")

    assert said == [
        "intern: 0.01 USD a month, new, 2 secrets to join, 0.0018 USD spent",
        "Would be changed: people 1, secrets 2. Nothing was written.",
    ]
    assert (sandbox.live_keys(), teams_at(sandbox), list(PersonBudget.objects.values())) == (keys, teams, rows)


def test_says_whose_keys_will_stop(from_before: list[str], sandbox: Sandbox) -> None:
    for _ in range(20):
        chat(sandbox, from_before[1])

    assert "used up, their keys will stop" in adopt("--dry-run")[0]


def test_does_it_once(from_before: list[str], intern: User, sandbox: Sandbox) -> None:
    assert adopt() == [
        "intern: 0.01 USD a month, new, 2 secrets joined",
        "Changed: people 1, secrets 2.",
    ]

    assert {row_at(sandbox, secret)["team_id"] for secret in from_before} == {team_id_of(intern)}
    assert 0.008 < (teams_at(sandbox)[team_id_of(intern)][0] or 0) < 0.0083
    assert_at_rest(sandbox)
    for options in ((), ("--dry-run",)):
        assert adopt(*options) == ["Nothing to do: everybody with keys has the budget of their policy."]


def test_lifts_a_limit_that_the_policy_no_longer_has(staff: User, sandbox: Sandbox) -> None:
    issue(staff)
    change_policies(person_budget_usd=None)

    assert adopt("--dry-run")[0] == adopt()[0] == "staff: no limit any more"

    assert teams_at(sandbox)[team_id_of(staff)] == (None, "")


@pytest.mark.parametrize("path", ["/team/update", "/team/new", "/key/update", "/user/daily/activity"])
@pytest.mark.parametrize("kind", ["drop_before", "drop_after", "error"])
def test_what_was_cut_short_goes_on_with_the_next_run(
    from_before: list[str], sandbox: Sandbox, path: str, kind: str
) -> None:
    sandbox.faults(
        path, kind, status=500 if kind == "error" else None, times=4 if path == "/user/daily/activity" else 1
    )
    with pytest.raises(CommandError, match=r"Run this again\."):
        adopt()
    sandbox.clear_faults()

    with override_settings(KEY_ANSWER_DEADLINE_S=0):
        adopt()
        services.sweep_keys()

    assert_at_rest(sandbox)
    assert not Token.objects.filter(in_team=False).exists()


def test_says_where_the_portal_keeps_the_ceiling_itself(from_before: list[str], sandbox: Sandbox) -> None:
    sandbox.faults("/team/update", "error", status=403, times=9)

    assert adopt()[0] == "intern: 0.01 USD a month, new, kept by the portal, since the gateway has no teams"


def test_does_nothing_at_another_gateway(from_before: list[str], sandbox: Sandbox) -> None:
    sandbox.call("POST", "/team/delete", body={"team_ids": [GatewayIdentity.load().marker]}).raise_for_status()

    with pytest.raises(CommandError, match="Nothing was done"):
        adopt()
    assert len(teams_at(sandbox)) == 1  # that of staff
