"""Deletes the records of polling and reconciling after a month, hours after eight weeks. Facts are kept for good."""

from datetime import timedelta
from typing import Final

from django.utils import timezone

from usage.models import ModelGrowth, PollRun, Reconciliation
from usage.services.hours import delete_old_hours

RETENTION: Final = timedelta(days=30)
GROWTH_RETENTION: Final = timedelta(days=1)  # only the last hour is read


def delete_old_rows() -> int:
    """Delete runs and reconciliations of over 30 days, older hours and growth; return how many rows."""
    now = timezone.now()
    before = now - RETENTION
    runs, _ = PollRun.objects.filter(started_at__lt=before).delete()
    reconciliations, _ = Reconciliation.objects.filter(started_at__lt=before).delete()
    growth, _ = ModelGrowth.objects.filter(at__lt=now - GROWTH_RETENTION).delete()
    return growth + runs + reconciliations + delete_old_hours(now)
