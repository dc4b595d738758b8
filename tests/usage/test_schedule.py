"""Which days are read when, the back-fill, and tasks that continue where a run ended."""

from datetime import datetime, timedelta
from typing import Any

import pytest
from django.conf import settings
from django.utils import timezone
from pytest_django import Settings

from tests.sandbox_process import Sandbox
from tests.tasks import sent_tasks
from tests.usage.polling import assert_sums_are_right, end_cooldown, report_day, spent, used, yesterday
from usage import services, tasks
from usage.models import Fact, PollRun, Reconciliation, UsageState, utc_today

pytestmark = pytest.mark.django_db
A = "a" * 64


def days_ago(number: int) -> Any:
    return utc_today() - timedelta(days=number)


@pytest.mark.parametrize(
    ("kind", "first", "last"), [("today", 0, 0), ("recent", 2, 1), ("nightly", 35, 1), ("button", 2, 0)]
)
def test_each_kind_of_run_has_its_days(kind: str, first: int, last: int) -> None:
    assert services.days_for(kind) == (days_ago(first), days_ago(last))


def test_after_a_long_absence_the_night_leaves_no_gap() -> None:
    UsageState.objects.create(pk=1, nightly_at=timezone.now() - timedelta(days=80))
    assert services.days_for("nightly") == (days_ago(80), yesterday())


def test_the_backfill_reads_a_month_at_a_time_until_it_is_done(sandbox: Sandbox, settings: Settings) -> None:
    settings.USAGE_BACKFILL_DAYS = 70
    for number in (1, 30, 31, 70, 71):
        report_day(sandbox, days_ago(number), used(A))

    months = []
    while run := _next_month():
        months.append((run.first_day, run.last_day))
        state = UsageState.load()
        assert state.backfilled_to == run.first_day

    assert months == [(days_ago(30), days_ago(1)), (days_ago(60), days_ago(31)), (days_ago(70), days_ago(61))]
    assert UsageState.load().backfill_share == 1
    assert set(Fact.objects.values_list("day", flat=True)) == {days_ago(number) for number in (1, 30, 31, 70)}
    assert_sums_are_right()


def _next_month() -> PollRun | None:
    end_cooldown()
    return services.backfill_month()


def test_a_correction_of_last_winter_is_found_within_some_nights(sandbox: Sandbox) -> None:
    UsageState.objects.create(
        pk=1, backfill_started_on=utc_today(), backfilled_to=days_ago(100), backfill_target=days_ago(100)
    )
    for number in (36, 99, 100, 101):
        report_day(sandbox, days_ago(number), used(A, usd="3"))

    spans = []
    for _night in range(4):
        end_cooldown()
        run = services.reread_older_days()
        assert run is not None
        spans.append((run.first_day, run.last_day))

    assert spans[:3] == [
        (days_ago(65), days_ago(36)),
        (days_ago(95), days_ago(66)),
        (days_ago(100), days_ago(96)),
    ]
    assert spans[3] == spans[0]  # and so on for ever
    assert set(Fact.objects.values_list("day", flat=True)) == {days_ago(36), days_ago(99), days_ago(100)}


def test_older_months_are_left_to_the_backfill_until_it_has_read_them(sandbox: Sandbox) -> None:
    assert services.reread_older_days() is None
    UsageState.objects.create(
        pk=1, backfill_started_on=utc_today(), backfilled_to=days_ago(30), backfill_target=days_ago(400)
    )

    assert services.reread_older_days() is None
    assert not PollRun.objects.exists()


def test_a_reread_that_failed_begins_at_the_same_days(sandbox: Sandbox) -> None:
    UsageState.objects.create(pk=1, backfilled_to=days_ago(100))
    sandbox.faults("/user/daily/activity", "error", status=500, times=100)

    failed = services.reread_older_days()
    sandbox.clear_faults()
    end_cooldown()
    done = services.reread_older_days()

    assert failed is not None
    assert done is not None
    assert (failed.outcome, done.outcome) == ("failed", "done")
    assert done.last_day == days_ago(36)


def test_a_month_that_failed_is_read_again(sandbox: Sandbox, settings: Settings) -> None:
    settings.USAGE_BACKFILL_DAYS = 40
    report_day(sandbox, days_ago(20), used(A))
    sandbox.faults("/user/daily/activity", "error", status=500, skip=10, times=100)
    run = _next_month()
    assert run is not None
    assert run.outcome == "failed"
    assert UsageState.load().backfilled_to == utc_today()

    sandbox.clear_faults()
    _next_month()
    assert UsageState.load().backfilled_to == days_ago(30)
    assert spent(days_ago(20))


