"""A grant is applied at the gateway at once and removed when it ends, despite failures in between."""

from contextlib import suppress
from datetime import timedelta
from decimal import Decimal

import pytest
from django.utils import timezone

from accounts.models import AuditEntry, Grant, User
from accounts.policies import Allowances, policy_of
from approvals import services
from gateway.errors import GatewayUnavailable
from keys import services as key_services
from keys.models import Key
from tests.approvals.conftest import approve, ask
from tests.factories import change_policies, make_policy, make_user
from tests.keys.actions import BY_TEST, again, assert_at_rest, issue, live_token
from tests.keys.playground_actions import allow, use
from tests.keys.test_person_budget import chat, row_at, said, team, use_up
from tests.sandbox_process import Sandbox

FAULTS = ["drop_before", "drop_after", "error", "html"]


@pytest.fixture
def poor(intern: User) -> User:
    """Return an intern with 0.01 USD for each key, and no more in all."""
    usd = Decimal("0.01")
    allow(person_budget_usd=usd, budget_usd=usd, playground__budget_usd=usd, rpm_limit=None, tpm_limit=None)
    return intern


def expire(person: User) -> None:
    """Let what was granted be over, for a moment."""
    now = timezone.now()
    Grant.objects.filter(person=person).update(created_at=now - timedelta(days=2), ends_at=now - timedelta(seconds=1))


def entries() -> int:
    """Return how often the trail says that the limits of a key could not be changed."""
    return AuditEntry.objects.filter(action="limit").exclude(outcome="done").count()


# --- What the person may have -------------------------------------------------------------------------
def test_a_grant_is_counted_in_for_one_person_and_for_many_until_it_ends(intern: User, decider: User) -> None:
    change_policies(all_models=False, model_names=["small"])
    before, other = policy_of(intern), make_user("other", groups=("Interns",))
    for thing, about in (
        ("budget", {"amount_usd": Decimal("2.50")}),
        ("model", {"name": "large"}),
        ("kind", {"name": "personal"}),
    ):
        services.approve(
            request=(request := ask(intern, thing, **about)),
            actor=BY_TEST,
            amount_usd=request.amount_usd,
            ends_on=request.ends_on,
        )

    after = policy_of(intern)

    assert before.person_budget_usd == Decimal(5)
    assert after.person_budget_usd == Decimal("7.50")
    assert {kind: rule.budget_usd for kind, rule in after.rules.items()} == {
        kind: (rule.budget_usd or 0) + Decimal("0" if kind == "course" else "2.50")
        for kind, rule in before.rules.items()
    }
    assert after.models == ("large", "small")
    assert (before.rules["personal"].allowed, after.rules["personal"].allowed) == (False, True)
    assert Allowances.load().of(intern.pk) == after
    assert Allowances.load().of(other.pk) == policy_of(other) == before
    expire(intern)
    assert policy_of(intern) == Allowances.load().of(intern.pk) == before


def test_no_limit_stays_no_limit(decider: User) -> None:
    make_policy("Free", person_budget_usd=None, budget_usd=None)
    person = make_user("free", groups=("Free",))
    request = ask(person)
    services.approve(request=request, actor=BY_TEST, amount_usd=Decimal(2), ends_on=request.ends_on)

    allowance = policy_of(person)

    assert allowance.person_budget_usd is allowance.rules["temporary"].budget_usd is None
    assert allowance.models is None


# --- At the gateway -----------------------------------------------------------------------------------
def test_a_used_up_budget_goes_on_with_the_next_call_and_stops_when_the_grant_is_over(
    poor: User, decider: User, sandbox: Sandbox
) -> None:
    fresh = issue(poor)
    use_up(sandbox, fresh.secret)

    assert approve(ask(poor), decider)

    assert chat(sandbox, fresh.secret).ok
    assert team(sandbox, poor)["max_budget"] == 2.01
    assert row_at(sandbox, fresh.secret)["max_budget"] == 2.01
    assert chat(sandbox, use(poor)).ok
    assert services.apply_due_grants() == 0  # the gateway has it

    expire(poor)
    assert services.apply_due_grants() == 1

    assert "Budget has been exceeded!" in said(chat(sandbox, fresh.secret))
    assert row_at(sandbox, fresh.secret)["max_budget"] == 0.01
    assert services.apply_due_grants() == 0
    assert_at_rest(sandbox)


def test_a_model_may_be_called_with_keys_that_are_there_until_the_grant_is_over(
    intern: User, decider: User, sandbox: Sandbox
) -> None:
    allow(all_models=False, model_names=["gpt-4o"])
    secret = issue(intern).secret
    assert not chat(sandbox, secret).ok

    assert approve(ask(intern, "model", name="gpt-4o-mini"), decider)
    assert chat(sandbox, secret).ok

    expire(intern)
    services.apply_due_grants()
    assert not chat(sandbox, secret).ok


