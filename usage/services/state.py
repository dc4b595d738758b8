"""The row with the freshness of the numbers."""

from datetime import datetime, timedelta
from typing import Final

from django.conf import settings
from django.db.models import F
from django.utils import timezone

from keys.heartbeat import lateness
from usage.models import UsageState

COOLDOWN_FACTOR: Final = 9  # times as long as the gateway worked: polling takes a tenth of its time at most

POLL_LATE: Final = timedelta(minutes=15)  # many polls of today


def poll_state() -> str:
    """Say whether the gateway's numbers are read: "up", "failing", "late", or "unknown" before the first time."""
    state = UsageState.load()
    if state.failing_since and timezone.now() - state.failing_since > POLL_LATE:
        return "failing"
    return lateness(state.last_try_at, max(POLL_LATE, timedelta(seconds=3 * settings.USAGE_POLL_S)))


def lock_state() -> None:
    """Lock the state's row, so that writers of facts run one after the other. Call it in a transaction."""
    UsageState.objects.get_or_create(pk=1)
    UsageState.objects.select_for_update().get(pk=1)


def mark_changed() -> None:
    """Give the numbers a new version, which invalidates cached pages."""
    UsageState.objects.filter(pk=1).update(version=F("version") + 1)


def start_cooldown(gateway_s: float) -> None:
    """Set when the next poll may start."""
    until = timezone.now() + timedelta(seconds=COOLDOWN_FACTOR * gateway_s)
    UsageState.objects.filter(pk=1).update(cooldown_until=until)


def record_success() -> None:
    """Record that today was read just now."""
    now = timezone.now()
    UsageState.objects.filter(pk=1).update(last_try_at=now, last_ok_at=now, failing_since=None, problem="")


def record_failure(problem: str) -> None:
    """Record that today could not be read, and since when."""
    now = timezone.now()
    UsageState.objects.filter(pk=1).update(last_try_at=now, problem=problem)
    UsageState.objects.filter(pk=1, failing_since=None).update(failing_since=now)


def cooldown_end() -> datetime | None:
    """Return when the next poll may start; None for now."""
    until = UsageState.load().cooldown_until
    return until if until and until > timezone.now() else None
