"""The Playground's own key: created at first use, its secret derived and never stored; and refusals."""

from collections.abc import Iterator
from datetime import timedelta
from decimal import Decimal

import pytest
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries, Settings

from accounts.models import User
from accounts.policies import policy_of
from gateway.errors import GatewayRejected, GatewayUnavailable
from gateway.secret import token_of
from keys import services
from keys.models import Key, Token
from tests.gateway.stub import StubGateway, says, stub_gateway
from tests.keys.actions import (
    BY_TEST,
    assert_at_rest,
    without_models,
    works,
)
from tests.keys.playground_actions import allow, refusal_of, row_of, said, the_key, use
from tests.sandbox_process import Sandbox

CHAT = {"model": "gpt-4o-mini", "messages": [{"role": "user", "content": "hi [words 3]"}]}


# --- First use --------------------------------------------------------------------------------------------
def test_is_made_at_first_use_and_works(intern: User, sandbox: Sandbox) -> None:
    secret = use(intern)

    answer = sandbox.call("POST", "/v1/chat/completions", key=secret, body=CHAT)

    assert answer.status_code == 200
    assert (the_key().label, the_key().last_four) == ("Playground", secret[-4:])
    assert said() == [("issue", "done")]
    assert_at_rest(sandbox)


def test_is_the_same_at_each_use(intern: User, sandbox: Sandbox) -> None:
    assert use(intern) == use(intern)
    assert len(sandbox.live_keys()) == 1


