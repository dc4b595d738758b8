"""A person's Playground key of a course: made at first use, with the course's limits and end."""

from collections.abc import Callable
from decimal import Decimal

import pytest
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries, Settings

from accounts.models import User
from gateway.django import get_gateway
from gateway.secret import Secret, token_of
from keys import services
from keys.models import Key, Team, Token
from keys.services.refusals import KeyRefused
from keys.services.restore import adopt_ours
from tests.keys.actions import BY_TEST, again, delete_at_gateway, ending_in, set_at_gateway
from tests.keys.playground_actions import row_of, said, spend_at, the_key, use
from tests.keys.team_actions import assert_as_wanted, issue_in, make_team, rows_at
from tests.sandbox_process import Sandbox

pytestmark = pytest.mark.django_db


@pytest.fixture
def team(sandbox: Sandbox) -> Team:
    """Return a team with a budget for the Playground."""
    return make_team(playground_budget_usd=Decimal("0.5"), model_names=["gpt-4o-mini"], rpm_limit=20)


def use_in(team: Team, owner: User, wait_s: float = 10) -> Secret:
    """Return the secret with which the course pays for this person."""
    return services.course_playground_secret(owner=owner, team_id=team.pk, actor=BY_TEST, wait_s=wait_s)


def answers(sandbox: Sandbox, secret: str) -> bool:
    """Tell whether the gateway answers a call with this secret."""
    body = {"model": "gpt-4o-mini", "messages": [{"role": "user", "content": "hi [words 1]"}]}
    return bool(sandbox.call("POST", "/v1/chat/completions", key=secret, body=body).ok)


def reason_in(team: Team, owner: User) -> str:
    """Return why the course does not pay for this person."""
    with pytest.raises(KeyRefused) as refused:
        use_in(team, owner, wait_s=0.2)
    return refused.value.reason


def test_has_the_limits_and_the_end_of_its_course(intern: User, team: Team, sandbox: Sandbox) -> None:
    of_course, own = issue_in(team, intern), use(intern)

    secret = use_in(team, intern)

    row = row_of(sandbox, secret)
    assert (row["max_budget"], row["budget_duration"], row["models"]) == (0.5, None, ["gpt-4o-mini"])
    assert (row["rpm_limit"], row["team_id"]) == (20, team.gateway_id)
    assert len({secret, own, of_course.secret}) == 3
    assert answers(sandbox, secret)
    assert use_in(team, intern) == secret
    assert len(rows_at(sandbox, team)) == 2
    assert_as_wanted(sandbox, team)
    assert said()[-1] == ("issue", "done")


