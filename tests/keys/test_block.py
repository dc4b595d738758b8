"""A block of an admin: nothing that happens at the same time, or fails, undoes it or leaves half of it."""

from functools import partial
from itertools import count

import pytest
from django.test import override_settings
from pytest_django import Settings

from accounts.models import User
from gateway.errors import GatewayError, GatewayUnavailable
from keys import services
from keys.models import Key
from keys.services.block import is_blocked_by_admin
from keys.services.ceilings import hold_keys_of
from keys.services.claim import claim, release
from keys.services.stay import end_with_stay
from tests.factories import make_staff
from tests.keys.actions import BY_TEST, again, issue
from tests.keys.crashes import killed_at_step
from tests.ports import free_port
from tests.sandbox_process import Sandbox
from usage.models import utc_today

FLAGS = ("blocked", "blocked_by_portal", "blocked_for_budget", "paused_at")


@pytest.fixture
def key(intern: User, sandbox: Sandbox) -> Key:
    return issue(intern).key


def blocked_at(sandbox: Sandbox) -> list[bool]:
    """Return of each key at the gateway whether it is blocked."""
    return [bool(row["blocked"]) for row in sandbox.live_keys()]


def flags_of(key: Key) -> list[object]:
    return [getattr(again(key), name) for name in FLAGS]


def block(key: Key) -> None:
    services.block_key(key=again(key), actor=BY_TEST)


def stop(key: Key, how: str) -> None:
    """Have a key blocked by its owner ("pause"), or for their budget ("hold"), or both ("pause, hold")."""
    if "pause" in how:
        services.pause_key(key=again(key), actor=BY_TEST)
    if "hold" in how:
        hold_keys_of({key.owner_id})


def sweep() -> None:
    with override_settings(KEY_ANSWER_DEADLINE_S=0):
        services.sweep_keys()


def test_an_end_recorded_from_an_older_read_does_not_bring_a_pause_back(sandbox: Sandbox, db: None) -> None:
    key = issue(make_staff(), intern_name="Ines", stay_ends_on=utc_today()).key
    stop(key, "pause")
    as_read = again(key)
    block(key)

    assert end_with_stay(as_read)

    assert is_blocked_by_admin(again(key))


@pytest.mark.parametrize("how", ["", "pause", "hold", "pause, hold"])
def test_a_block_that_failed_for_certain_has_changed_nothing(
    key: Key, sandbox: Sandbox, settings: Settings, how: str
) -> None:
    stop(key, how)
    before = flags_of(key)
    settings.GATEWAY_URL = f"http://127.0.0.1:{free_port()}"

    with pytest.raises(GatewayUnavailable):
        block(key)

    assert flags_of(key) == before


@pytest.mark.parametrize("how", ["pause", "hold", "pause, hold"])
def test_a_block_whose_answer_was_lost_outlasts_pause_and_budget(key: Key, sandbox: Sandbox, how: str) -> None:
    stop(key, how)
    sandbox.faults("/key/block", "drop_after")
    with pytest.raises(GatewayUnavailable):
        block(key)

    sweep()
    hold_keys_of(set())

    assert is_blocked_by_admin(again(key))
    assert blocked_at(sandbox) == [True]


@pytest.mark.django_db(transaction=True)
@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
@pytest.mark.parametrize("how", ["pause", "hold"])
def test_a_kill_leaves_the_block_of_before_or_that_of_the_admin(key: Key, sandbox: Sandbox, how: str) -> None:
    untouched = 0
    for step in count(1):
        Key.objects.update(blocked_for_budget=False, paused_at=None)
        if again(key).blocked:
            services.unblock_key(key=again(key), actor=BY_TEST)
        stop(key, how)
        before = flags_of(key)
        if not killed_at_step(step, partial(block, key)):
            break
        sweep()

        assert blocked_at(sandbox) == [True]
        untouched += flags_of(key) == before
        assert is_blocked_by_admin(again(key)) or flags_of(key) == before

    assert step > 4
    assert untouched == 2  # at the start, and with the claim only: later the gateway may have the block


@pytest.mark.parametrize("fault", ["error", "drop_before"])
@pytest.mark.parametrize("action", ["pause", "block", "unblock"])
def test_the_sweep_brings_both_secrets_of_a_rotation_to_the_same_state(
    key: Key, sandbox: Sandbox, action: str, fault: str
) -> None:
    services.rotate_key(key=again(key), actor=BY_TEST)
    if action == "unblock":
        block(key)
    before = flags_of(key)
    path = "/key/unblock" if action == "unblock" else "/key/block"
    sandbox.faults(path, fault, skip=1, times=5, **({"status": 400} if fault == "error" else {}))
    with pytest.raises(GatewayError):
        getattr(services, f"{action}_key")(key=again(key), actor=BY_TEST)
    sandbox.clear_faults()

    sweep()

    is_blocked = again(key).blocked
    assert blocked_at(sandbox) == [is_blocked, is_blocked]
    assert action == "unblock" or flags_of(key) == before


@pytest.mark.parametrize("reason", ["budget", "owner"])
def test_no_task_touches_a_key_that_somebody_is_changing(key: Key, sandbox: Sandbox, reason: str) -> None:
    def run(*, stopped: bool) -> None:
        if reason == "budget":
            hold_keys_of({key.owner_id} if stopped else set())
        else:
            User.objects.filter(pk=key.owner_id).update(is_active=not stopped)
            services.sweep_keys()

    for stopped in (True, False):
        claim(again(key))
        run(stopped=stopped)
        assert blocked_at(sandbox) == [not stopped]
        release(key, repair=False)
        run(stopped=stopped)
        assert blocked_at(sandbox) == [stopped]


class Overtaken(set[int]):
    """People over their budget, that are looked up while an admin blocks a key."""

    def __init__(self, key: Key) -> None:
        self.key = key

    def __contains__(self, owner: object) -> bool:
        block(self.key)
        return False


def test_a_budget_that_is_reset_undoes_no_block_of_an_admin(key: Key, sandbox: Sandbox) -> None:
    stop(key, "hold")

    assert hold_keys_of(Overtaken(key)) == 0

    assert is_blocked_by_admin(again(key))
    assert blocked_at(sandbox) == [True]
