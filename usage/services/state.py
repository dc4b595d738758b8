"""The one row that tells how fresh the numbers are."""

from datetime import datetime, timedelta
from typing import Final

from django.conf import settings
from django.db.models import F
from django.utils import timezone

from keys.heartbeat import lateness
from usage.models import UsageState

REST_FACTOR: Final = 9  # times as long as the gateway worked: polling takes a tenth of its time at most

POLL_LATE: Final = timedelta(minutes=15)  # many polls of today


def poll_state() -> str:
    """Say whether the gateway's numbers are read: "up", "failing", "late", or "unknown" before the first time."""
    state = UsageState.load()
    if state.failing_since and timezone.now() - state.failing_since > POLL_LATE:
        return "failing"
    return lateness(state.last_try_at, max(POLL_LATE, timedelta(seconds=3 * settings.USAGE_POLL_S)))


def lock_state() -> None:
    """Queue for the state's row, so that writers of facts come one after the other. Call it in a transaction."""
    UsageState.objects.get_or_create(pk=1)
    UsageState.objects.select_for_update().get(pk=1)


def mark_changed() -> None:
    """Give the numbers a new version, by which pages know that theirs are old."""
    UsageState.objects.filter(pk=1).update(version=F("version") + 1)


def rest_after(gateway_s: float) -> None:
    """Leave the gateway alone for a while."""
    until = timezone.now() + timedelta(seconds=REST_FACTOR * gateway_s)
    UsageState.objects.filter(pk=1).update(rest_until=until)


def note_success() -> None:
    """Say that the numbers of today are those of now."""
    now = timezone.now()
    UsageState.objects.filter(pk=1).update(last_try_at=now, last_ok_at=now, failing_since=None, problem="")


def note_failure(problem: str) -> None:
    """Say that the numbers of today could not be read, and since when."""
    now = timezone.now()
    UsageState.objects.filter(pk=1).update(last_try_at=now, problem=problem)
    UsageState.objects.filter(pk=1, failing_since=None).update(failing_since=now)


def resting_until() -> datetime | None:
    """Return until when the gateway is left alone; None when it may be asked."""
    until = UsageState.load().rest_until
    return until if until and until > timezone.now() else None