def test_the_first_key_comes_with_the_grant(intern: User, decider: User, sandbox: Sandbox) -> None:
    assert approve(ask(intern), decider)
    assert sandbox.live_keys() == []

    issue(intern)

    assert team(sandbox, intern)["max_budget"] == 7.0


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("path", ["/team/update", "/key/update"])
def test_the_next_run_applies_or_removes_a_grant_after_a_gateway_failure(
    poor: User, decider: User, sandbox: Sandbox, path: str, fault: str
) -> None:
    fresh = issue(poor)
    issue(poor, "another")

    sandbox.faults(path, fault)
    assert not approve(ask(poor), decider)
    sandbox.clear_faults()
    key_services.sweep_keys()
    services.apply_due_grants()

    assert team(sandbox, poor)["max_budget"] == row_at(sandbox, fresh.secret)["max_budget"] == 2.01
    assert not Grant.objects.unapplied().exists()

    expire(poor)
    sandbox.faults(path, fault)
    with suppress(GatewayUnavailable):
        services.apply_due_grants()
    assert Grant.objects.unapplied().exists()
    sandbox.clear_faults()
    key_services.sweep_keys()
    services.apply_due_grants()

    assert team(sandbox, poor)["max_budget"] == row_at(sandbox, fresh.secret)["max_budget"] == 0.01
    assert not Grant.objects.unapplied().exists()
    assert not key_services.find_outdated()


def test_a_failed_gateway_call_delays_nobody_else(poor: User, decider: User, sandbox: Sandbox) -> None:
    other = make_user("other", groups=("Interns",))
    fresh, of_other = issue(poor), issue(other)
    for person in (poor, other):
        request = ask(person)
        services.approve(request=request, actor=BY_TEST, amount_usd=Decimal(2), ends_on=request.ends_on)
    sandbox.faults("/team/update", "drop_before", times=1)

    with pytest.raises(GatewayUnavailable):
        services.apply_due_grants()

    budgets = {row_at(sandbox, each.secret)["max_budget"] for each in (fresh, of_other)}
    assert budgets == {0.01, 2.01}
    services.apply_due_grants()
    assert {row_at(sandbox, each.secret)["max_budget"] for each in (fresh, of_other)} == {2.01}


def test_a_key_that_is_being_changed_follows_later(poor: User, decider: User, sandbox: Sandbox) -> None:
    fresh = issue(poor)
    key = again(fresh.key)
    type(key).objects.filter(pk=key.pk).update(renewing_since=timezone.now())

    assert not approve(ask(poor), decider)
    type(key).objects.filter(pk=key.pk).update(renewing_since=None)
    services.apply_due_grants()

    assert row_at(sandbox, fresh.secret)["max_budget"] == 2.01
    assert live_token(key)


def test_two_grants_end_independently(poor: User, decider: User, sandbox: Sandbox) -> None:
    issue(poor)
    approve(ask(poor), decider)
    expire(poor)
    approve(ask(poor, amount_usd=Decimal(3)), decider)

    assert team(sandbox, poor)["max_budget"] == 3.01
    assert not Grant.objects.unapplied().exists()


# --- What keeps failing, and other gateways ------------------------------------------------------------
def test_repeated_failures_are_retried_with_backoff(intern: User, decider: User, sandbox: Sandbox) -> None:
    issue(intern)
    request = ask(intern)
    services.approve(request=request, actor=BY_TEST, amount_usd=Decimal(2), ends_on=request.ends_on)
    tried = []
    for age, tried_ago in ((1, 0.5), (3, 1.5), (10, 4), (10, 6), (300, 59), (300, 61)):  # minutes
        now = timezone.now()
        times = {"created_at": now - timedelta(minutes=age), "tried_at": now - timedelta(minutes=tried_ago)}
        Grant.objects.update(**times)
        sandbox.faults("/key/update", "error", times=1)
        before = entries()
        with suppress(GatewayUnavailable):
            services.apply_due_grants()
        tried.append(entries() > before)
        sandbox.clear_faults()

    assert tried == [True, True, False, True, False, True]


def test_nothing_is_noted_while_a_key_is_being_made_with_the_limits_of_before(
    intern: User, decider: User, sandbox: Sandbox
) -> None:
    allow(all_models=False, model_names=["gpt-4o"])
    key = issue(intern).key
    Key.objects.filter(pk=key.pk).update(state=Key.State.ISSUING)

    assert not approve(ask(intern, "model", name="gpt-4o-mini"), decider)
    assert Grant.objects.get().applied_at is None

    Key.objects.filter(pk=key.pk).update(state=Key.State.ACTIVE)
    assert services.apply_due_grants() == 1
    assert Grant.objects.get().applied_at


def test_a_gateway_that_the_portal_does_not_know_is_left_alone(intern: User, decider: User, sandbox: Sandbox) -> None:
    issue(intern)
    key_services.identify_gateway()
    request = ask(intern)
    services.approve(request=request, actor=BY_TEST, amount_usd=Decimal(2), ends_on=request.ends_on)
    sandbox.reset()

    with pytest.raises(key_services.GatewayChanged):
        services.apply_due_grants()

    assert not services.apply_grant(Grant.objects.get())
    assert Grant.objects.get().applied_at is None
    assert Key.objects.get().state == Key.State.ACTIVE
