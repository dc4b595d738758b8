"""Records by how much today's facts grow from poll to poll: the calls of the last hour, by model (ADR 38)."""

from collections.abc import Mapping
from datetime import date, timedelta
from operator import add
from typing import Final

from django.db.models import Sum
from django.utils import timezone

from usage.models import DayModel, ModelGrowth, UsageState, utc_today
from web.intervals import interval_of

LONGEST_GAP: Final = timedelta(minutes=20)  # between two polls; after a longer one it is unknown when calls were made
COUNTED: Final = ("ok_requests", "failed_requests", "response_ms")
NONE: Final = (0, 0, 0)
Requests = Mapping[int, tuple[int, ...]]  # by id of the model: COUNTED


def requests_seen(day: date) -> Requests | None:
    """Return the requests of today that the last poll has seen; None for another day, or if it was too long ago."""
    if day != utc_today():
        return None
    since = timezone.now() - LONGEST_GAP
    return _requests_of(day) if UsageState.objects.filter(last_ok_at__gte=since).exists() else None


def record_growth(day: date, seen: Requests | None) -> None:
    """Add what a day has grown by to the present interval. Call it in the transaction of the facts, after the sums."""
    if seen is None:
        return
    at = interval_of(timezone.now())
    before = {
        model: tuple(counts) for model, *counts in ModelGrowth.objects.filter(at=at).values_list("model", *COUNTED)
    }
    rows = []
    for model, counts in _requests_of(day).items():
        grown = [max(0, count - old) for count, old in zip(counts, seen.get(model, NONE), strict=True)]
        if any(grown):
            totals = map(add, grown, before.get(model, NONE))
            rows.append(ModelGrowth(at=at, model_id=model, **dict(zip(COUNTED, totals, strict=True))))
    ModelGrowth.objects.bulk_create(
        rows, update_conflicts=True, unique_fields=["at", "model"], update_fields=list(COUNTED)
    )


def _requests_of(day: date) -> Requests:
    sums = {f"sum_{name}": Sum(name) for name in COUNTED}
    rows = DayModel.objects.filter(day=day).order_by().values("model").annotate(**sums)
    return {model: tuple(counts) for model, *counts in rows.values_list("model", *sums)}
