"""Work on usage outside a request. Each calls one service; the schedule repeats runs that were busy or failed."""

import logging
import time
from datetime import date, timedelta
from math import ceil
from typing import Any

from celery import Task, shared_task
from django.conf import settings
from django.utils import timezone

from gateway.errors import GatewayUnavailable
from usage import services
from usage.models import PollRun, UsageState, utc_today
from usage.queries.cached import warm

logger = logging.getLogger(__name__)
AFTER_BUSY_S = 5  # at least, and after the cooldown
AFTER_FAILURE_S = 300
SHORT_COOLDOWN_S = 10
TRIES = 20  # of a run that was busy or failed; then its next date comes


@shared_task(name="usage.refresh_facts", bind=True, soft_time_limit=900, acks_late=True, ignore_result=True)  # s
def refresh_facts(self: "Task[Any, Any]", kind: str, last_day: str = "", tries: int = 1) -> None:
    """Read the days of this kind of run; `last_day` (ISO) says where a run that was too long continues."""
    first, last = services.days_for(kind)
    run = _refresh(first, date.fromisoformat(last_day) if last_day else last, kind)
    if run.outcome == PollRun.Outcome.DONE and run.first_day > first:
        before = (run.first_day - timedelta(days=1)).isoformat()
        self.apply_async((kind, before), countdown=_next_slice_delay_s())
    elif run.outcome == PollRun.Outcome.DONE and kind == PollRun.Kind.NIGHTLY:
        services.record_nightly_run()
    elif run.outcome != PollRun.Outcome.DONE and kind != PollRun.Kind.TODAY and tries < TRIES:
        self.apply_async((kind, last_day, tries + 1), countdown=_retry_delay_s(run))


@shared_task(name="usage.refresh_now", soft_time_limit=300, ignore_result=True)  # s
def refresh_now() -> None:
    """Read today and the two days before, for the button; a busy one is a run here too, for the page to show."""
    run = _refresh(*services.days_for(PollRun.Kind.BUTTON), PollRun.Kind.BUTTON)
    if run.outcome == PollRun.Outcome.BUSY:
        run.ended_at = timezone.now()
        run.save()


@shared_task(name="usage.refresh_day", soft_time_limit=300, ignore_result=True)  # s
def refresh_day(day: str) -> None:
    """Read one day (ISO) again, because a person asked for it: smaller numbers are accepted too."""
    _refresh(date.fromisoformat(day), date.fromisoformat(day), PollRun.Kind.BUTTON, accept_less=True)


@shared_task(name="usage.backfill", bind=True, soft_time_limit=900, acks_late=True, ignore_result=True)  # s
def backfill(self: "Task[Any, Any]", tries: int = 1) -> None:
    """Read the next older month, and continue after the cooldown.

    The schedule starts with the last of its tries: it resumes an aborted back-fill and does not double a running one.
    """
    run = services.backfill_month()
    if run is None:
        return
    _done(run)
    if run.outcome == PollRun.Outcome.DONE:
        self.apply_async(countdown=_next_slice_delay_s())
    elif tries < TRIES:
        self.apply_async((tries + 1,), countdown=_retry_delay_s(run))


@shared_task(name="usage.reread_older_days", soft_time_limit=900, acks_late=True, ignore_result=True)  # s
def reread_older_days() -> None:
    """Read some older days again; the schedule repeats it when it is busy or fails."""
    run = services.reread_older_days()
    if run:
        _done(run)


@shared_task(name="usage.warn_of_budgets", soft_time_limit=300, ignore_result=True)  # s
def warn_of_budgets() -> None:
    """Warn people whose budgets are used up or nearly."""
    logger.info("usage.warn_of_budgets: %d written", services.warn_of_budgets())


@shared_task(name="usage.warn_of_unusual_spend", soft_time_limit=300, acks_late=True, ignore_result=True)  # s
def warn_of_unusual_spend() -> None:
    """Warn owners of keys that spend much more than usual."""
    logger.info("usage.warn_of_unusual_spend: %d written", services.warn_of_unusual_spend())


