"""Two beats at once, a lost lease: one run polls, and nothing is counted twice."""

import os
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from decimal import Decimal

import pytest
from django.db import connections

from tests.keys.crashes import close_connections
from tests.sandbox_process import Sandbox
from tests.usage.polling import assert_sums_are_right, expire_lease, poll, report_day, spent, used
from usage.models import PollRun, UsageState, utc_today
from usage.services import refresh_facts
from usage.services.day_reader import Tally, read_day
from usage.services.write import write_day

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning"),
]
ACTIVITY = "/user/daily/activity"
A, B = "a" * 64, "b" * 64
DAYS = [used(A, usd="0.1"), used(B, usd="0.2")]


def run_today() -> PollRun:
    return refresh_facts(utc_today(), utc_today(), PollRun.Kind.TODAY)


@contextmanager
def held_run(sandbox: Sandbox, seconds: float = 3) -> Iterator[Future[PollRun]]:
    """Have a run hang at the gateway meanwhile; it goes on when `sandbox` releases it, or after `seconds`."""
    UsageState.objects.get_or_create(pk=1)
    sandbox.faults(ACTIVITY, "hang_before", seconds=seconds)
    with ThreadPoolExecutor(1) as pool:
        running = pool.submit(_with_own_connection, run_today)
        sandbox.wait_until_fault_holds(ACTIVITY)
        yield running


def _with_own_connection(action: Callable[[], PollRun]) -> PollRun:
    try:
        return action()
    finally:
        connections.close_all()


def test_of_many_beats_at_once_one_asks_the_gateway(sandbox: Sandbox) -> None:
    report_day(sandbox, utc_today(), *DAYS)
    sandbox.faults(ACTIVITY, "delay", seconds=0.5)

    with ThreadPoolExecutor(6) as pool:
        runs = list(pool.map(lambda _: _with_own_connection(run_today), range(6)))

    assert sorted(run.outcome for run in runs) == ["busy"] * 5 + ["done"]
    assert PollRun.objects.count() == 1
    assert spent() == {(A, "gpt-4o-mini"): Decimal("0.1"), (B, "gpt-4o-mini"): Decimal("0.2")}
    assert_sums_are_right()


def test_of_two_processes_one_asks_the_gateway(sandbox: Sandbox) -> None:
    report_day(sandbox, utc_today(), *DAYS)
    sandbox.faults(ACTIVITY, "delay", seconds=0.5)

    close_connections()
    ended = [os.waitpid(child, 0)[1] for child in [_fork(run_today) for _ in range(3)]]

    assert ended == [0, 0, 0]
    assert PollRun.objects.values_list("outcome", flat=True).get() == "done"
    assert_sums_are_right()


def _fork(action: Callable[[], object]) -> int:
    """Act in a child; its status is 0 when nothing was raised."""
    child = os.fork()
    if child == 0:
        status = 1
        try:
            action()
            status = 0
        finally:
            os._exit(status)
    return child


def test_a_run_that_lost_its_lease_stops(sandbox: Sandbox) -> None:
    report_day(sandbox, utc_today(), *DAYS)
    with held_run(sandbox) as first:
        expire_lease()
        second = run_today()

    assert second.outcome == "done"
    assert (first.result().outcome, first.result().problem) == (
        "failed",
        "The lock was lost, and another run may have begun.",
    )
    assert len(spent()) == 2
    assert_sums_are_right()


def test_two_runs_that_write_at_once_count_nothing_twice(sandbox: Sandbox) -> None:
    """Without any lock: the writers queue for the state's row."""
    UsageState.objects.get_or_create(pk=1)
    days_read = [read_day(utc_today(), Tally(), lambda: None)]
    for number in range(1, 7):
        report_day(sandbox, utc_today(), used(A, usd=f"0.{number}"), used(f"{number:064x}"))
        days_read.append(read_day(utc_today(), Tally(), lambda: None))

    with ThreadPoolExecutor(6) as pool:
        list(pool.map(lambda day: _with_own_connection(lambda: _written(write_day(day))), days_read))

    assert_sums_are_right()
    assert poll().outcome == "done"
    assert spent() == {(A, "gpt-4o-mini"): Decimal("0.6"), (f"{6:064x}", "gpt-4o-mini"): Decimal("0.01")}
    assert_sums_are_right()


def _written(rows: int) -> PollRun:
    return PollRun(kind=PollRun.Kind.TODAY, first_day=utc_today(), last_day=utc_today(), rows_written=rows)


def test_while_one_run_asks_the_next_is_refused_and_then_free(sandbox: Sandbox) -> None:
    report_day(sandbox, utc_today(), *DAYS)
    with held_run(sandbox, seconds=1) as first:
        assert run_today().problem == "Another update is under way."

    assert first.result().outcome == "done"
    assert PollRun.objects.values_list("outcome", flat=True).get() == "done"
    assert poll().outcome == poll().outcome == "done"