def test_costs_one_query_when_all_is_well(
    intern: User, sandbox: Sandbox, settings: Settings, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    secret = use(intern)
    allowance = policy_of(intern)
    settings.GATEWAY_URL = "http://127.0.0.1:1"  # where nobody answers

    with django_assert_num_queries(1):
        assert services.playground_secret(owner=intern, actor=BY_TEST, allowance=allowance) == secret


def test_differs_from_person_to_person(intern: User, staff: User, sandbox: Sandbox) -> None:
    assert use(intern) != use(staff)


def test_the_secret_is_derived_from_the_master_key_and_never_stored(
    intern: User, sandbox: Sandbox, settings: Settings
) -> None:
    first = use(intern)

    settings.PLAYGROUND_KEY_SECRET = "another " * 8
    second = use(intern)

    assert (works(sandbox, first), works(sandbox, second)) == (False, True)
    assert Key.objects.get(state=Key.State.DELETED).problem == Key.Problem.REPLACED
    assert_at_rest(sandbox)


def test_has_budget_and_models_of_its_own(intern: User, sandbox: Sandbox) -> None:
    allow(
        playground__budget_usd=Decimal(3),
        playground__budget_period="7d",
        playground__all_models=False,
        playground__model_names=["gpt-4o-mini"],
    )

    row = row_of(sandbox, use(intern))

    assert (row["max_budget"], row["budget_duration"], row["models"]) == (3.0, "7d", ["gpt-4o-mini"])
    assert (row["rpm_limit"], row["tpm_limit"]) == (60, 100_000)
    assert row["allowed_routes"] == ["llm_api_routes"]
    assert row["user_id"] == intern.gateway_user_id


def test_lives_as_long_as_a_temporary_key(intern: User, sandbox: Sandbox) -> None:
    use(intern)

    end = the_key().expires_at
    assert end
    assert abs(end - timezone.now() - timedelta(days=30)) < timedelta(minutes=1)


# --- Refused ----------------------------------------------------------------------------------------------
def test_is_refused_where_the_policy_has_no_playground(intern: User, sandbox: Sandbox) -> None:
    use(intern)
    allow(playground__allowed=False)

    assert refusal_of(intern).code == "playground"
    assert "Contact the administrators" in str(refusal_of(intern))


def test_is_refused_where_no_model_is_left(intern: User, sandbox: Sandbox) -> None:
    allowance = without_models(intern, Key.Kind.PLAYGROUND)

    with pytest.raises(services.KeyRefused) as refusal:
        services.playground_secret(owner=intern, actor=BY_TEST, allowance=allowance)

    assert refusal.value.code == "models"
    assert sandbox.live_keys() == []


def test_is_refused_while_it_is_blocked(intern: User, sandbox: Sandbox) -> None:
    use(intern)
    Key.objects.update(blocked=True)

    assert refusal_of(intern).code == "blocked"
    assert len(sandbox.live_keys()) == 1


def test_is_blocked_when_its_owner_leaves(intern: User, sandbox: Sandbox) -> None:
    secret = use(intern)
    intern.is_active = False
    intern.save(update_fields=["is_active"])

    services.sweep_keys()

    assert the_key().blocked
    assert row_of(sandbox, secret)["blocked"]


def test_cannot_be_rotated(intern: User, sandbox: Sandbox) -> None:
    use(intern)

    with pytest.raises(services.KeyRefused, match="cannot be replaced now"):
        services.rotate_key(key=the_key(), actor=BY_TEST)


# --- The gateway fails ------------------------------------------------------------------------------------
@pytest.fixture
def stub(settings: Settings) -> Iterator[StubGateway]:
    """Point the portal at a gateway that says what the test wants."""
    with stub_gateway() as stub:
        settings.GATEWAY_URL = stub.url
        yield stub


FORBIDDEN = {"error": "Custom API key values are disabled by your administrator. Keys must be auto-generated."}


def test_says_that_the_gateway_forbids_custom_keys(intern: User, stub: StubGateway) -> None:
    stub.will(says({"detail": FORBIDDEN}, status=403))

    refusal = refusal_of(intern)

    assert refusal.code == "custom_keys_forbidden"
    assert "custom keys must be allowed" in str(refusal)
    assert Key.objects.get().problem == Key.Problem.NO_CUSTOM
    assert said() == [("issue", "failed")]


def test_deletes_the_key_of_a_gateway_that_ignores_the_custom_secret(intern: User, stub: StubGateway) -> None:
    allow(person_budget_usd=None)
    made = {"key": "sk-made-up-by-the-gateway", "key_alias": "any", "expires": None}
    stub.will(says(made), says({"deleted_keys": ["any"]}))

    assert refusal_of(intern).code == "custom_keys_forbidden"
    assert (stub.last.path, stub.last.body) == ("/key/delete", {"keys": [token_of("sk-made-up-by-the-gateway")]})
    assert Key.objects.get().state == Key.State.FAILED


def test_other_refusals_are_passed_on(intern: User, stub: StubGateway) -> None:
    stub.will(says({"error": {"message": "Budget too large", "code": "400"}}, status=400))

    with pytest.raises(GatewayRejected, match="Budget too large"):
        use(intern)

    assert Key.objects.get().problem == Key.Problem.REFUSED


def test_is_recreated_at_once_after_a_lost_answer(intern: User, sandbox: Sandbox) -> None:
    sandbox.faults("/key/generate", "drop_after")
    with pytest.raises(GatewayUnavailable):
        use(intern)
    sandbox.clear_faults()
    [lost] = sandbox.live_keys()

    secret = use(intern)

    assert works(sandbox, secret)
    assert [row["token"] for row in sandbox.live_keys()] == [token_of(secret)] != [lost["token"]]
    assert said() == [("issue", "unknown"), ("sweep", "repaired"), ("sweep", "repaired"), ("issue", "done")]
    assert_at_rest(sandbox)


def test_is_recreated_at_once_when_nothing_had_been_made(intern: User, sandbox: Sandbox) -> None:
    sandbox.faults("/key/generate", "drop_before")
    with pytest.raises(GatewayUnavailable):
        use(intern)
    sandbox.clear_faults()

    assert works(sandbox, use(intern))
    assert_at_rest(sandbox)


def test_a_late_answer_does_not_recreate_an_abandoned_key(intern: User, sandbox: Sandbox) -> None:
    sandbox.faults("/key/generate", "drop_after")
    with pytest.raises(GatewayUnavailable):
        use(intern)
    sandbox.faults("/key/list", "error", status=503, times=9)

    with pytest.raises(GatewayUnavailable):  # whether there is one is not known, so none is made
        use(intern)

    assert len(sandbox.live_keys()) == 1


def test_waits_for_a_first_use_in_progress(intern: User, sandbox: Sandbox) -> None:
    Token.objects.create(key=Key.objects.create(owner=intern, kind=Key.Kind.PLAYGROUND, label="Playground"))

    assert refusal_of(intern, wait_s=0.2).code == "being_made"
    assert sandbox.live_keys() == []


def test_is_recreated_after_an_interrupted_first_use(intern: User, sandbox: Sandbox) -> None:
    key = Key.objects.create(owner=intern, kind=Key.Kind.PLAYGROUND, label="Playground")
    Token.objects.create(key=key, since=timezone.now() - timedelta(seconds=121))

    assert works(sandbox, use(intern))
    assert_at_rest(sandbox)


@pytest.mark.parametrize("spoilt", ["/key/delete", "/key/info"])
def test_creates_no_second_key_while_a_lost_one_cannot_be_deleted(intern: User, sandbox: Sandbox, spoilt: str) -> None:
    sandbox.faults("/key/generate", "drop_after")
    with pytest.raises(GatewayUnavailable):
        use(intern)
    sandbox.faults(spoilt, "error", status=503, times=9)
    with pytest.raises(GatewayUnavailable):
        use(intern)
    sandbox.clear_faults()

    assert works(sandbox, use(intern))
    assert_at_rest(sandbox)
