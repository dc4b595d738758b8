"""Tasks whose last run failed, from the rows of the worker's signs of life."""

from datetime import timedelta
from typing import Final

from django.db.models import F, Q
from django.utils import timezone

from keys.models import TaskRun

SHOWN_FOR: Final = timedelta(days=1)
SHOWN: Final = 20


def failed_runs() -> list[TaskRun]:
    """Return the tasks of the last day that have not succeeded since their last failure, the newest first."""
    failed = Q(ok_at=None) | Q(ok_at__lt=F("ended_at"))
    return list(TaskRun.objects.filter(failed, ended_at__gt=timezone.now() - SHOWN_FOR).order_by("-ended_at")[:SHOWN])
