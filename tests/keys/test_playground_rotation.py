"""A new PLAYGROUND_KEY_SECRET: nothing in use breaks, and keys get secrets of the new one in the background."""

import io
from decimal import Decimal

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone
from pytest_django import Settings

from accounts.models import User
from keys import services
from keys.models import Key, Token
from keys.tasks import replace_playground_secrets
from tests.factories import make_intern
from tests.keys.actions import assert_at_rest, works
from tests.keys.playground_actions import row_of, said, spend_at, use
from tests.keys.team_actions import make_team
from tests.keys.test_course_playground_key import use_in
from tests.sandbox_process import Sandbox

pytestmark = pytest.mark.django_db
FORMER, NEW = "former " * 8, "new " * 12


@pytest.fixture(autouse=True)
def former(settings: Settings) -> None:
    settings.PLAYGROUND_KEY_SECRET = FORMER


def rotate(settings: Settings) -> None:
    settings.PLAYGROUND_KEY_SECRET, settings.PLAYGROUND_KEY_SECRET_FALLBACKS = NEW, [FORMER]


def test_a_former_secret_is_used_until_the_task_replaces_it_and_then_for_its_grace(
    intern: User, sandbox: Sandbox, settings: Settings
) -> None:
    before = use(intern)
    spend_at(sandbox, before, 0.5)
    replace_playground_secrets.run()
    assert use(intern) == before  # nothing is outdated

    rotate(settings)
    assert use(intern) == before
    replace_playground_secrets.run()

    after = use(intern)
    assert after != before
    assert works(sandbox, before)
    assert works(sandbox, after)
    assert Decimal(str(row_of(sandbox, after)["spend"])) >= Decimal("0.5")
    settings.PLAYGROUND_KEY_SECRET_FALLBACKS = []
    assert use(intern) == after
    assert said() == [("issue", "done"), ("rotate", "done")]
    Token.objects.filter(state=Token.State.RETIRING).update(retires_at=timezone.now())
    services.sweep_keys()
    assert (works(sandbox, before), works(sandbox, after)) == (False, True)
    assert_at_rest(sandbox)


def test_nodes_with_the_former_and_the_new_one_use_the_same_keys(
    intern: User, sandbox: Sandbox, settings: Settings
) -> None:
    rotate(settings)
    of_new_node = use(intern)

    settings.PLAYGROUND_KEY_SECRET, settings.PLAYGROUND_KEY_SECRET_FALLBACKS = FORMER, [NEW]

    assert use(intern) == of_new_node
    assert Key.objects.count() == 1


def test_in_a_course_the_former_secret_ends_at_once_and_the_budget_goes_on(
    intern: User, sandbox: Sandbox, settings: Settings
) -> None:
    team = make_team(playground_budget_usd=Decimal("0.5"))
    before = use_in(team, intern)
    spend_at(sandbox, before, 0.2)
    rotate(settings)
    assert use_in(team, intern) == before

    replace_playground_secrets.run()

    after = use_in(team, intern)
    assert (works(sandbox, before), works(sandbox, after)) == (False, True)
    assert row_of(sandbox, after)["team_id"] == team.gateway_id
    assert row_of(sandbox, after)["spend"] >= 0.2


def test_a_blocked_key_and_a_gateway_that_fails_are_left_and_said(
    intern: User, sandbox: Sandbox, settings: Settings
) -> None:
    blocked, before = use(make_intern("blocked")), use(intern)
    Key.objects.exclude(owner=intern).update(blocked=True)
    rotate(settings)
    sandbox.faults("/key/generate", "error", status=500)
    with pytest.raises(CommandError, match="Run this again"):
        call_command("replace_playground_secrets", stdout=io.StringIO())
    assert use(intern) == before
    services.sweep_keys()

    said_then = io.StringIO()
    call_command("replace_playground_secrets", stdout=said_then)

    assert said_then.getvalue() == "Replaced: 1 keys. Left, until their next use: 1.\n"
    assert use(intern) != before
    settings.PLAYGROUND_KEY_SECRET_FALLBACKS = []
    Key.objects.update(blocked=False)
    assert use(Key.objects.exclude(owner=intern).get().owner) != blocked
