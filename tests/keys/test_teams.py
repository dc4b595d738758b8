"""Keys of a course's team: its limits and end in place of their owners' policies; freeze, thaw, end."""

from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal

import pytest
from django.utils import timezone

from accounts.models import AuditEntry, User
from gateway.errors import GatewayUnavailable
from gateway.secret import token_of
from keys import services
from keys.models import Key, LimitOverride, PersonBudget, Team, Token
from keys.services.adopt_budgets import unadopted
from keys.services.refusals import KeyRefused
from tests.factories import make_intern
from tests.keys.actions import BY_TEST, again, issue, set_at_gateway
from tests.keys.playground_actions import allow, spend_at, use
from tests.keys.team_actions import assert_as_wanted, issue_in, make_team, rows_at, team_at
from tests.sandbox_process import Sandbox

pytestmark = pytest.mark.django_db
WORDS = "[words 1000] hello"  # 0.0006 USD


def ask(sandbox: Sandbox, secret: str) -> int:
    body = {"model": "gpt-4o-mini", "messages": [{"role": "user", "content": WORDS}]}
    return int(sandbox.call("POST", "/v1/chat/completions", key=secret, body=body).status_code)


def test_a_key_has_the_limits_and_the_end_of_its_team(intern: User, sandbox: Sandbox) -> None:
    team = make_team(model_names=["gpt-4o-mini"], rpm_limit=20, tpm_limit=5000)

    fresh = issue_in(team, intern)

    [row] = rows_at(sandbox, team)
    assert row["token"] == token_of(fresh.secret)
    assert (row["max_budget"], row["budget_duration"], row["models"]) == (1, None, ["gpt-4o-mini"])
    assert (row["rpm_limit"], row["tpm_limit"]) == (20, 5000)
    there = team_at(sandbox, team)
    assert there is not None
    assert (there["max_budget"], there["models"]) == (40, ["gpt-4o-mini"])
    assert ask(sandbox, fresh.secret) == 200
    assert_as_wanted(sandbox, team)
    assert AuditEntry.objects.filter(object_id=str(fresh.key.pk), action="issue", outcome="done").exists()


def test_refuses_what_its_team_does_not_allow(intern: User, sandbox: Sandbox) -> None:
    over, frozen = make_team(ends_at=timezone.now()), make_team(frozen_at=timezone.now())
    ended, team = make_team(ended_at=timezone.now()), make_team()
    issue_in(team, intern)
    before = len(sandbox.live_keys())

    refused = {}
    for name, each in {"over": over, "frozen": frozen, "ended": ended, "twice": team}.items():
        with pytest.raises(KeyRefused) as refusal:
            issue_in(each, intern)
        refused[name] = refusal.value.reason

    assert refused == {"over": "team.ended", "frozen": "team.frozen", "ended": "team.ended", "twice": "team.known"}
    with pytest.raises(KeyRefused, match="Playground"):
        issue_in(team, intern, kind=Key.Kind.PLAYGROUND)
    assert len(sandbox.live_keys()) == before


def test_a_teacher_can_own_many_keys_that_are_handed_out(staff: User, sandbox: Sandbox) -> None:
    team = make_team()

    for _ in range(3):
        issue_in(team, staff, handed_out=True)

    assert len(rows_at(sandbox, team)) == 3
    assert_as_wanted(sandbox, team)


def test_freeze_blocks_all_keys_and_thaw_brings_back_only_those(sandbox: Sandbox) -> None:
    team, people = make_team(), [make_intern(f"s{number}") for number in range(10)]
    fresh = [issue_in(team, person) for person in people]
    services.block_key(key=again(fresh[0].key), actor=BY_TEST)
    services.pause_key(key=again(fresh[1].key), actor=BY_TEST)
    User.objects.filter(pk=people[2].pk).update(is_active=False)

    services.freeze_team(team.pk)
    team.refresh_from_db()
    assert services.count_differing(team) == 8
    services.follow_team(team.pk)
    assert {ask(sandbox, each.secret) for each in fresh} == {401}
    assert {again(each.key).blocked_for_team for each in fresh[2:]} == {True}
    for action in (services.unblock_key, services.resume_key):
        with pytest.raises(KeyRefused):
            action(key=again(fresh[1].key), actor=BY_TEST)

    services.thaw_team(team.pk)
    services.follow_team(team.pk)
    assert [ask(sandbox, each.secret) for each in fresh] == [401, 401, 401, *[200] * 7]
    assert (again(fresh[2].key).blocked_by_portal, again(fresh[1].key).is_paused) == (True, True)
    User.objects.filter(pk=people[2].pk).update(is_active=True)
    services.sweep_keys()
    assert ask(sandbox, fresh[2].secret) == 200
    assert services.follow_team(team.pk) == 0


