"""When beat and workers were last alive and ran their tasks, for health checks, pages and mails to admins."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Final

from django.conf import settings
from django.db.models import Max
from django.utils import timezone

from keys.catalogue import Problem, gateway_state
from keys.models import GatewayIdentity, Heartbeat, TaskRun
from web.cache import redis_watch

MISSING_AFTER: Final = timedelta(seconds=25)  # heartbeats are written every five seconds
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
    """Say whether workers take the tasks of all queues: "up", "missing", "incomplete", "late" or "unknown".

    "late" is a worker that is alive while no task ends, though beat sends some and the broker answers.
    """
    served = queues_served()
    if served is None:
        return "unknown"
    if not any(served.values()):
        return "missing"
    if not all(served.values()):
        return "incomplete"
    can_get_tasks = beat_state() == "up" and not redis_watch.is_away
    return lateness(last_seen(), WORKER_LATE) if can_get_tasks and _has_run_for(WORKER_LATE) else "up"


def beat_state() -> str:
    """Say whether beat sends tasks: "up", "missing", or "unknown" if it never ran."""
    seen = last_alive(Heartbeat.Kind.BEAT)
    if seen is None:
        return "unknown"
    return "missing" if timezone.now() - seen > MISSING_AFTER else "up"


def last_alive(kind: Heartbeat.Kind) -> datetime | None:
    """Return when a process of this kind was last alive; None if none ever was."""
    seen: datetime | None = Heartbeat.objects.filter(kind=kind).aggregate(seen=Max("seen_at"))["seen"]
    return seen


def queues_served() -> Mapping[str, int] | None:
    """Return how many workers take the tasks of each queue; None if there never was a worker."""
    workers = Heartbeat.objects.filter(kind=Heartbeat.Kind.WORKER).values_list("queues", "seen_at")
    if not workers:
        return None
    alive_since = timezone.now() - MISSING_AFTER
    alive = [queues for queues, seen_at in workers if seen_at >= alive_since]
    return {queue.name: sum(queue.name in queues for queues in alive) for queue in settings.CELERY_TASK_QUEUES}


def _has_run_for(time: timedelta) -> bool:
    """Return whether beat and a worker have been alive for so long."""
    started_before = timezone.now() - time
    alive = Heartbeat.objects.filter(seen_at__gte=timezone.now() - MISSING_AFTER, started_at__lt=started_before)
    return set(alive.values_list("kind", flat=True)) == set(Heartbeat.Kind.values)


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
