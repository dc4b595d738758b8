"""Changes of a policy are applied to existing keys."""

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from accounts.audit import BY_THE_PORTAL
from accounts.models import AuditEntry, Policy, User
from accounts.policies import Allowances, policy_of
from gateway.errors import GatewayUnavailable
from keys import services
from keys.models import Key, PersonBudget
from tests.factories import change_policies, make_intern, make_policy, make_staff, make_user
from tests.keys.actions import BY_TEST, again, issue, live_token
from tests.sandbox_process import Sandbox


def at_gateway(sandbox: Sandbox, key: Key) -> dict[str, Any]:
    """Return what the gateway has of a key."""
    return next(row for row in sandbox.live_keys() if row["token"] == live_token(key))


@pytest.mark.parametrize(
    ("change", "there"),
    [
        ({"budget_usd": Decimal("1.25"), "budget_period": "7d"}, {"max_budget": 1.25, "budget_duration": "7d"}),
        ({"budget_usd": None, "person_budget_usd": 9}, {"max_budget": 9, "budget_duration": "30d"}),
        ({"rpm_limit": 7, "tpm_limit": None}, {"rpm_limit": 7, "tpm_limit": None}),
        (
            {"all_models": False, "model_names": ["embedding", "general_nothink"]},
            {"models": ["embedding", "general_nothink"]},
        ),
    ],
    ids=["budget", "no budget", "rates", "models"],
)
def test_a_change_of_a_policy_reaches_existing_keys_once(
    intern: User, staff: User, sandbox: Sandbox, change: dict[str, Any], there: dict[str, Any]
) -> None:
    key, other = issue(intern).key, issue(staff).key
    change_policies(Policy.objects.filter(group__name="Interns"), **change)

    assert services.find_outdated().keys == [key.pk]
    services.apply_policies(BY_THE_PORTAL)

    row = at_gateway(sandbox, key)
    assert {name: row[name] for name in there} == there
    assert row["expires"] is not None
    assert at_gateway(sandbox, other)["rpm_limit"] is None
    assert not services.find_outdated()
    assert services.apply_policies(BY_THE_PORTAL) == 0
    assert AuditEntry.objects.of_key(key.pk).filter(action="limit").count() == 1


def test_a_shorter_lifetime_ends_keys_sooner_and_a_longer_one_prolongs_none(intern: User, sandbox: Sandbox) -> None:
    key = issue(intern).key
    change_policies(temporary__lifetime_days=9)

    services.apply_policies(BY_THE_PORTAL)

    end = again(key).expires_at
    assert end is not None
    assert abs(end - timezone.now() - timedelta(days=9)) < timedelta(minutes=1)
    assert at_gateway(sandbox, key)["expires"][:16] == f"{end:%Y-%m-%dT%H:%M}"
    assert "as the policy requires" in AuditEntry.objects.get(action="limit").remark
    change_policies(temporary__lifetime_days=300)
    assert services.apply_policies(BY_THE_PORTAL) == 0
    assert again(key).expires_at == end


def test_a_key_without_an_end_gets_one_and_that_of_a_stay_is_kept(staff: User, sandbox: Sandbox) -> None:
    endless = issue(staff, "endless").key
    sandbox.call("POST", "/key/update", body={"key": live_token(endless), "duration": None})
    services.sync_keys()
    last_day = timezone.localdate() + timedelta(days=4)
    stay = issue(staff, "stay", intern_name="Intern A", stay_ends_on=last_day).key
    before = again(stay).expires_at

    services.apply_policies(BY_THE_PORTAL)

    assert again(endless).expires_at is not None
    assert again(stay).expires_at == before


def test_the_old_secret_of_a_rotation_gets_the_limits_too(intern: User, sandbox: Sandbox) -> None:
    key = issue(intern).key
    services.rotate_key(key=again(key), actor=BY_TEST)
    change_policies(rpm_limit=3)

    services.apply_policies(BY_THE_PORTAL)

    assert [row["rpm_limit"] for row in sandbox.live_keys()] == [3, 3]


@pytest.mark.parametrize("fault", ["drop_before", "drop_after", "error", "html"])
def test_a_gateway_that_fails_midway_leaves_the_rest_for_the_next_run(
    intern: User, sandbox: Sandbox, fault: str
) -> None:
    keys = [issue(intern, f"key {number}").key for number in range(3)]
    change_policies(tpm_limit=77)
    sandbox.faults("/key/update", fault, skip=1, status=503)

    with pytest.raises(GatewayUnavailable):
        services.apply_policies(BY_THE_PORTAL)
    services.sweep_keys()  # asks about what was not answered
    services.apply_policies(BY_THE_PORTAL)

    assert {at_gateway(sandbox, key)["tpm_limit"] for key in keys} == {77}
    assert {again(key).tpm_limit for key in keys} == {77}
    assert not Key.objects.exclude(renewing_since=None).exists()
    assert not services.find_outdated()


def test_a_persons_budget_follows_at_once(intern: User, sandbox: Sandbox) -> None:
    issue(intern)
    change_policies(person_budget_usd=Decimal(3))
    assert services.find_outdated().people == [intern.pk]

    services.apply_policies(BY_THE_PORTAL)

    assert PersonBudget.objects.get().budget_usd == 3
    assert not services.find_outdated().people


def test_allowances_in_bulk_equal_those_of_each_person(db: None) -> None:
    make_policy(None, max_live_keys=2)
    make_policy("Admins", max_live_keys=50)
    people = [make_user(), make_intern(), make_staff(), make_user(groups=("Interns", "Staff", "Elsewhere"))]
    people += [make_user(is_superuser=True), make_user(is_superuser=True, groups=("Interns",))]

    allowances = Allowances.load()

    assert [allowances.of(person.pk) for person in people] == [policy_of(person) for person in people]


def test_comparing_runs_a_constant_number_of_queries(intern: User) -> None:
    def make(number: int) -> None:
        owner = make_user(f"many-{number}", groups=("Interns",))
        Key.objects.create(owner=owner, kind=Key.Kind.TEMPORARY, label="x", state=Key.State.ACTIVE, rpm_limit=number)

    make(1)
    with CaptureQueriesContext(connection) as few:
        assert len(services.find_outdated().keys) == 1
    for number in range(2, 30):
        make(number)
    with CaptureQueriesContext(connection) as many:
        assert len(services.find_outdated().keys) == 29
    assert len(many) == len(few) <= 7