def test_somebody_who_comes_back_during_a_freeze_waits_for_the_thaw(intern: User, sandbox: Sandbox) -> None:
    team = make_team()
    fresh = issue_in(team, intern)
    for is_active in (False, True):
        User.objects.filter(pk=intern.pk).update(is_active=is_active)
        services.sweep_keys()
        services.freeze_team(team.pk)
    key = again(fresh.key)
    assert (key.blocked_by_portal, key.blocked_for_team, ask(sandbox, fresh.secret)) == (False, True, 401)

    services.thaw_team(team.pk)
    services.follow_team(team.pk)
    assert ask(sandbox, fresh.secret) == 200


def test_an_admin_takes_over_the_block_of_a_freeze(intern: User, sandbox: Sandbox) -> None:
    team = make_team()
    fresh = issue_in(team, intern)
    services.freeze_team(team.pk)
    services.follow_team(team.pk)

    services.block_key(key=again(fresh.key), actor=BY_TEST)
    services.thaw_team(team.pk)
    services.follow_team(team.pk)

    assert ask(sandbox, fresh.secret) == 401
    services.unblock_key(key=again(fresh.key), actor=BY_TEST)
    assert ask(sandbox, fresh.secret) == 200


def test_a_reactivated_owner_gets_no_key_back_while_the_course_is_frozen(intern: User, sandbox: Sandbox) -> None:
    team = make_team()
    fresh = issue_in(team, intern)
    User.objects.filter(pk=intern.pk).update(is_active=False)
    services.sweep_keys()
    assert ask(sandbox, fresh.secret) == 401
    services.freeze_team(team.pk)
    services.follow_team(team.pk)

    User.objects.filter(pk=intern.pk).update(is_active=True)
    services.sweep_keys()
    assert ask(sandbox, fresh.secret) == 401

    services.thaw_team(team.pk)
    services.follow_team(team.pk)
    assert ask(sandbox, fresh.secret) == 200


def test_a_key_that_cannot_be_deleted_keeps_no_other(staff: User, sandbox: Sandbox) -> None:
    team = make_team()
    first = issue_in(team, staff, handed_out=True).key
    more = [Key(owner=staff, team=team, kind=first.kind, label=f"{number}", state="active") for number in range(50)]
    for key in more:  # more than one call deletes
        key.handed_out, key.expires_at = True, first.expires_at
    Key.objects.bulk_create(more)
    Token.objects.bulk_create(Token(key=key, token=f"{key.pk.hex * 2}", state=Token.State.LIVE) for key in more)
    services.end_team(team.pk)
    sandbox.faults("/key/delete", "error", status=500, times=2)  # of the first fifty, then of the one there is

    with pytest.raises(GatewayUnavailable):
        services.follow_team(team.pk)

    assert Key.objects.filter(state=Key.State.DELETED).count() == 50
    services.follow_team(team.pk)
    assert_as_wanted(sandbox, team)


def test_the_end_deletes_all_keys_then_the_team(sandbox: Sandbox) -> None:
    team = make_team()
    fresh = [issue_in(team, make_intern(f"s{number}")) for number in range(10)]

    services.end_team(team.pk)
    sandbox.faults("/key/delete", "drop_before", skip=1)  # a second call would fail
    services.follow_team(team.pk)

    assert [armed["hits"] for armed in sandbox.armed_faults()] == [0]
    assert {ask(sandbox, each.secret) for each in fresh} == {401}
    assert {again(each.key).problem for each in fresh} == {Key.Problem.COURSE_ENDED}
    assert_as_wanted(sandbox, team)
    assert services.follow_teams() == 0
    with pytest.raises(KeyRefused, match="ended"):
        services.thaw_team(team.pk)


