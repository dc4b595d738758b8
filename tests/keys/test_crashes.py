"""A process that is killed at any line of any action on a key: the sweep makes both sides agree, in a final state."""

from collections.abc import Callable
from datetime import datetime, timedelta
from decimal import Decimal
from functools import partial
from itertools import count

import pytest
from django.test import override_settings
from django.urls import reverse
from django.utils import timezone

from accounts.models import User
from keys import services
from keys.models import Intern, Key, LeakReport, PersonBudget, Token
from keys.services.person_budget import check_budget, team_id_of
from tests.conftest import signed_in
from tests.factories import change_policies, make_staff
from tests.keys.actions import BY_TEST, again, assert_at_rest, ending_in, issue, live_token
from tests.keys.crashes import killed_at_step
from tests.sandbox_process import Sandbox

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning"),
    pytest.mark.timeout(180),
]

STEPS_AT_LEAST = 4  # of each act: fewer would mean that nothing was traced


def issuing(owner: User, sandbox: Sandbox) -> Callable[[], object]:
    """Return the action of issuing another key, with limits that its owner chose."""
    label = f"key {Key.objects.count()}"
    Key.objects.filter(state=Key.State.ACTIVE).update(kind=Key.Kind.EXTERNAL)
    return lambda: issue(owner, label, budget_usd=Decimal(1), model_names=("gpt-4o-mini",))


def renewing(owner: User, sandbox: Sandbox) -> Callable[[], object]:
    """Return the action of renewing a key that is due."""
    key = ending_in(_the_key(owner), sandbox, days=3)
    return lambda: services.renew_key(key=key, actor=BY_TEST)


def rotating(owner: User, sandbox: Sandbox) -> Callable[[], object]:
    """Return the action of rotating a key."""
    key = _the_key(owner)
    if key.retiring:
        services.end_old_secret(key=key, actor=BY_TEST)
    return lambda: services.rotate_key(key=again(key), actor=BY_TEST)


def replacing_a_leaked_secret(owner: User, sandbox: Sandbox) -> Callable[[], object]:
    """Return the action of replacing a leaked secret during the grace of a rotation."""
    key = _the_key(owner)
    if not key.retiring:
        services.rotate_key(key=key, actor=BY_TEST)
    return lambda: services.replace_leaked_secret(key=again(key), actor=BY_TEST)


def replacing_a_leaked_secret_that_is_paused(owner: User, sandbox: Sandbox) -> Callable[[], object]:
    """Return the action of replacing the leaked secret of a paused key."""
    key = _the_key(owner)
    if not key.blocked:
        services.pause_key(key=key, actor=BY_TEST)
    return lambda: services.replace_leaked_secret(key=again(key), actor=BY_TEST)


def ending_a_reported_key(owner: User, sandbox: Sandbox) -> Callable[[], object]:
    """Return the action of ending a key with two secrets, of which the new one was reported as leaked."""
    key = _the_key(owner)
    if not key.retiring:
        services.rotate_key(key=key, actor=BY_TEST)
    token = Token.objects.get(key=key, state=Token.State.LIVE)
    leak = services.Leak(digest=token.token or "", source=LeakReport.Source.GITHUB)
    return lambda: services.end_leaked_token(token, leak, BY_TEST)


def ending_the_old(owner: User, sandbox: Sandbox) -> Callable[[], object]:
    """Return the action of ending a rotation's grace."""
    key = _the_key(owner)
    if not key.retiring:
        services.rotate_key(key=key, actor=BY_TEST)
    return lambda: services.end_old_secret(key=again(key), actor=BY_TEST)


def changing_a_stay(owner: User, sandbox: Sandbox) -> Callable[[], object]:
    """Return the action of changing the end of an intern's stay, once to an earlier day, once to a later."""
    key = _the_key(owner)
    intern, _made = Intern.objects.get_or_create(supervisor=owner, name="Intern B")
    Key.objects.filter(pk=key.pk).update(intern=intern)
    days = 9 if intern.stay_ends_on is None or intern.stay_ends_on == timezone.localdate() + timedelta(days=3) else 3
    ends_on = timezone.localdate() + timedelta(days=days)
    return lambda: services.change_stay(intern=intern, ends_on=ends_on, actor=BY_TEST)


def handing_over(owner: User, sandbox: Sandbox) -> Callable[[], object]:
    """Return the action of handing an intern over who has a key with two secrets, to and fro."""
    if not Intern.objects.exists():
        key = issue(owner, "of Ada", intern_name="Ada").key
        services.rotate_key(key=again(key), actor=BY_TEST)
        make_staff("other")
    intern = Intern.objects.get()
    assert {key.owner_id for key in intern.keys.all()} == {intern.supervisor_id}
    assert {row["user_id"] for row in sandbox.live_keys()} == {intern.supervisor.gateway_user_id}
    to = User.objects.filter(username__in=(owner.username, "other")).exclude(pk=intern.supervisor_id).get()
    return lambda: services.hand_over(intern=intern, to=to, actor=BY_TEST)


