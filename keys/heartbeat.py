"""When the worker last ran its tasks, for health checks, pages and mails to admins."""

from datetime import datetime, timedelta
from typing import Final

from django.db.models import Max
from django.utils import timezone

from keys.catalogue import Problem, gateway_state
from keys.models import GatewayIdentity, TaskRun

WORKER_LATE: Final = timedelta(minutes=3)  # it has something to do every minute
SWEEP_LATE: Final = timedelta(minutes=15)  # it runs every five


def note_run(name: str, *, ok: bool) -> None:
    """Record that a task has ended: one exchange with the database."""
    now = timezone.now()
    TaskRun.objects.bulk_create(
        [TaskRun(name=name[:100], ended_at=now, ok_at=now if ok else None)],
        update_conflicts=True,
        unique_fields=["name"],
        update_fields=["ended_at", *(["ok_at"] if ok else [])],
    )


def last_seen() -> datetime | None:
    """Return when the worker last ended any task; None if it never did."""
    seen: datetime | None = TaskRun.objects.aggregate(seen=Max("ended_at"))["seen"]
    return seen


def last_ok(name: str) -> datetime | None:
    """Return when this task last succeeded."""
    return TaskRun.objects.filter(name=name).values_list("ok_at", flat=True).first()


def lateness(seen: datetime | None, late: timedelta) -> str:
    """Return "up", "late", or "unknown" if it never ran."""
    if seen is None:
        return "unknown"
    return "late" if timezone.now() - seen > late else "up"


def worker_state() -> str:
    """Say whether a worker and a beat are running."""
    return lateness(last_seen(), WORKER_LATE)


def sweep_state() -> str:
    """Say whether the sweep of keys succeeds."""
    return lateness(last_ok("keys.sweep"), SWEEP_LATE)


def admin_key_state() -> str:
    """Say whether the gateway accepted the portal's own key at the last check."""
    state = gateway_state()
    if state.checked_at is None:
        return "unknown"
    return "refused" if state.problem == Problem.KEY_REFUSED else "up"


def identity_state() -> str:
    """Say whether the gateway is the one that the portal knows (keys/identity.py); no row: not identified yet."""
    problem = GatewayIdentity.objects.filter(pk=1).values_list("problem", flat=True).first()
    if problem is None:
        return "unknown"
    return "changed" if problem else "up"