def test_a_request_for_more_days_takes_up_a_backfill_that_was_done(sandbox: Sandbox, settings: Settings) -> None:
    settings.USAGE_BACKFILL_DAYS = 10
    _next_month()
    assert _next_month() is None

    settings.USAGE_BACKFILL_DAYS = 20
    run = _next_month()
    assert run is not None
    assert (run.first_day, run.last_day) == (days_ago(20), days_ago(11))


# --- Tasks ----------------------------------------------------------------------------------------
@pytest.mark.parametrize(("cooldown_s", "most"), [(5, 5), (100, 100 + 65)])
def test_today_comes_before_older_days_after_a_long_cooldown(cooldown_s: int, most: int, settings: Settings) -> None:
    settings.USAGE_POLL_S = 60
    UsageState.objects.create(pk=1, cooldown_until=timezone.now() + timedelta(seconds=cooldown_s))

    assert most - 2 <= tasks._next_slice_delay_s() <= most


def test_the_button_reads_three_days(sandbox: Sandbox) -> None:
    for number in range(4):
        report_day(sandbox, days_ago(number), used(A))

    tasks.refresh_now.run()

    run = PollRun.objects.get()
    assert (run.kind, run.outcome, run.rows_written) == ("button", "done", 3)


def test_a_refresh_during_the_cooldown_says_so(sandbox: Sandbox) -> None:
    UsageState.objects.create(pk=1, cooldown_until=timezone.now() + timedelta(minutes=5))

    tasks.refresh_now.run()

    run = PollRun.objects.get()
    assert (run.outcome, run.ended_at is not None) == ("busy", True)
    assert "next update can start at" in run.problem


def test_one_day_is_read_again(sandbox: Sandbox) -> None:
    report_day(sandbox, days_ago(5), used(A))

    tasks.refresh_day.run(days_ago(5).isoformat())

    assert spent(days_ago(5))


def test_a_night_that_was_read_is_noted(sandbox: Sandbox) -> None:
    tasks.refresh_facts.run("nightly")

    noted = UsageState.load().nightly_at
    assert isinstance(noted, datetime)


def test_a_waiting_run_is_retried_a_limited_number_of_times(sandbox: Sandbox) -> None:
    UsageState.objects.create(pk=1, cooldown_until=timezone.now() + timedelta(minutes=5))
    sent_tasks()

    tasks.refresh_facts.run("recent")
    tasks.refresh_facts.run("nightly", "2026-01-02", tasks.TRIES - 1)
    tasks.refresh_facts.run("recent", "", tasks.TRIES)
    tasks.refresh_facts.run("today")  # comes again by itself

    name = "usage.refresh_facts"
    assert sent_tasks() == [(name, ["recent", "", 2]), (name, ["nightly", "2026-01-02", tasks.TRIES])]


def test_the_backfill_goes_on_until_it_is_done(sandbox: Sandbox, settings: Settings) -> None:
    settings.USAGE_BACKFILL_DAYS = 40
    sent_tasks()

    steps = []
    for _ in range(4):
        tasks.backfill.run()
        steps.append(sent_tasks())
        end_cooldown()

    assert steps == [[("usage.backfill", [])], [("usage.backfill", [])], [], []]


def test_a_backfill_that_fails_is_retried_unless_it_was_scheduled(sandbox: Sandbox) -> None:
    UsageState.objects.create(pk=1, cooldown_until=timezone.now() + timedelta(minutes=5))
    sent_tasks()
    tasks.backfill.run()
    assert sent_tasks() == [("usage.backfill", [2])]
    assert settings.CELERY_BEAT_SCHEDULE["usage.backfill"]["args"] == [tasks.TRIES]
    tasks.backfill.run(tasks.TRIES)
    assert sent_tasks() == []
    end_cooldown()
    sandbox.faults("/user/daily/activity", "error", status=500, times=100)
    tasks.backfill.run()
    assert sent_tasks() == [("usage.backfill", [2])]


def test_a_run_of_today_reads_failures_and_once_it_wrote_looks_at_budgets_and_unusual_spend(sandbox: Sandbox) -> None:
    report_day(sandbox, utc_today(), used(A))
    sent_tasks()

    for _ in range(2):
        tasks.refresh_facts.run("today")
        end_cooldown()

    names = ["usage.read_failures", "usage.read_failures", "usage.warn_of_budgets", "usage.warn_of_unusual_spend"]
    assert sorted(sent_tasks()) == [(name, []) for name in names]


def test_old_runs_are_deleted() -> None:
    for age in (29, 31):
        at = timezone.now() - timedelta(days=age)
        PollRun.objects.create(kind="today", first_day=utc_today(), last_day=utc_today(), started_at=at)
        Reconciliation.objects.create(started_at=at)

    tasks.prune.run()

    assert (PollRun.objects.count(), Reconciliation.objects.count()) == (1, 1)
