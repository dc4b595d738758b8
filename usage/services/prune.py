"""Deletes the records of polling and reconciling after a month. Facts are kept for good."""

from datetime import timedelta
from typing import Final

from django.utils import timezone

from usage.models import PollRun, Reconciliation

RETENTION: Final = timedelta(days=30)


def delete_old_runs() -> int:
    """Delete runs and reconciliations older than 30 days; return how many rows."""
    before = timezone.now() - RETENTION
    runs, _ = PollRun.objects.filter(started_at__lt=before).delete()
    reconciliations, _ = Reconciliation.objects.filter(started_at__lt=before).delete()
    return runs + reconciliations