def test_keys_follow_new_limits_and_a_new_end_without_losing_their_spend(intern: User, sandbox: Sandbox) -> None:
    team = make_team()
    fresh = issue_in(team, intern)
    spend_at(sandbox, fresh.secret, 0.25)

    later = timezone.now() + timedelta(days=20)
    services.change_team(team.pk, budget_usd=Decimal(60), key_budget_usd=Decimal(2), ends_at=later, rpm_limit=7)
    services.follow_team(team.pk)

    [row] = rows_at(sandbox, team)
    assert (row["max_budget"], row["rpm_limit"], row["spend"]) == (2, 7, 0.25)
    assert_as_wanted(sandbox, team)
    assert services.follow_team(team.pk) == 0


def test_one_key_can_get_more_and_keeps_it(intern: User, sandbox: Sandbox) -> None:
    team = make_team()
    fresh = issue_in(team, intern)

    assert services.set_key_budget(key=again(fresh.key), budget_usd=Decimal("2.5"), actor=BY_TEST)
    services.change_team(team.pk, rpm_limit=3)
    services.follow_team(team.pk)

    [row] = rows_at(sandbox, team)
    assert (row["max_budget"], row["rpm_limit"]) == (2.5, 3)
    assert services.set_key_budget(key=again(fresh.key), budget_usd=None, actor=BY_TEST)
    assert rows_at(sandbox, team)[0]["max_budget"] == 1
    assert not LimitOverride.objects.exists()


def test_replacing_the_secret_ends_the_old_one_at_once_and_keeps_end_and_spend(intern: User, sandbox: Sandbox) -> None:
    team = make_team()
    old = issue_in(team, intern)
    spend_at(sandbox, old.secret, 0.25)

    new = services.rotate_key(key=again(old.key), actor=BY_TEST)

    assert (ask(sandbox, old.secret), ask(sandbox, new.secret)) == (401, 200)
    [row] = rows_at(sandbox, team)
    assert row["spend"] >= 0.25
    assert_as_wanted(sandbox, team)


def test_a_key_after_a_deleted_one_continues_its_budget(intern: User, sandbox: Sandbox) -> None:
    team = make_team()
    first = issue_in(team, intern)
    spend_at(sandbox, first.secret, 1.25)
    services.end_team_key(key=again(first.key), actor=BY_TEST)

    second = issue_in(team, intern)

    assert ask(sandbox, second.secret) == 422


def test_a_key_of_a_team_follows_no_policy_and_counts_in_no_persons_budget(intern: User, sandbox: Sandbox) -> None:
    allow(max_live_keys=1, person_budget_usd=Decimal(5))
    team = make_team()
    fresh = issue_in(team, intern)
    assert ask(sandbox, fresh.secret) == 200
    assert not list(unadopted())

    own = issue(intern)
    services.sweep_keys()
    services.apply_policies(BY_TEST)

    budget = PersonBudget.objects.get(owner=intern)
    assert budget.team_budget_usd == 5
    assert {token.key_id for token in Token.objects.filter(key__team=None)} == {own.key.pk}
    with pytest.raises(KeyRefused, match="course"):
        services.renew_key(key=again(fresh.key), actor=BY_TEST, early=True)
    assert_as_wanted(sandbox, team)


def test_the_playgrounds_key_of_a_course_is_not_that_of_the_person(intern: User, sandbox: Sandbox) -> None:
    team = make_team(playground_budget_usd=Decimal("0.5"))
    of_course = issue_in(team, intern, kind=Key.Kind.PLAYGROUND)

    use(intern)

    own = Key.objects.get(owner=intern, kind=Key.Kind.PLAYGROUND, team=None)
    assert own.pk != of_course.key.pk
    assert rows_at(sandbox, team)[0]["max_budget"] == 0.5


