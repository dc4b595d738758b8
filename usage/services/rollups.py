"""Maintains the sums of facts by day and model, and by day and token."""

from collections.abc import Sequence
from datetime import date
from typing import Any

from django.db import transaction
from django.db.models import Sum

from usage.models import MEASURES, DayModel, DayToken, Fact
from usage.services.state import lock_state, mark_changed
from usage.services.upsert import upsert_changes

ROLLUPS = ((DayModel, "model_id"), (DayToken, "token_ref_id"))


def roll_up(day: date) -> int:
    """Update the sums of a day to its facts; return how many rows differed. Call it in the facts' transaction."""
    return sum(
        upsert_changes(model.objects.filter(day=day), _sums(day, name), key=(name,), fixed={"day": day}).rows
        for model, name in ROLLUPS
    )


def _sums(day: date, name: str) -> dict[tuple[Any, ...], Sequence[Any]]:
    """Add up the facts of a day by one of their dimensions."""
    sums = {f"sum_{measure}": Sum(measure) for measure in MEASURES}
    rows = Fact.objects.filter(day=day).values(name).annotate(**sums).values_list(name, *sums).order_by()
    return {(key,): amounts for key, *amounts in rows.iterator(chunk_size=2000)}


def rebuild_rollups() -> dict[date, int]:
    """Rebuild all sums from the facts, a day at a time; return how many rows differed, for days where any did."""
    days = {
        day
        for model in (Fact, DayModel, DayToken)
        for day in model.objects.values_list("day", flat=True).order_by("day").distinct()
    }
    differed = {}
    for day in sorted(days):
        with transaction.atomic():
            lock_state()
            if rows := roll_up(day):
                differed[day] = rows
                mark_changed()
    return differed
