"""Issuing: limits, requests to the gateway, and failures."""

import uuid
from datetime import timedelta
from decimal import Decimal

import pytest
from django.utils import timezone
from pytest_django import Settings

from accounts.audit import Actor
from accounts.models import AuditEntry, User
from gateway.errors import GatewayRejected, GatewayUnavailable
from keys import services
from keys.models import Key, Token
from tests.factories import make_policy, make_user
from tests.keys.actions import BY_TEST, assert_at_rest, issue, without_models, works
from tests.ports import free_port
from tests.sandbox_process import Sandbox


def test_gives_a_key_that_works_with_the_limits_of_the_policy(intern: User, sandbox: Sandbox) -> None:
    fresh = issue(intern)

    (there,) = sandbox.live_keys()
    assert works(sandbox, fresh.secret)
    assert there["user_id"] == intern.gateway_user_id
    assert Decimal(str(there["max_budget"])) == 5
    assert there["budget_duration"] == "30d"
    assert there["rpm_limit"] == 60
    assert there["allowed_routes"] == ["llm_api_routes"]
    assert fresh.key.state == Key.State.ACTIVE
    assert fresh.key.expires_at is not None
    assert abs(fresh.key.expires_at - timezone.now() - timedelta(days=30)) < timedelta(minutes=1)
    assert fresh.key.last_four == fresh.secret[-4:]


def test_stores_the_expiry_of_the_gateway(intern: User, sandbox: Sandbox) -> None:
    sandbox.move_clock(3600)

    fresh = issue(intern)

    assert fresh.key.expires_at is not None
    assert fresh.key.expires_at > timezone.now() + timedelta(days=30, minutes=59)


def test_says_in_the_audit_trail_who_did_it_and_from_where(intern: User, sandbox: Sandbox) -> None:
    fresh = issue(intern)

    entry = AuditEntry.objects.get()
    assert (entry.action, entry.outcome, entry.actor) == ("issue", "done", intern)
    assert (entry.object_kind, entry.object_id, entry.subject) == ("key", str(fresh.key.pk), intern)
    assert entry.address == "192.0.2.1"


def test_repr_of_a_fresh_key_has_no_secret(intern: User, sandbox: Sandbox) -> None:
    fresh = issue(intern)

    assert fresh.secret not in repr(fresh)


def test_refuses_a_key_beyond_the_limit(intern: User, sandbox: Sandbox) -> None:
    for label in ("one", "two", "three"):
        issue(intern, label)

    with pytest.raises(services.KeyRefused, match="You have 3 keys, and 3 are allowed") as refusal:
        issue(intern, "four")

    assert refusal.value.code == "limit"
    assert len(sandbox.live_keys()) == 3
    assert AuditEntry.objects.filter(outcome="refused").count() == 1


def test_refuses_a_label_in_use_whatever_its_case(intern: User, sandbox: Sandbox) -> None:
    issue(intern, "Thesis")

    with pytest.raises(services.KeyRefused) as refusal:
        issue(intern, "thesis")

    assert refusal.value.code == "label"


def test_another_person_may_use_the_same_label(intern: User, staff: User, sandbox: Sandbox) -> None:
    issue(intern, "thesis")

    assert issue(staff, "thesis").key.state == Key.State.ACTIVE


def test_a_form_sent_twice_makes_one_key(intern: User, sandbox: Sandbox) -> None:
    key_request = services.KeyRequest(label="thesis", kind=Key.Kind.TEMPORARY, request_id=uuid.uuid4())
    services.issue_key(owner=intern, actor=Actor(user=intern), key_request=key_request)

    with pytest.raises(services.KeyRefused) as refusal:
        services.issue_key(owner=intern, actor=Actor(user=intern), key_request=key_request)

    assert refusal.value.code == "repeated"
    assert len(sandbox.live_keys()) == 1


def test_refuses_a_personal_key_where_the_policy_has_none(intern: User, sandbox: Sandbox) -> None:
    with pytest.raises(services.KeyRefused) as refusal:
        issue(intern, kind=Key.Kind.PERSONAL)

    assert refusal.value.code == "kind"
    assert not sandbox.live_keys()


def test_refuses_a_key_for_others_where_the_policy_does_not_allow_it(intern: User, sandbox: Sandbox) -> None:
    with pytest.raises(services.KeyRefused) as refusal:
        issue(intern, intern_name="Intern B")

    assert refusal.value.code == "intern"


@pytest.mark.parametrize("zone", ["UTC", "America/Los_Angeles", "Pacific/Auckland"])
def test_a_key_for_an_intern_ends_with_the_last_day_of_the_stay_where_the_lab_is(
    staff: User, sandbox: Sandbox, settings: Settings, zone: str
) -> None:
    settings.TIME_ZONE = zone
    last_day = timezone.localdate() + timedelta(days=3)

    fresh = issue(staff, intern_name="Intern B", stay_ends_on=last_day)

    assert fresh.key.expires_at is not None
    assert timezone.localtime(fresh.key.expires_at).date() == last_day
    assert timezone.localtime(fresh.key.expires_at + timedelta(minutes=2)).date() > last_day


