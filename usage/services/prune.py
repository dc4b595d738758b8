"""Deletes the records of polling and reconciling by a setting, hours after eight weeks. Facts: see compact.py."""

from datetime import timedelta
from typing import Final

from django.conf import settings
from django.utils import timezone

from usage.models import ModelGrowth, PollRun, Reconciliation
from usage.services.hours import delete_old_hours
from web.deletion import delete_in_batches

GROWTH_RETENTION: Final = timedelta(days=1)  # only the last hour is read


def delete_old_rows() -> int:
    """Delete runs and reconciliations past RUN_RETENTION_DAYS, older hours and growth; return how many rows."""
    now = timezone.now()
    before = now - timedelta(days=settings.RUN_RETENTION_DAYS)
    outdated = [
        PollRun.objects.filter(started_at__lt=before),
        Reconciliation.objects.filter(started_at__lt=before),
        ModelGrowth.objects.filter(at__lt=now - GROWTH_RETENTION),
    ]
    return sum(map(delete_in_batches, outdated)) + delete_old_hours(now)
