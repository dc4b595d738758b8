"""Sums up the facts of months long past: one fact for each key, model and cost centre, on its last day of use (ADR 64).

Sums stay those of the facts, so whole months, and all that has no days, read as before.
"""

from collections.abc import Sequence
from datetime import date, timedelta
from typing import Any, Final

from django.conf import settings
from django.db import transaction
from django.db.models import Max, Min, Sum

from usage.models import MEASURES, Fact, UsageState, utc_today
from usage.services.rollups import roll_up
from usage.services.state import lock_state, mark_changed
from usage.services.upsert import upsert_changes

LEAST_DAYS: Final = 400  # a year, its first month, and what the back-fill reads stay as they are


def compact_next_month() -> tuple[date, int] | None:
    """Sum up the oldest month that is past DAILY_USAGE_RETENTION_DAYS; return its first day, and how many facts went.

    None without such a month, and until the back-fill is complete, which reads no day before `daily_from`. A month is
    a transaction; polls wait for it.
    """
    if not settings.DAILY_USAGE_RETENTION_DAYS:
        return None
    with transaction.atomic():
        lock_state()
        state = UsageState.load()
        month = _oldest_month(state)
        if month is None or _following(month) > _first_daily_day() or state.backfill_share < 1:
            return None
        days = [month + timedelta(days=number) for number in range((_following(month) - month).days)]
        removed = sum(_compact_day(day, days) for day in reversed(days))
        for day in days:
            roll_up(day)
        UsageState.objects.filter(pk=1).update(daily_from=_following(month))
        mark_changed()
    return month, removed


def _first_daily_day() -> date:
    """Return the first day of the oldest month that DAILY_USAGE_RETENTION_DAYS leaves as it is."""
    kept_days = max(settings.DAILY_USAGE_RETENTION_DAYS, LEAST_DAYS)
    return (utc_today() - timedelta(days=kept_days)).replace(day=1)


def _oldest_month(state: UsageState) -> date | None:
    """Return the first day of the oldest month with facts that is not summed up."""
    facts = Fact.objects.filter(day__gte=state.daily_from) if state.daily_from else Fact.objects.all()
    oldest: date | None = facts.aggregate(oldest=Min("day"))["oldest"]
    return oldest and oldest.replace(day=1)


def _following(month: date) -> date:
    return (month + timedelta(days=31)).replace(day=1)


def _compact_day(day: date, days: Sequence[date]) -> int:
    """Give this day the whole month of what was used on it last; return how many facts went.

    Begin with the last day: sums of a day need the facts of the earlier ones.
    """
    names = ("token_ref_id", "model_id", "cost_centre_number")
    sums = {f"sum_{measure}": Sum(measure) for measure in MEASURES}
    rows = (
        Fact.objects.filter(day__range=(days[0], days[-1])).order_by().values(*names).annotate(last=Max("day"), **sums)
    )
    found = rows.filter(last=day).values_list(*names[:2], *sums).iterator(chunk_size=2000)
    wanted: dict[tuple[Any, ...], Sequence[Any]] = {(token, model): amounts for token, model, *amounts in found}
    stored = Fact.objects.filter(day=day)
    return upsert_changes(stored, wanted, key=names[:2], fixed={"day": day}).removed
