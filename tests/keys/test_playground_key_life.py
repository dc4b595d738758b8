"""The Playground's own key over time: renewed, recreated, updated to the policy; and its budget."""

from decimal import Decimal

import pytest
from django.utils import timezone

from accounts.models import User
from gateway.errors import GatewayUnavailable
from gateway.secret import token_of
from keys import services
from keys.models import Key
from tests.keys.actions import (
    BY_TEST,
    assert_at_rest,
    delete_at_gateway,
    ending_in,
    set_at_gateway,
    works,
)
from tests.keys.playground_actions import allow, refusal_of, row_of, said, spend_at, the_key, use
from tests.sandbox_process import Sandbox


# --- Its life ---------------------------------------------------------------------------------------------
def test_is_renewed_when_it_is_used_after_its_end(intern: User, sandbox: Sandbox) -> None:
    secret = use(intern)
    ending_in(the_key(), sandbox, days=-1)
    assert sandbox.call("GET", "/v1/models", key=secret).status_code == 401

    assert use(intern) == secret
    assert sandbox.call("GET", "/v1/models", key=secret).status_code == 200
    assert said() == [("issue", "done"), ("renew", "done")]


def test_is_recreated_when_it_is_too_late_to_renew_it(intern: User, sandbox: Sandbox) -> None:
    first = use(intern)
    ending_in(the_key(), sandbox, days=-31)

    second = use(intern)

    assert (works(sandbox, first), works(sandbox, second)) == (False, True)
    assert Key.objects.get(state=Key.State.DELETED).problem == Key.Problem.LAPSED


def test_is_renewed_in_my_keys_only_where_the_policy_has_the_playground(intern: User, sandbox: Sandbox) -> None:
    use(intern)
    key = ending_in(the_key(), sandbox, days=3)
    services.renew_key(key=key, actor=BY_TEST)
    key = ending_in(key, sandbox, days=3)
    allow(playground__allowed=False)

    with pytest.raises(services.KeyRefused, match="does not include the Playground"):
        services.renew_key(key=key, actor=BY_TEST)


def test_is_recreated_with_another_secret_after_a_deletion(intern: User, sandbox: Sandbox) -> None:
    first = use(intern)
    services.delete_key(key=the_key(), actor=BY_TEST)
    assert not works(sandbox, first)

    second = use(intern)

    assert second != first
    assert works(sandbox, second)


def test_carries_over_what_was_spent_before_its_deletion(intern: User, sandbox: Sandbox) -> None:
    spend_at(sandbox, use(intern), 1.25)
    services.delete_key(key=the_key(), actor=BY_TEST)
    services.delete_key(key=handed_over(intern), actor=BY_TEST)

    assert row_of(sandbox, use(intern))["spend"] == 1.25


def handed_over(intern: User) -> Key:
    """Make the key that follows a deleted one."""
    use(intern)
    return the_key()


def test_carries_over_the_spend_of_a_key_that_is_still_being_deleted(intern: User, sandbox: Sandbox) -> None:
    spend_at(sandbox, use(intern), 1.25)
    sandbox.faults("/key/delete", "error", status=503, times=9)
    with pytest.raises(GatewayUnavailable):
        services.delete_key(key=the_key(), actor=BY_TEST)

    assert row_of(sandbox, use(intern))["spend"] == 1.25


def test_spend_is_not_carried_over_into_the_next_period(intern: User, sandbox: Sandbox) -> None:
    allow(playground__budget_period="1d")
    sandbox.move_clock(-2 * 86400)  # so that what the gateway holds for tomorrow is yesterday
    spend_at(sandbox, use(intern), 1.25)
    services.delete_key(key=the_key(), actor=BY_TEST)

    assert row_of(sandbox, use(intern))["spend"] == 0


def test_is_not_created_while_its_spend_is_unknown(intern: User, sandbox: Sandbox) -> None:
    use(intern)
    services.delete_key(key=the_key(), actor=BY_TEST)
    sandbox.faults("/key/info", "error", status=503, times=9)

    with pytest.raises(GatewayUnavailable) as gone:
        use(intern)

    assert not gone.value.may_have_happened
    assert sandbox.live_keys() == []


def test_is_recreated_after_a_deletion_at_the_gateway(intern: User, sandbox: Sandbox) -> None:
    first = use(intern)
    delete_at_gateway(sandbox, the_key())

    services.recheck_playground_key(intern)

    second = use(intern)
    assert second != first
    assert works(sandbox, second)
    assert Key.objects.get(state=Key.State.DELETED).problem == Key.Problem.GONE


