"""A person's team beyond its keys: earlier spend, a key removed from it, an anonymised person."""

from datetime import UTC, datetime
from decimal import Decimal

import pytest
from django.utils import timezone

from accounts.models import User
from gateway.errors import GatewayUnavailable
from gateway.secret import token_of
from keys import services
from keys.models import PersonBudget
from keys.services.person_budget import team_id_of
from playground.services.anonymise import anonymise
from tests.dumps import dump_database
from tests.keys.actions import BY_TEST, again, assert_at_rest, issue, set_at_gateway, teams_at
from tests.keys.playground_actions import allow, use
from tests.keys.test_person_budget import chat, row_at, said, team, use_up
from tests.sandbox_process import Sandbox

NO_TEAM = {"person_budget_usd": None, "budget_usd": Decimal(5), "rpm_limit": None, "tpm_limit": None}


def left_at(sandbox: Sandbox, owner: User) -> Decimal:
    """Return what the gateway still lets a person spend."""
    row = team(sandbox, owner)
    return Decimal(str(row["max_budget"])) - Decimal(str(row["spend"]))


def spend(sandbox: Sandbox, secret: str, calls: int = 1) -> Decimal:
    """Ask so often with a key; return what that cost."""
    return sum((Decimal(chat(sandbox, secret).headers["x-litellm-response-cost"]) for _ in range(calls)), Decimal(0))


# --- What was spent before ----------------------------------------------------------------------------
def test_what_keys_spent_before_they_joined_counts_also_that_of_deleted_ones(intern: User, sandbox: Sandbox) -> None:
    allow(**NO_TEAM)
    gone, kept = issue(intern, "gone"), issue(intern, "kept")
    spent = spend(sandbox, gone.secret, 3) + spend(sandbox, kept.secret) + spend(sandbox, use(intern))
    services.delete_key(key=again(gone.key), actor=BY_TEST)
    allow(person_budget_usd=Decimal("0.01"))

    services.sweep_keys()
    assert left_at(sandbox, intern) == Decimal("0.01") - spent
    services.sweep_keys()  # again changes nothing
    assert left_at(sandbox, intern) == Decimal("0.01") - spent

    spent += use_up(sandbox, kept.secret)
    assert "Team=" in said(chat(sandbox, issue(intern, "new").secret))
    assert Decimal("0.01") <= spent < Decimal("0.0107")


def test_who_has_spent_more_than_a_new_budget_has_one_call_at_most(intern: User, sandbox: Sandbox) -> None:
    allow(**NO_TEAM)
    secret = issue(intern).secret
    spend(sandbox, secret, 20)
    allow(person_budget_usd=Decimal("0.01"))

    services.sweep_keys()

    assert use_up(sandbox, secret) < Decimal("0.0007")
    assert "Team=" in said(chat(sandbox, secret))


@pytest.mark.parametrize("way", ["another period", "lifted for a while", "team deleted"])
def test_the_budget_left_is_that_of_the_period_whatever_the_team_has_counted(
    intern: User, sandbox: Sandbox, way: str
) -> None:
    allow(person_budget_usd=Decimal("0.02"), budget_usd=Decimal(5), rpm_limit=None, tpm_limit=None)
    secret = issue(intern).secret
    spent = spend(sandbox, secret, 2)
    if way == "another period":
        allow(person_budget_period="1d")
    elif way == "lifted for a while":
        allow(person_budget_usd=None)
        services.sweep_keys()
        spent += spend(sandbox, secret, 2)
        allow(person_budget_usd=Decimal("0.02"))
    else:
        sandbox.call("POST", "/team/delete", body={"team_ids": [team_id_of(intern)]}).raise_for_status()

    services.sweep_keys()

    assert left_at(sandbox, intern) == Decimal("0.02") - spent