def test_costs_three_queries_when_all_is_well(
    intern: User, team: Team, settings: Settings, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    secret = use_in(team, intern)
    settings.GATEWAY_URL = "http://127.0.0.1:1"  # where nobody answers

    with django_assert_num_queries(3):
        assert use_in(team, intern) == secret


def test_freeze_thaw_and_end_are_those_of_the_course(intern: User, team: Team, sandbox: Sandbox) -> None:
    secret = use_in(team, intern)
    services.freeze_team(team.pk)
    assert reason_in(team, intern) == "team.frozen"
    services.follow_team(team.pk)
    assert not answers(sandbox, secret)

    services.thaw_team(team.pk)
    assert reason_in(team, intern) == "being_made"  # the task has not come to it yet
    services.follow_team(team.pk)
    assert use_in(team, intern) == secret
    assert answers(sandbox, secret)

    services.end_team(team.pk)
    assert reason_in(team, intern) == "team.ended"
    services.follow_team(team.pk)
    assert_as_wanted(sandbox, team)
    assert not answers(sandbox, secret)
    assert Key.objects.get().problem == Key.Problem.COURSE_ENDED


def test_is_not_made_where_the_course_does_not_pay(intern: User, sandbox: Sandbox) -> None:
    reasons = {
        "team.playground": make_team(),
        "team.frozen": make_team(playground_budget_usd=1, frozen_at=timezone.now()),
        "team.ended": make_team(playground_budget_usd=1, ends_at=timezone.now()),
    }

    assert {reason_in(team, intern) for team in reasons.values()} == set(reasons)
    assert not Key.objects.exists()


def test_is_changed_before_it_is_used_under_new_limits(intern: User, team: Team, sandbox: Sandbox) -> None:
    secret = use_in(team, intern)
    Team.objects.filter(pk=team.pk).update(playground_budget_usd=2, model_names=["claude-3-haiku"])

    assert use_in(team, intern) == secret

    assert (row_of(sandbox, secret)["max_budget"], row_of(sandbox, secret)["models"]) == (2, ["claude-3-haiku"])
    Team.objects.filter(pk=team.pk).update(playground_budget_usd=None)
    assert reason_in(team, intern) == "team.playground"
    assert services.count_differing(Team.objects.get()) == 0


def test_a_later_end_brings_back_an_expired_one(intern: User, team: Team, sandbox: Sandbox) -> None:
    secret = use_in(team, intern)
    ending_in(the_key(), sandbox, days=-1)
    assert not answers(sandbox, secret)

    assert use_in(team, intern) == secret

    assert answers(sandbox, secret)
    assert_as_wanted(sandbox, team)


def test_a_slow_database_alone_is_no_reason_to_refuse(intern: User, team: Team, sandbox: Sandbox) -> None:
    secret = use_in(team, intern, wait_s=0)
    ending_in(the_key(), sandbox, days=-1)

    assert use_in(team, intern, wait_s=0) == secret


def test_who_can_unblock_it(intern: User, team: Team) -> None:
    secret, of_course = use_in(team, intern), issue_in(team, intern).key
    services.pause_key(key=the_key(), actor=BY_TEST)
    assert reason_in(team, intern) == "blocked.playground_paused"
    services.resume_key(key=the_key(), actor=BY_TEST)
    services.block_key(key=the_key(), actor=BY_TEST)
    assert reason_in(team, intern) == "blocked.playground"
    services.unblock_key(key=the_key(), actor=BY_TEST)

    services.block_key(key=again(of_course), actor=BY_TEST, as_teacher=True)

    assert reason_in(team, intern) == "blocked.team_playground"
    services.unblock_key(key=again(of_course), actor=BY_TEST, as_teacher=True)
    assert use_in(team, intern) == secret


def gone_at_the_gateway(sandbox: Sandbox) -> None:
    delete_at_gateway(sandbox, the_key())
    key = the_key()
    assert key.team_id is not None
    services.recheck_course_playground_key(key.owner, key.team_id)


def deleted_by_its_owner(sandbox: Sandbox) -> None:
    services.delete_key(key=the_key(), actor=BY_TEST)


@pytest.mark.parametrize("end", [gone_at_the_gateway, deleted_by_its_owner])
def test_the_next_one_goes_on_with_the_budget(
    intern: User, team: Team, sandbox: Sandbox, settings: Settings, end: Callable[[Sandbox], None]
) -> None:
    first = use_in(team, intern)
    spend_at(sandbox, first, 0.2)

    end(sandbox)
    settings.PLAYGROUND_KEY_SECRET = settings.PLAYGROUND_KEY_SECRET[::-1]  # then another follows at once
    second = use_in(team, intern)

    assert second != first
    assert row_of(sandbox, second)["spend"] == 0.2
    budget_status = services.course_playground_budget(intern, team.pk)
    assert budget_status is not None
    assert (budget_status.budget_usd, budget_status.left_usd) == (Decimal("0.5"), Decimal("0.3"))


def test_returns_to_its_course_when_it_was_taken_out(intern: User, team: Team, sandbox: Sandbox) -> None:
    secret = use_in(team, intern)
    Token.objects.update(in_team=False)
    set_at_gateway(sandbox, token_of(secret), team_id=None)

    assert use_in(team, intern) == secret

    assert row_of(sandbox, secret)["team_id"] == team.gateway_id
    assert_as_wanted(sandbox, team)


def test_after_a_restore_it_is_the_courses_or_was_made_outside(intern: User, team: Team, sandbox: Sandbox) -> None:
    secret = use_in(team, intern)
    info = get_gateway().keys.info(token_of(secret))
    Token.objects.all().delete()
    Key.objects.all().delete()

    assert adopt_ours(intern, info)
    assert (the_key().team, the_key().handed_out) == (team, False)
    assert use_in(team, intern) == secret

    Token.objects.all().delete()
    Key.objects.all().delete()
    Team.objects.all().delete()
    assert adopt_ours(intern, info)
    assert Key.objects.get().kind == Key.Kind.EXTERNAL
