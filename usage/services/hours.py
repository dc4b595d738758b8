"""Counts requests of courses by the hour: by how much a day grew since it was read before.

The gateway reports by day. An hour is as exact as polls are frequent: use shortly before a full hour may count
in the next one.
"""

from collections.abc import Collection
from datetime import UTC, date, datetime, time, timedelta
from typing import Any, Final
from uuid import UUID

from django.db.models import QuerySet, Sum

from usage.models import DayToken, HourFailure, KeyHour
from usage.services.day_reader import in_parts
from usage.services.upsert import BATCH
from web.deletion import delete_in_batches

HOURS_KEPT: Final = timedelta(weeks=8)
SLACK: Final = timedelta(minutes=5)  # before the full hour: how old the reading before may be
COUNTS: Final = ("ok_requests", "failed_requests")
Counts = tuple[int, int]  # in the order of COUNTS
NOTHING: Final[Counts] = (0, 0)


def count_hours(day: date, *, since: datetime | None, now: datetime) -> None:
    """Add what keys of courses used of a UTC day since it was read, at `since`, to the hour of `now`.

    Where the hour is not known, the growth is late: the day is over, or was read too long ago. A key of which the
    gateway reports less than before has all of its day as late. Idempotent. Call it after the day's sums in their
    transaction, so that a poll that is killed counts nothing.
    """
    if day < _first_day(now):
        return
    hour, last_hour = now.replace(minute=0, second=0, microsecond=0), datetime.combine(day, time(23), UTC)
    stored = KeyHour.objects.filter(hour__range=(datetime.combine(day, time(0), UTC), last_hour))
    totals = _sums(DayToken.objects.filter(day=day, token_ref__key__team__isnull=False), "token_ref__key")
    counted = _sums(stored, "key")
    shrunk = {key for key, counts in counted.items() if any(map(int.__lt__, totals.get(key, NOTHING), counts))}
    _delete(stored, shrunk)
    growth = {}
    for key in totals.keys() - shrunk:
        (ok, failed), (ok_before, failed_before) = totals[key], counted.get(key, NOTHING)
        growth[key] = (ok - ok_before, failed - failed_before)
    is_late = day != now.date() or since is None or since < hour - SLACK
    _add(stored, growth, hour=last_hour if is_late else hour, is_late=is_late)
    _add(stored, {key: totals.get(key, NOTHING) for key in shrunk}, hour=last_hour, is_late=True)


def delete_old_hours(now: datetime) -> int:
    """Delete the hours of days that are no longer kept; return how many rows."""
    first = datetime.combine(_first_day(now), time(0), UTC)
    outdated = [KeyHour.objects.filter(hour__lt=first), HourFailure.objects.filter(hour__lt=first)]
    return sum(map(delete_in_batches, outdated))


def _first_day(now: datetime) -> date:
    return (now - HOURS_KEPT).date()


def _sums(rows: QuerySet[Any], key: str) -> dict[UUID, Counts]:
    """Add up requests by key; one query."""
    sums = {f"sum_{name}": Sum(name) for name in COUNTS}
    found = rows.order_by().values_list(key).annotate(**sums)
    return {key: (ok, failed) for key, ok, failed in found}


def _delete(stored: QuerySet[KeyHour], keys: Collection[UUID]) -> None:
    for part in in_parts(keys):
        stored.filter(key__in=part).delete()


def _add(stored: QuerySet[KeyHour], growth: dict[UUID, Counts], *, hour: datetime, is_late: bool) -> None:
    """Add the growth of keys to their rows of an hour."""
    grown = {key: counts for key, counts in growth.items() if any(counts)}
    if not grown:
        return
    there = _sums(stored.filter(hour=hour, is_late=is_late), "key")
    rows = []
    for key, (ok, failed) in grown.items():
        ok_before, failed_before = there.get(key, NOTHING)
        numbers = {"ok_requests": ok_before + ok, "failed_requests": failed_before + failed}
        rows.append(KeyHour(key_id=key, hour=hour, is_late=is_late, **numbers))
    place = ["key", "hour", "is_late"]
    KeyHour.objects.bulk_create(
        rows, batch_size=BATCH, update_conflicts=True, unique_fields=place, update_fields=COUNTS
    )