def test_a_count_that_was_taken_while_the_gateway_wrote_is_put_right(intern: User, sandbox: Sandbox) -> None:
    allow(**NO_TEAM)
    spent = spend(sandbox, issue(intern).secret, 2)
    allow(person_budget_usd=Decimal("0.02"))
    services.sweep_keys()
    counted_twice = {"team_id": team_id_of(intern), "max_budget": float(Decimal("0.02") - 2 * spent)}
    sandbox.call("POST", "/team/update", body=counted_twice).raise_for_status()
    PersonBudget.objects.update(uncounted_usd=2 * spent, recount_at=timezone.now())

    services.sweep_keys()

    assert left_at(sandbox, intern) == Decimal("0.02") - spent
    assert PersonBudget.objects.filter(recount_at__gt=timezone.now()).exists()  # this count may be wrong as well
    PersonBudget.objects.update(recount_at=timezone.now())
    services.sweep_keys()
    assert PersonBudget.objects.get().recount_at is None
    assert left_at(sandbox, intern) == Decimal("0.02") - spent


def test_two_counts_within_a_moment_do_not_agree(intern: User, sandbox: Sandbox) -> None:
    allow(**NO_TEAM)
    spend(sandbox, issue(intern).secret, 2)
    allow(person_budget_usd=Decimal("0.02"))

    services.sweep_keys()  # without a team it counts twice at once: before the first write, and to create the team

    assert PersonBudget.objects.get().recount_at is not None


def test_a_refusal_of_too_many_calls_is_no_count(intern: User, sandbox: Sandbox) -> None:
    allow(**NO_TEAM)
    spent = spend(sandbox, issue(intern).secret, 2)
    allow(person_budget_usd=Decimal("0.02"))
    sandbox.faults("/user/daily/activity", "error", status=429, times=100)
    with pytest.raises(GatewayUnavailable):
        services.sweep_keys()
    sandbox.clear_faults()

    services.sweep_keys()

    assert left_at(sandbox, intern) == Decimal("0.02") - spent


@pytest.mark.parametrize("usd", [7, 0.5, None])
def test_a_team_that_was_changed_at_the_gateway_has_its_budget_again(
    intern: User, sandbox: Sandbox, usd: float | None
) -> None:
    allow(**NO_TEAM)
    secret = issue(intern).secret
    spent = spend(sandbox, secret, 2)
    allow(person_budget_usd=Decimal("0.02"))
    services.sweep_keys()
    spent += spend(sandbox, secret, 2)
    sandbox.call("POST", "/team/update", body={"team_id": team_id_of(intern), "max_budget": usd}).raise_for_status()

    services.sweep_keys()

    assert left_at(sandbox, intern) == Decimal("0.02") - spent


@pytest.mark.django_db(transaction=True)
def test_after_a_restore_of_the_portal_spend_is_counted_again(intern: User, sandbox: Sandbox) -> None:
    allow(person_budget_usd=Decimal("0.02"), budget_usd=Decimal(5), rpm_limit=None, tpm_limit=None)
    secret = issue(intern).secret
    services.sweep_keys()
    restore = dump_database()
    spent = spend(sandbox, secret, 2)
    set_at_gateway(sandbox, token_of(secret), team_id=None)
    spent += spend(sandbox, secret, 2)
    services.sync_keys()
    services.sweep_keys()
    restore()

    services.sweep_keys()

    assert left_at(sandbox, intern) == Decimal("0.02") - spent


def test_the_next_period_has_the_whole_budget(intern: User, sandbox: Sandbox) -> None:
    allow(**NO_TEAM)
    secret = issue(intern).secret
    spend(sandbox, secret, 3)
    allow(person_budget_usd=Decimal("0.01"))
    services.sweep_keys()
    row = PersonBudget.objects.get()
    assert row.uncounted_usd > 0
    assert row.uncounted_until is not None
    assert row.uncounted_until > datetime.now(UTC).date()

    PersonBudget.objects.update(uncounted_until=datetime.now(UTC).date())
    services.sweep_keys()

    assert team(sandbox, intern)["max_budget"] == 0.01
    assert PersonBudget.objects.get().uncounted_usd == 0