def deleting(owner: User, sandbox: Sandbox) -> Callable[[], object]:
    """Return the action of deleting a key."""
    key = _the_key(owner)
    return lambda: services.delete_key(key=key, actor=BY_TEST)


def first_using_the_playground(owner: User, sandbox: Sandbox) -> Callable[[], object]:
    """Return the action of using the Playground without a key for it, after one that was deleted."""
    for key in Key.objects.filter(owner=owner, state=Key.State.ACTIVE):
        services.delete_key(key=key, actor=BY_TEST)
    return lambda: services.playground_secret(owner=owner, actor=BY_TEST)


def bringing_the_playground_to_the_policy(owner: User, sandbox: Sandbox) -> Callable[[], object]:
    """Return the action of using the Playground after its end and another budget in the policy."""
    services.playground_secret(owner=owner, actor=BY_TEST)
    key = Key.objects.get(owner=owner, state=Key.State.ACTIVE)
    ending_in(key, sandbox, days=-1)
    change_policies(playground__budget_usd=(key.budget_usd or 0) + 1)
    return lambda: services.playground_secret(owner=owner, actor=BY_TEST)


def issuing_with_a_new_team(owner: User, sandbox: Sandbox) -> Callable[[], object]:
    """Return the action of issuing a person's first key, with which their team is made."""
    _without_team(owner, sandbox)
    return lambda: issue(owner, f"key {Key.objects.count()}")


def joining_a_team(owner: User, sandbox: Sandbox) -> Callable[[], object]:
    """Return the action of bringing a key into the team that its owner did not have before."""
    _without_team(owner, sandbox)
    change_policies(person_budget_usd=None)
    issue(owner, f"key {Key.objects.count()}")
    change_policies(person_budget_usd=100)
    return lambda: check_budget(owner)


def _without_team(owner: User, sandbox: Sandbox) -> None:
    """Let the person be as before their first key."""
    for key in Key.objects.filter(owner=owner, state=Key.State.ACTIVE):
        services.delete_key(key=again(key), actor=BY_TEST)
    sandbox.call("POST", "/team/delete", body={"team_ids": [team_id_of(owner)]})  # 404 where there is none
    PersonBudget.objects.all().delete()


def _the_key(owner: User) -> Key:
    """Return the person's key, made anew when it is gone."""
    found = Key.objects.filter(owner=owner, state=Key.State.ACTIVE).first() or issue(owner).key
    return again(found)


ACTIONS = [
    issuing,
    renewing,
    rotating,
    replacing_a_leaked_secret,
    replacing_a_leaked_secret_that_is_paused,
    ending_a_reported_key,
    ending_the_old,
    changing_a_stay,
    handing_over,
    deleting,
    first_using_the_playground,
    bringing_the_playground_to_the_policy,
    issuing_with_a_new_team,
    joining_a_team,
]


@pytest.mark.parametrize("prepare", ACTIONS)
def test_is_repaired_after_a_kill_at_any_line(
    staff: User, sandbox: Sandbox, prepare: Callable[[User, Sandbox], Callable[[], object]]
) -> None:
    for step in count(1):
        if not killed_at_step(step, prepare(staff, sandbox)):
            break
        with override_settings(KEY_ANSWER_DEADLINE_S=0):
            services.sweep_keys()
        assert_at_rest(sandbox)

    assert step > STEPS_AT_LEAST


def test_renewing_all_goes_on_after_a_kill_between_two_keys(staff: User, sandbox: Sandbox) -> None:
    keys, client, halves = [issue(staff, label).key for label in ("one", "two")], signed_in(staff), 0
    soon = timezone.now() + timedelta(days=4)
    for step in count(1):
        listed = {"key": [str(ending_in(key, sandbox, days=3).pk) for key in keys]}
        if not killed_at_step(step, partial(client.post, reverse("keys:renew_all"), listed)):
            break
        with override_settings(KEY_ANSWER_DEADLINE_S=0):
            services.sweep_keys()

        assert_at_rest(sandbox)
        at_gateway = {row["token"]: datetime.fromisoformat(row["expires"]) > soon for row in sandbox.live_keys()}
        renewed = [at_gateway[live_token(key)] for key in keys]
        assert [is_later(key, soon) for key in keys] == renewed
        halves += len(set(renewed)) > 1
        assert client.post(reverse("keys:renew_all"), listed).status_code == (409 if all(renewed) else 302)
        assert all(is_later(key, soon) for key in keys)

    assert step > STEPS_AT_LEAST
    assert halves


def is_later(key: Key, when: datetime) -> bool:
    """Tell whether a key expires after this time."""
    end = again(key).expires_at
    return end is not None and end > when
