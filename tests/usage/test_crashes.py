"""A worker that is killed at any line of a poll leaves whole days, and the next poll finds everything right."""

from itertools import count
from pathlib import Path

import pytest
from django.db import connection

import usage.services
from accounts.models import User
from tests.keys.crashes import killed_at_line
from tests.sandbox_process import Sandbox
from tests.usage.polling import (
    TODAY,
    YESTERDAY,
    assert_sums_are_right,
    end_cooldown,
    expire_lease,
    make_key,
    poll,
    report_day,
    spent,
    used,
)
from usage.models import PollRun, TokenRef, UsageState

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning"),
    pytest.mark.timeout(600),
]
SERVICES = str(Path(usage.services.__file__).parent)
STEPS = {"sqlite": 11, "postgresql": 31}  # lines from one kill to the next: every step of a poll has its turn
LINES_AT_LEAST = 300
A, B, C = "a" * 64, "b" * 64, "c" * 64


def change(sandbox: Sandbox, number: int) -> None:
    """Let both days change at the gateway: a row more dear, one gone or back, one of a token that is new."""
    for day in (YESTERDAY, TODAY):
        rows = [used(A, ok=number), used(f"{number:064x}", usd="0.5")]
        report_day(sandbox, day, *rows, *([used(B)] if number % 2 else []))


def poll_both() -> PollRun:
    return poll(YESTERDAY, TODAY)


def test_is_healed_from_a_kill_at_any_line(intern: User, sandbox: Sandbox) -> None:
    make_key(intern, A)
    change(sandbox, 1)
    poll_both()
    lines = 0
    for number in count(1, STEPS[connection.vendor]):
        before = {day: spent(day) for day in (YESTERDAY, TODAY)}
        change(sandbox, number + 1)
        end_cooldown()
        if not killed_at_line(number, poll_both, SERVICES):
            break
        lines = number
        assert_sums_are_right()
        between = {day: spent(day) for day in (YESTERDAY, TODAY)}

        expire_lease()
        assert poll_both().outcome == "done"

        after = {day: spent(day) for day in (YESTERDAY, TODAY)}
        assert all(between[day] in (before[day], after[day]) for day in before)
        assert len(after[TODAY]) == (3 if (number + 1) % 2 else 2)
        assert_sums_are_right()
        assert not PollRun.objects.filter(outcome=PollRun.Outcome.RUNNING).exists()
        assert UsageState.load().failing_since is None
    assert set(TokenRef.objects.exclude(key=None).values_list("token", "owner")) == {(A, intern.pk)}

    assert lines >= LINES_AT_LEAST


def test_the_lease_of_a_killed_worker_ends_by_itself(sandbox: Sandbox) -> None:
    change(sandbox, 1)
    assert killed_at_line(60, poll_both, SERVICES)

    assert poll_both().outcome == "busy"
    expire_lease()
    assert poll_both().outcome == "done"
