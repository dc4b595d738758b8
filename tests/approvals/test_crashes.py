"""A process that is killed at any line while a grant starts or ends: the next run of the task repairs it."""

from collections.abc import Callable
from itertools import count
from pathlib import Path

import pytest
from django.test import override_settings

import approvals.services
import keys.services
from accounts.models import AccessRequest, Grant, User
from accounts.policies import policy_of
from approvals import services
from keys.services import sweep_keys
from tests.approvals.conftest import approve, ask
from tests.approvals.test_at_once import give as give_at_once
from tests.approvals.test_grants import expire
from tests.factories import change_policies
from tests.keys.actions import assert_at_rest, issue
from tests.keys.crashes import killed_at_step
from tests.keys.test_person_budget import row_at, team
from tests.sandbox_process import Sandbox

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning"),
    pytest.mark.timeout(300),
]

FOLDERS = [str(Path(module.__file__ or "").parent) for module in (approvals.services, keys.services)]


def granting(person: User, decider: User) -> Callable[[], object]:
    """Return the action of approving a request, all that was granted before being over."""
    _be_over(person)
    request = AccessRequest.objects.filter(person=person, state="open").first() or ask(person)
    return lambda: approve(request, decider)


def at_once(person: User, _decider: User) -> Callable[[], object]:
    """Return the action of asking for what the policy grants at once."""
    _be_over(person)
    change_policies(at_once_usd=Grant.objects.count() * 2 + 2)

    def give() -> None:
        if grant := give_at_once(person, "2"):
            services.apply_grant(grant)

    return give


def ending(person: User, decider: User) -> Callable[[], object]:
    """Return the action of taking away what is over."""
    _be_over(person)
    approve(ask(person), decider)
    expire(person)
    return services.apply_due_grants


def _be_over(person: User) -> None:
    expire(person)
    services.apply_due_grants()


@pytest.mark.parametrize(
    ("prepare", "folder"),
    [(granting, FOLDERS[0]), (granting, FOLDERS[1]), (at_once, FOLDERS[0]), (ending, FOLDERS[1])],
)
def test_is_repaired_after_a_kill_at_any_line(
    intern: User,
    decider: User,
    sandbox: Sandbox,
    prepare: Callable[[User, User], Callable[[], object]],
    folder: str,
) -> None:
    secrets = [issue(intern, label).secret for label in ("one", "other")]
    for step in count(1):
        if not killed_at_step(step, prepare(intern, decider), folder):
            break
        with override_settings(KEY_ANSWER_DEADLINE_S=0):
            sweep_keys()
        services.apply_due_grants()
        _assert_whole(intern, secrets, sandbox)

    assert step > 1


def _assert_whole(person: User, secrets: list[str], sandbox: Sandbox) -> None:
    """Check that the gateway has what the rows say, and that a request is approved only with its grant."""
    wanted = float(policy_of(person).person_budget_usd or 0)
    assert team(sandbox, person)["max_budget"] == wanted
    assert {row_at(sandbox, secret)["max_budget"] for secret in secrets} == {wanted}
    assert not Grant.objects.unapplied().exists()
    assert AccessRequest.objects.filter(state="approved").count() == Grant.objects.count()
    assert_at_rest(sandbox)
