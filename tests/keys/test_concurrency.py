"""Concurrent actions: a limit of the policy holds, and one rotation wins."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from functools import partial

import pytest
from django.db import connection, connections, transaction

from accounts.models import AuditEntry, User
from keys import services
from keys.models import Key, Team
from keys.services.delete import mark_gone
from tests.factories import change_policies, make_staff
from tests.keys.actions import BY_TEST, again, assert_at_rest, issue
from tests.keys.team_actions import issue_in, make_team
from tests.sandbox_process import Sandbox
from tests.waiting import wait_until, waiting_for_locks

pytestmark = pytest.mark.django_db(transaction=True)


def at_once(actions: list[Callable[[], object]]) -> list[str]:
    """Run all in threads of their own; return the codes of the refusals."""

    def run(action: Callable[[], object]) -> str:
        try:
            action()
        except services.KeyRefused as refusal:
            return refusal.code
        finally:
            connections.close_all()
        return ""

    with ThreadPoolExecutor(len(actions)) as pool:
        return [code for code in pool.map(run, actions) if code]


def test_twenty_creates_at_once_make_the_three_keys_that_are_allowed(intern: User, sandbox: Sandbox) -> None:
    refused = at_once([lambda n=n: issue(intern, f"key {n}") for n in range(20)])  # type: ignore[misc]

    assert refused == ["limit"] * 17
    assert len(sandbox.live_keys()) == 3
    assert Key.objects.live().count() == 3
    assert_at_rest(sandbox)


def test_ten_creates_with_one_label_make_one_key(staff: User, sandbox: Sandbox) -> None:
    refused = at_once([lambda: issue(staff, "thesis") for _ in range(10)])

    assert refused == ["label"] * 9
    assert len(sandbox.live_keys()) == 1


def test_twelve_first_uses_of_the_playground_at_once_make_one_key(intern: User, sandbox: Sandbox) -> None:
    secrets: list[str] = []

    refused = at_once([lambda: secrets.append(services.playground_secret(owner=intern, actor=BY_TEST))] * 12)

    assert refused == []
    assert (len(secrets), len(set(secrets))) == (12, 1)
    assert len(sandbox.live_keys()) == 1
    assert list(AuditEntry.objects.values_list("action", "outcome")) == [("issue", "done")]
    assert_at_rest(sandbox)


def test_uses_of_the_playground_at_once_leave_it_as_the_policy_says(intern: User, sandbox: Sandbox) -> None:
    services.playground_secret(owner=intern, actor=BY_TEST)
    change_policies(playground__budget_usd=Decimal(1))

    refused = at_once([lambda: services.playground_secret(owner=intern, actor=BY_TEST)] * 8)

    assert refused == []
    [row] = sandbox.live_keys()
    assert (row["max_budget"], Key.objects.get().budget_usd) == (1.0, Decimal(1))
    assert AuditEntry.objects.filter(action="limit").count() == 1
    assert_at_rest(sandbox)


def test_two_rotations_at_once_make_one_new_secret(intern: User, sandbox: Sandbox) -> None:
    key = issue(intern).key

    refused = at_once([lambda: services.rotate_key(key=again(key), actor=BY_TEST) for _ in range(4)])

    assert refused == ["replacing"] * 3
    assert len(sandbox.live_keys()) == 2


def test_deletion_and_rotation_at_once_leave_both_sides_the_same(intern: User, sandbox: Sandbox) -> None:
    key = issue(intern).key

    at_once(
        [
            lambda: services.rotate_key(key=again(key), actor=BY_TEST),
            lambda: services.delete_key(key=again(key), actor=BY_TEST),
        ]
    )
    services.sweep_keys()

    assert_at_rest(sandbox)


@pytest.mark.only_on("postgresql")
@pytest.mark.parametrize(("change", "table"), [("hand over", "keys_formerowner"), ("mark as gone", "keys_token")])
def test_a_top_up_and_another_change_of_a_key_take_their_locks_in_one_order(
    staff: User, sandbox: Sandbox, change: str, table: str
) -> None:
    """Each is held up where it may have its first lock only, and then goes on: PostgreSQL finds no deadlock."""
    team, other = make_team(), make_staff("other")
    key = issue_in(team, staff, handed_out=True).key
    top_up = partial(services.top_up_team_keys, team_id=team.pk, key_ids=[key.pk], amount_usd=Decimal(1), actor=BY_TEST)
    actions: dict[str, Callable[[], object]] = {
        "hand over": lambda: services.give_team_key(key=again(key), to=other, actor=BY_TEST),
        "mark as gone": lambda: mark_gone(again(key).tokens.get()),
    }
    with ThreadPoolExecutor(2) as pool:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(f"LOCK TABLE {table} IN SHARE MODE")
            running = [pool.submit(_in_thread, actions[change])]
            wait_until(lambda: waiting_for_locks() == 1)
            running.append(pool.submit(_in_thread, top_up))
            wait_until(lambda: waiting_for_locks() == 2)
        for each in running:
            each.result()
    assert Team.objects.get().checked_at is None


def _in_thread(action: Callable[[], object]) -> None:
    try:
        action()
    finally:
        connections.close_all()
