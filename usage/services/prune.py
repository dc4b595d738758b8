"""Forgets how polling and comparing went, after a month. Facts are kept for good."""

from datetime import timedelta
from typing import Final

from django.utils import timezone

from usage.models import Comparison, Run

KEPT: Final = timedelta(days=30)


def forget_old_runs() -> int:
    """Delete runs and comparisons older than 30 days; return how many rows."""
    before = timezone.now() - KEPT
    runs, _ = Run.objects.filter(started_at__lt=before).delete()
    comparisons, _ = Comparison.objects.filter(started_at__lt=before).delete()
    return runs + comparisons
