"""Deletes the records of polling and reconciling after a month, hours after eight weeks. Facts are kept for good."""

from datetime import timedelta
from typing import Final

from django.utils import timezone

from usage.models import PollRun, Reconciliation
from usage.services.hours import delete_old_hours

RETENTION: Final = timedelta(days=30)


def delete_old_rows() -> int:
    """Delete runs and reconciliations older than 30 days, and older hours; return how many rows."""
    now = timezone.now()
    before = now - RETENTION
    runs, _ = PollRun.objects.filter(started_at__lt=before).delete()
    reconciliations, _ = Reconciliation.objects.filter(started_at__lt=before).delete()
    return runs + reconciliations + delete_old_hours(now)
