"""Which days are read when."""

from datetime import date, timedelta
from typing import Final

from django.conf import settings
from django.utils import timezone

from usage.models import PollRun, UsageState, utc_today
from usage.services.refresh import refresh_facts

RECENT_DAYS: Final = 2
NIGHTLY_DAYS: Final = 35
MONTH_DAYS: Final = 30


def days_for(kind: str) -> tuple[date, date]:
    """Return the first and the last day that a run of this kind reads, by the gateway's date.

    The nightly run goes back further after a longer outage of polling, so that no gap stays.
    """
    today = utc_today()
    if kind == PollRun.Kind.TODAY:
        return today, today
    if kind == PollRun.Kind.BUTTON:
        return today - timedelta(days=RECENT_DAYS), today
    if kind == PollRun.Kind.RECENT:
        return today - timedelta(days=RECENT_DAYS), today - timedelta(days=1)
    last_night = UsageState.load().nightly_at
    first = today - timedelta(days=NIGHTLY_DAYS)
    return min(first, last_night.date() if last_night else first), today - timedelta(days=1)


def reread_older_days() -> PollRun | None:
    """Read a month beyond the nightly run's reach again, for later corrections; None if there is none.

    Each call continues where the last one ended, back to the oldest day that was ever read and is kept by day, and then
    starts over.
    """
    state, newest = UsageState.load(), utc_today() - timedelta(days=NIGHTLY_DAYS + 1)
    if state.backfilled_to is None or state.backfilled_to > newest:
        return None
    oldest = max(state.backfilled_to, state.daily_from or state.backfilled_to)
    last_day = newest if state.reread_to is None else min(newest, state.reread_to - timedelta(days=1))
    if last_day < oldest:
        last_day = newest
    first_day = max(oldest, last_day - timedelta(days=MONTH_DAYS - 1))
    run = refresh_facts(first_day, last_day, PollRun.Kind.OLDER)
    if run.outcome == PollRun.Outcome.DONE:
        UsageState.objects.filter(pk=1).update(reread_to=run.first_day)
    return run


def record_nightly_run() -> None:
    """Record that a nightly run is complete."""
    UsageState.objects.filter(pk=1).update(nightly_at=timezone.now())


def backfill_month() -> PollRun | None:
    """Read the next older month; None when USAGE_BACKFILL_DAYS are done. UsageState has the progress."""
    UsageState.objects.get_or_create(pk=1)
    fresh = UsageState.objects.filter(pk=1, backfill_started_on=None)
    fresh.update(backfill_started_on=utc_today(), backfilled_to=utc_today())
    state = UsageState.load()
    if state.backfill_started_on is None or state.backfilled_to is None:
        raise AssertionError("the back-fill has begun")
    target = state.backfill_started_on - timedelta(days=settings.USAGE_BACKFILL_DAYS)
    target = max(target, state.daily_from or target)
    UsageState.objects.filter(pk=1).update(backfill_target=target)
    if state.backfilled_to <= target:
        return None
    last_day = state.backfilled_to - timedelta(days=1)
    run = refresh_facts(max(target, last_day - timedelta(days=MONTH_DAYS - 1)), last_day, PollRun.Kind.BACKFILL)
    if run.outcome == PollRun.Outcome.DONE:
        UsageState.objects.filter(pk=1, backfilled_to__gt=run.first_day).update(backfilled_to=run.first_day)
    return run
