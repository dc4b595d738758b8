"""A worker that is killed at any line of a poll leaves complete days, and the next poll corrects everything."""

from datetime import date
from itertools import count
from pathlib import Path
from typing import Any

import pytest

import usage.services
from accounts.models import User
from keys.models import Key
from tests.keys.crashes import killed_at_line, killed_at_step
from tests.sandbox_process import Sandbox
from tests.usage.polling import (
    assert_sums_are_right,
    end_cooldown,
    expire_lease,
    make_key,
    make_team,
    poll,
    report_day,
    spent,
    used,
    yesterday,
)
from usage.models import PollRun, TokenRef, UsageState, utc_today

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning"),
    pytest.mark.timeout(600),
]
SERVICES = str(Path(usage.services.__file__).parent)
STEPS_AT_LEAST = 14  # fewer would mean that not all was traced
A, B, C = "a" * 64, "b" * 64, "c" * 64


def change(sandbox: Sandbox, number: int) -> None:
    """Let both days change at the gateway: a row more expensive, one gone or back, one of a token that is new."""
    for day in (yesterday(), utc_today()):
        rows = [used(A, ok=number), used(f"{number:064x}", usd="0.5")]
        report_day(sandbox, day, *rows, *([used(B)] if number % 2 else []))


def poll_both() -> PollRun:
    return poll(yesterday(), utc_today())


@pytest.fixture
def polled(intern: User, sandbox: Sandbox) -> None:
    """Let both days have been polled once."""
    make_key(intern, A, kind=Key.Kind.COURSE, team=make_team())
    change(sandbox, 1)
    poll_both()


def changed(sandbox: Sandbox, number: int) -> dict[date, Any]:
    """Let both days change, and allow a poll at once; return what is known of them."""
    change(sandbox, number)
    end_cooldown()
    return {day: spent(day) for day in (yesterday(), utc_today())}


def assert_repaired(before: dict[date, Any], number: int) -> None:
    """Check that a kill left whole days, and that the next poll finds everything right."""
    assert_sums_are_right()
    between = {day: spent(day) for day in before}

    expire_lease()
    assert poll_both().outcome == "done"

    after = {day: spent(day) for day in before}
    assert all(between[day] in (before[day], after[day]) for day in before)
    assert len(after[utc_today()]) == (3 if number % 2 else 2)
    assert_sums_are_right()
    assert not PollRun.objects.filter(outcome=PollRun.Outcome.RUNNING).exists()
    assert UsageState.load().failing_since is None
    owned = TokenRef.objects.exclude(key=None).values_list("token", "owner__username")
    assert set(owned) == {(A, "intern")}


def test_is_repaired_from_a_kill_at_any_step(polled: None, sandbox: Sandbox) -> None:
    for step in count(1):
        before = changed(sandbox, step + 1)
        if not killed_at_step(step, poll_both, SERVICES):
            break
        assert_repaired(before, step + 1)

    assert step > STEPS_AT_LEAST


def test_is_repaired_from_a_kill_amid_a_transaction(polled: None, sandbox: Sandbox) -> None:
    for number, line in enumerate((400, 550, 700, 850), 2):  # of those that write the days
        before = changed(sandbox, number)
        assert killed_at_line(line, poll_both, SERVICES)
        assert_repaired(before, number)


def test_the_lease_of_a_killed_worker_ends_by_itself(sandbox: Sandbox) -> None:
    change(sandbox, 1)
    assert killed_at_line(60, poll_both, SERVICES)

    assert poll_both().outcome == "busy"
    expire_lease()
    assert poll_both().outcome == "done"