@shared_task(name="usage.mail_views", soft_time_limit=300, acks_late=True, ignore_result=True)  # s
def mail_views() -> None:
    """Send the numbers of saved views that are due."""
    logger.info("usage.mail_views: %d sent", services.mail_views())


@shared_task(name="usage.enforce_ceilings", soft_time_limit=300, acks_late=True, ignore_result=True)  # s
def enforce_ceilings() -> None:
    """Block and unblock keys of people whose budgets the gateway cannot enforce; the next poll retries what fails."""
    try:
        logger.info("usage.enforce_ceilings: %d keys changed", services.enforce_ceilings())
    except GatewayUnavailable as error:
        logger.warning("usage.enforce_ceilings: not all keys, %s", error)


@shared_task(name="usage.read_failures", soft_time_limit=120, acks_late=True, ignore_result=True)  # s
def read_failures() -> None:
    """Read why requests of courses failed; what cannot be read now is read after the next poll."""
    logger.info("usage.read_failures: %d courses", services.read_failures())


@shared_task(name="usage.alert_operators", soft_time_limit=300, ignore_result=True)  # s
def alert_operators() -> None:
    """Alert the administrators to problems that they must fix."""
    logger.info("usage.alert_operators: %d problems", services.alert_operators())


@shared_task(name="usage.reconcile", soft_time_limit=900, ignore_result=True)  # s
def reconcile() -> None:
    """Compare keys and sums with the gateway's."""
    done = services.compare_with_gateway()
    logger.info("usage.reconcile: %d differ, %s", done.discrepancies.count(), done.problem or "complete")


@shared_task(name="usage.prune", soft_time_limit=300, acks_late=True, ignore_result=True)  # s
def prune() -> None:
    """Delete old runs and hours."""
    logger.info("usage.prune: %d rows", services.delete_old_rows())


@shared_task(name="usage.compact_facts", soft_time_limit=3600, acks_late=True, ignore_result=True)  # s
def compact_facts() -> None:
    """Sum up the facts of a month past DAILY_USAGE_RETENTION_DAYS; the next night takes the next one."""
    started = time.monotonic()
    if done := services.compact_next_month():
        month, removed = done
        logger.info("usage.compact_facts: %s, %d removed in %.1f s", month, removed, time.monotonic() - started)


def _refresh(first_day: date, last_day: date, kind: str, *, accept_less: bool = False) -> PollRun:
    run = services.refresh_facts(first_day, last_day, kind, accept_less=accept_less)
    _done(run)
    return run


def _done(run: PollRun) -> None:
    """Log how a run ended; where numbers changed, check the budgets and warm the cache; then update the lists."""
    level = logging.ERROR if run.outcome == PollRun.Outcome.FAILED else logging.INFO
    logger.log(
        level, "usage.refresh_facts: %s, %d written in %.1f s %s", run, run.rows_written, run.seconds, run.problem
    )
    if run.outcome == PollRun.Outcome.DONE and run.last_day >= utc_today() and services.are_any_kept_here():
        enforce_ceilings.delay()
    if run.outcome == PollRun.Outcome.DONE and run.last_day >= utc_today():
        read_failures.delay()
    if run.rows_written:
        if run.last_day >= utc_today():
            warn_of_budgets.delay()
            warn_of_unusual_spend.delay()
        warm()
    services.update_keys()


def _retry_delay_s(run: PollRun) -> int:
    """Return the delay before the retry of a run that was busy or failed."""
    return max(AFTER_BUSY_S if run.outcome == PollRun.Outcome.BUSY else AFTER_FAILURE_S, _cooldown_s())


def _next_slice_delay_s() -> int:
    """Return when to continue with older days: after a long cooldown, today comes first."""
    cooldown_s = _cooldown_s()
    return cooldown_s if cooldown_s <= SHORT_COOLDOWN_S else cooldown_s + settings.USAGE_POLL_S + AFTER_BUSY_S


def _cooldown_s() -> int:
    """Return the seconds until the next poll may start."""
    until = UsageState.load().cooldown_until
    return max(1, ceil((until - timezone.now()).total_seconds())) if until else 1
