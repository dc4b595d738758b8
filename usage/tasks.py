"""Work on usage outside a request. Each calls one service; what is busy or failed comes again with the schedule."""

import logging
from datetime import date, timedelta
from math import ceil
from typing import Any

from celery import Task, shared_task
from django.utils import timezone

from usage import services
from usage.models import Run, UsageState, utc_today
from usage.queries.cached import warm

logger = logging.getLogger(__name__)
AGAIN_AFTER_S = 30  # at least, when a run has to wait for another or for the gateway's rest
TRIES = 20  # of a run that has to wait; then its next date comes


@shared_task(name="usage.refresh_facts", bind=True, soft_time_limit=900, acks_late=True, ignore_result=True)  # s
def refresh_facts(self: "Task[Any, Any]", kind: str, last_day: str = "", tries: int = 1) -> None:
    """Read the days of this kind of run; `last_day` (ISO) says where a run that was too long goes on."""
    first, last = services.days_of(kind)
    run = _refresh(first, date.fromisoformat(last_day) if last_day else last, kind)
    if run.outcome == Run.Outcome.DONE and run.first_day > first:
        before = (run.first_day - timedelta(days=1)).isoformat()
        self.apply_async((kind, before), countdown=_rest_s())
    elif run.outcome == Run.Outcome.DONE and kind == Run.Kind.NIGHTLY:
        services.note_night()
    elif run.outcome != Run.Outcome.DONE and kind != Run.Kind.TODAY and tries < TRIES:
        self.apply_async((kind, last_day, tries + 1), countdown=max(AGAIN_AFTER_S, _rest_s()))


@shared_task(name="usage.refresh_now", soft_time_limit=300, ignore_result=True)  # s
def refresh_now() -> None:
    """Read today and the two days before, as the button asks; being busy is a run too here, for the page to tell."""
    run = _refresh(*services.days_of(Run.Kind.BUTTON), Run.Kind.BUTTON)
    if run.outcome == Run.Outcome.BUSY:
        run.ended_at = timezone.now()
        run.save()


@shared_task(name="usage.refresh_day", soft_time_limit=300, ignore_result=True)  # s
def refresh_day(day: str) -> None:
    """Read one day (ISO) again: what mends a sum that differs."""
    _refresh(date.fromisoformat(day), date.fromisoformat(day), Run.Kind.BUTTON)


@shared_task(name="usage.backfill", bind=True, soft_time_limit=900, acks_late=True, ignore_result=True)  # s
def backfill(self: "Task[Any, Any]") -> None:
    """Read the next month into the past, and go on after the gateway's rest; what is busy waits for the schedule."""
    run = services.backfill_month()
    if run is not None and run.outcome == Run.Outcome.DONE:
        _done(run)
        self.apply_async(countdown=_rest_s())


@shared_task(name="usage.warn_of_budgets", soft_time_limit=300, ignore_result=True)  # s
def warn_of_budgets() -> None:
    """Tell people that their budgets come to an end."""
    logger.info("usage.warn_of_budgets: %d written", services.warn_of_budgets())


@shared_task(name="usage.reconcile", soft_time_limit=900, ignore_result=True)  # s
def reconcile() -> None:
    """Compare keys and sums with the gateway's."""
    done = services.compare_with_gateway()
    logger.info("usage.reconcile: %d differ, %s", done.differences.count(), done.problem or "complete")


@shared_task(name="usage.prune", soft_time_limit=300, acks_late=True, ignore_result=True)  # s
def prune() -> None:
    """Forget old runs."""
    logger.info("usage.prune: %d rows", services.forget_old_runs())


def _refresh(first_day: date, last_day: date, kind: str) -> Run:
    run = services.refresh_facts(first_day, last_day, kind)
    _done(run)
    return run


def _done(run: Run) -> None:
    """Say what came of a run; where numbers changed, look at the budgets and have pages ready."""
    logger.info("usage.refresh_facts: %s, %d written in %.1f s %s", run, run.rows_written, run.seconds, run.problem)
    if run.rows_written:
        if run.last_day >= utc_today():
            warn_of_budgets.delay()
        warm()


def _rest_s() -> int:
    """Return how long the gateway is still to be left alone."""
    until = UsageState.load().rest_until
    return max(1, ceil((until - timezone.now()).total_seconds())) if until else 1