def test_a_policy_without_limits_sends_none(sandbox: Sandbox, db: None) -> None:
    make_policy(
        "Free",
        max_live_keys=None,
        budget_usd=None,
        person_budget_usd=None,
        rpm_limit=None,
        tpm_limit=None,
        personal__allowed=True,
    )
    fresh = issue(make_user("free", groups=("Free",)), kind=Key.Kind.PERSONAL)

    (there,) = sandbox.live_keys()
    assert there["max_budget"] is None
    assert there["budget_duration"] is None
    assert fresh.key.budget_period == ""


def test_a_policy_with_models_restricts_the_key_at_the_gateway(sandbox: Sandbox, db: None) -> None:
    make_policy("Few", all_models=False, model_names=["gpt-4o-mini"])
    issue(make_user("few", groups=("Few",)))

    (there,) = sandbox.live_keys()
    assert there["models"] == ["gpt-4o-mini"]


def test_an_allowance_without_models_creates_no_key(intern: User, sandbox: Sandbox) -> None:
    """The database keeps such rules out; to the gateway an empty list means all models."""
    key_request = services.KeyRequest(label="thesis", kind=Key.Kind.TEMPORARY)

    with pytest.raises(services.KeyRefused) as refusal:
        services.issue_key(
            owner=intern, actor=BY_TEST, key_request=key_request, allowance=without_models(intern, key_request.kind)
        )

    assert refusal.value.code == "models"
    assert not sandbox.live_keys()


@pytest.mark.parametrize("kind", ["drop_after", "truncated_json", "cut_body"])
def test_a_lost_answer_is_unknown_until_it_is_repaired(intern: User, sandbox: Sandbox, kind: str) -> None:
    sandbox.faults("/key/generate", kind)

    with pytest.raises(GatewayUnavailable) as error:
        issue(intern)
    assert error.value.may_have_happened
    assert Key.objects.get().state == Key.State.ISSUING
    assert sandbox.live_keys()

    services.sweep_keys()

    assert not sandbox.live_keys()
    assert Key.objects.get().state == Key.State.FAILED
    assert Key.objects.get().problem == Key.Problem.ANSWER_LOST
    assert_at_rest(sandbox)


@pytest.mark.parametrize(("kind", "status"), [("error", 500), ("error", 503), ("drop_before", None), ("html", None)])
def test_a_failure_before_the_call_leaves_nothing(
    intern: User, sandbox: Sandbox, kind: str, status: int | None
) -> None:
    sandbox.faults("/key/generate", kind, status=status)

    with pytest.raises(GatewayUnavailable):
        issue(intern)
    services.sweep_keys()

    assert Key.objects.get().state == Key.State.FAILED
    assert_at_rest(sandbox)


def test_an_unreachable_gateway_leaves_a_failed_row_at_once(intern: User, sandbox: Sandbox, settings: Settings) -> None:
    settings.GATEWAY_URL = f"http://127.0.0.1:{free_port()}"

    with pytest.raises(GatewayUnavailable) as error:
        issue(intern)

    assert not error.value.may_have_happened
    assert Key.objects.get().problem == Key.Problem.UNREACHABLE
    assert not Key.objects.live().exists()


def test_the_same_form_can_be_sent_again_after_a_failure(intern: User, sandbox: Sandbox) -> None:
    key_request = services.KeyRequest(label="thesis", kind=Key.Kind.TEMPORARY, request_id=uuid.uuid4())
    sandbox.faults("/key/generate", "error", status=429)
    with pytest.raises(GatewayRejected):
        services.issue_key(owner=intern, actor=Actor(user=intern), key_request=key_request)

    fresh = services.issue_key(owner=intern, actor=Actor(user=intern), key_request=key_request)

    assert works(sandbox, fresh.secret)


def test_an_admin_key_that_is_refused_makes_nothing(intern: User, sandbox: Sandbox, settings: Settings) -> None:
    settings.GATEWAY_ADMIN_KEY = "sk-somebody-else"

    with pytest.raises(GatewayRejected):
        issue(intern)

    assert Key.objects.get().problem == Key.Problem.REFUSED
    assert Token.objects.get().state == Token.State.LOST


@pytest.mark.parametrize("kind", [Key.Kind.TEMPORARY, Key.Kind.PLAYGROUND])
def test_no_key_is_made_where_the_gateway_does_not_keep_its_lifetime(
    intern: User, sandbox: Sandbox, kind: Key.Kind
) -> None:
    sandbox.shorten_lifetimes()

    with pytest.raises(services.KeyRefused, match="a different lifetime from the one requested"):
        services.issue_key(owner=intern, actor=BY_TEST, key_request=services.KeyRequest(label="thesis", kind=kind))

    assert sandbox.live_keys() == []
    assert_at_rest(sandbox)