def test_is_found_blocked_when_the_gateway_refused_it(intern: User, sandbox: Sandbox) -> None:
    secret = use(intern)
    set_at_gateway(sandbox, token_of(secret), blocked=True)

    services.recheck_playground_key(intern)

    assert refusal_of(intern).code == "blocked"


def test_needs_no_recheck_before_its_first_use(intern: User, sandbox: Sandbox) -> None:
    services.recheck_playground_key(intern)

    assert services.playground_budget(intern) is None


# --- The policy changes -----------------------------------------------------------------------------------
def test_follows_the_policy_at_its_next_use(intern: User, sandbox: Sandbox) -> None:
    secret = use(intern)
    spend_at(sandbox, secret, 0.5)
    allow(
        playground__budget_usd=Decimal(1),
        playground__budget_period="1d",
        playground__all_models=False,
        playground__model_names=["gpt-4o-mini"],
        rpm_limit=7,
    )

    assert use(intern) == secret

    row = row_of(sandbox, secret)
    assert (row["max_budget"], row["budget_duration"], row["models"]) == (1.0, "1d", ["gpt-4o-mini"])
    assert (row["rpm_limit"], row["tpm_limit"], row["spend"]) == (7, 100_000, 0.5)
    key = the_key()
    assert (key.budget_usd, key.budget_period, key.model_names, key.rpm_limit) == (Decimal(1), "1d", ["gpt-4o-mini"], 7)
    assert said() == [("issue", "done"), ("limit", "done")]
    assert_at_rest(sandbox)


def test_follows_a_policy_that_lifts_its_limits_and_one_that_sets_them_again(intern: User, sandbox: Sandbox) -> None:
    allow(playground__all_models=False, playground__model_names=["gpt-4o-mini"])
    secret = use(intern)
    allow(playground__all_models=True, playground__budget_usd=None, person_budget_usd=None)
    use(intern)
    lifted = row_of(sandbox, secret)
    spend_at(sandbox, secret, 40)
    allow(playground__budget_usd=Decimal(2))
    use(intern)
    limited = row_of(sandbox, secret)

    assert (lifted["max_budget"], lifted["budget_duration"], lifted["models"]) == (None, None, [])
    assert (limited["max_budget"], limited["budget_duration"]) == (2.0, "30d")
    assert limited["spend"] == 0  # that of a time without a budget does not count


def test_is_not_used_under_limits_that_are_over(intern: User, sandbox: Sandbox) -> None:
    use(intern)
    allow(playground__budget_usd=Decimal(1))
    sandbox.faults("/key/update", "drop_after")

    with pytest.raises(GatewayUnavailable):
        use(intern)

    assert the_key().budget_usd == 2
    assert said()[-1] == ("limit", "unknown")
    use(intern)
    assert the_key().budget_usd == 1
    assert_at_rest(sandbox)


def test_waits_while_another_thread_changes_it(intern: User, sandbox: Sandbox) -> None:
    use(intern)
    allow(playground__budget_usd=Decimal(1))
    Key.objects.update(renewing_since=timezone.now())

    assert refusal_of(intern, wait_s=0.2).code == "being_made"
    assert the_key().budget_usd == 2


def test_is_recreated_when_it_was_missing_as_the_policy_changed(intern: User, sandbox: Sandbox) -> None:
    use(intern)
    delete_at_gateway(sandbox, the_key())
    allow(playground__budget_usd=Decimal(1))

    assert works(sandbox, use(intern))
    assert the_key().budget_usd == 1
    assert_at_rest(sandbox)


# --- Its budget --------------------------------------------------------------------------------------------
def test_returns_the_remaining_budget(intern: User, sandbox: Sandbox) -> None:
    spend_at(sandbox, use(intern), 0.75)

    budget_status = services.playground_budget(intern)

    assert budget_status
    assert budget_status.of_key
    assert (budget_status.budget_usd, budget_status.spent_usd, budget_status.period) == (Decimal(5), Decimal(0), "30d")
    assert (budget_status.of_key.budget_usd, budget_status.of_key.spent_usd, budget_status.of_key.period) == (
        Decimal(2),
        Decimal("0.75"),
        "30d",
    )
    for resets_at in (budget_status.resets_at, budget_status.of_key.resets_at):
        assert resets_at
        assert resets_at > timezone.now()


def test_has_no_budget_when_the_gateway_lost_it(intern: User, sandbox: Sandbox) -> None:
    use(intern)
    delete_at_gateway(sandbox, the_key())

    assert services.playground_budget(intern) is None