def test_a_first_key_makes_no_call_about_spend(intern: User, sandbox: Sandbox) -> None:
    sandbox.faults("/user/daily/activity", "error", status=500, times=9)

    assert row_at(sandbox, issue(intern).secret)["team_id"] == team_id_of(intern)


@pytest.mark.parametrize("kind", ["drop_after", "drop_before", "error"])
@pytest.mark.parametrize("path", ["/team/info", "/user/daily/activity", "/team/update", "/team/new", "/key/update"])
def test_the_playground_waits_for_a_budget_that_could_not_be_set(
    intern: User, sandbox: Sandbox, path: str, kind: str
) -> None:
    allow(**NO_TEAM)
    spent = spend(sandbox, use(intern), 2)
    allow(person_budget_usd=Decimal("0.01"))
    asked_again = path in ("/team/info", "/user/daily/activity")
    sandbox.faults(path, kind, status=500 if kind == "error" else None, times=9 if asked_again else 1)
    with pytest.raises(GatewayUnavailable):
        use(intern)
    sandbox.clear_faults()

    secret = use(intern)

    assert row_at(sandbox, secret)["team_id"] == team_id_of(intern)
    assert left_at(sandbox, intern) == Decimal("0.01") - spent
    services.sweep_keys()
    assert_at_rest(sandbox)


# --- Taken out of the team ----------------------------------------------------------------------------
@pytest.mark.parametrize("rotated", [False, True])
def test_a_key_that_was_taken_out_of_its_team_joins_it_again(intern: User, sandbox: Sandbox, rotated: bool) -> None:
    allow(person_budget_usd=Decimal("0.01"), budget_usd=Decimal(5), rpm_limit=None, tpm_limit=None)
    fresh = issue(intern)
    if rotated:
        services.rotate_key(key=again(fresh.key), actor=BY_TEST)
    set_at_gateway(sandbox, token_of(fresh.secret), team_id=None)
    spent = spend(sandbox, fresh.secret, 2)

    services.sync_keys()
    services.sweep_keys()

    assert row_at(sandbox, fresh.secret)["team_id"] == team_id_of(intern)
    assert left_at(sandbox, intern) == Decimal("0.01") - spent
    assert_at_rest(sandbox)
    assert (services.sync_keys(), services.sweep_keys()) == (0, 0)


# --- Anonymised ---------------------------------------------------------------------------------------
@pytest.mark.parametrize("fault", ["", "drop_before", "drop_after", "error"])
def test_the_team_of_somebody_anonymised_goes_after_their_keys(
    intern: User, staff: User, sandbox: Sandbox, fault: str
) -> None:
    issue(intern)
    use(intern)
    issue(staff)
    anonymise(person=intern, actor=BY_TEST)
    if fault:
        sandbox.faults("/team/delete", fault, status=500 if fault == "error" else None)
        with pytest.raises(Exception, match=r"."):
            services.sweep_keys()

    services.sweep_keys()

    assert [*teams_at(sandbox)] == [team_id_of(staff)]
    assert [row.owner for row in PersonBudget.objects.all()] == [staff]
    assert_at_rest(sandbox)


def test_the_team_stays_while_a_key_of_it_could_not_be_deleted(intern: User, sandbox: Sandbox) -> None:
    issue(intern)
    anonymise(person=intern, actor=BY_TEST)
    sandbox.faults("/key/delete", "error", status=500, times=5)
    with pytest.raises(Exception, match=r"."):
        services.sweep_keys()

    assert len(teams_at(sandbox)) == len(sandbox.live_keys()) == 1


def test_an_anonymised_person_with_no_budget_leaves_no_row(intern: User, sandbox: Sandbox) -> None:
    allow(person_budget_usd=None)
    issue(intern)
    services.sweep_keys()
    assert PersonBudget.objects.exists()

    anonymise(person=intern, actor=BY_TEST)
    services.sweep_keys()

    assert not PersonBudget.objects.exists()