def test_a_lost_answer_is_repaired_at_the_next_try(intern: User, sandbox: Sandbox) -> None:
    team = make_team()
    sandbox.faults("/key/generate", "drop_after")
    with pytest.raises(GatewayUnavailable):
        issue_in(team, intern)

    issue_in(team, intern)

    assert len(rows_at(sandbox, team)) == 1
    assert_as_wanted(sandbox, team)


def test_failures_at_each_call_are_made_up_for_by_the_next_run(sandbox: Sandbox) -> None:
    team = make_team()
    keys = [issue_in(team, make_intern(f"s{number}")) for number in range(3)]
    actions: dict[str, Callable[[], Team]] = {
        "/key/block": lambda: services.freeze_team(team.pk),
        "/key/unblock": lambda: services.thaw_team(team.pk),
        "/key/update": lambda: services.change_team(team.pk, key_budget_usd=Decimal(2)),
        "/team/update": lambda: services.change_team(team.pk, budget_usd=Decimal(50)),
        "/key/delete": lambda: services.end_team(team.pk),
    }
    for path, action in actions.items():
        action()
        sandbox.faults(path, "drop_before", times=9)
        with pytest.raises((GatewayUnavailable, KeyRefused)):
            services.follow_team(team.pk)
        sandbox.clear_faults()
        Key.objects.update(renewing_since=None)  # the deadline of an abandoned change has passed
        services.follow_team(team.pk)
        assert_as_wanted(sandbox, team)
    assert len(keys) == 3


def test_a_deleted_team_and_a_key_taken_out_of_it_are_put_back(intern: User, sandbox: Sandbox) -> None:
    team = make_team()
    fresh = issue_in(team, intern)
    set_at_gateway(sandbox, token_of(fresh.secret), team_id=None)
    services.sync_keys()

    services.follow_teams()
    assert_as_wanted(sandbox, team)

    sandbox.call("POST", "/team/update", body={"team_id": team.gateway_id, "max_budget": 999}).raise_for_status()
    Team.objects.update(checked_at=timezone.now() - timedelta(hours=1))
    services.follow_teams()
    assert_as_wanted(sandbox, team)


def test_a_key_outside_of_its_team_joins_it_by_a_later_run_too(intern: User, sandbox: Sandbox) -> None:
    team = make_team()
    fresh = issue_in(team, intern)
    set_at_gateway(sandbox, token_of(fresh.secret), team_id=None)
    services.sync_keys()
    Key.objects.update(renewing_since=timezone.now())  # it is being changed while the first run repairs the team
    services.follow_teams()
    assert (rows_at(sandbox, team), services.count_differing(team)) == ([], 1)

    Key.objects.update(renewing_since=None)
    services.follow_teams()

    assert len(rows_at(sandbox, team)) == 1
    assert_as_wanted(sandbox, team)


def test_a_key_that_reappears_after_another_took_its_place_is_deleted(intern: User, sandbox: Sandbox) -> None:
    team = make_team()
    lost_at(issue_in(team, intern).key)
    fresh = issue_in(team, intern)

    services.sync_keys()

    assert [row["token"] for row in rows_at(sandbox, team)] == [token_of(fresh.secret)]
    assert_as_wanted(sandbox, team)


def test_a_key_that_reappears_after_its_course_has_ended_is_deleted(intern: User, sandbox: Sandbox) -> None:
    team = make_team()
    lost_at(issue_in(team, intern).key)
    Team.objects.update(ended_at=timezone.now(), state=Team.State.DELETED)

    services.sync_keys()

    assert rows_at(sandbox, team) == []
    assert Key.objects.get().state == Key.State.DELETED


def lost_at(key: Key) -> None:
    """Record a key as missing at the gateway, and for so long that a list of its keys is believed."""
    Token.objects.filter(key=key).update(state=Token.State.GONE)
    about = {"state": Key.State.DELETED, "problem": Key.Problem.GONE, "ended_at": timezone.now()}
    Key.objects.filter(pk=key.pk).update(created_at=timezone.now() - timedelta(hours=1), **about)
