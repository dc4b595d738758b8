"""Hourly quotas of a person: counted in the database, over all processes and machines.

Hours are those of the clock (UTC). Knows nothing of what is counted.
"""

from datetime import datetime, timedelta
from typing import Final

from django.db import connection
from django.utils import timezone

from accounts.models import HourlyCount, User

AN_HOUR = timedelta(hours=1)

_TABLE: Final = HourlyCount._meta.db_table
# Raw SQL: Django has no insert that updates under a condition. No row is returned when the quota is used up.
_ADD: Final = f"""
    INSERT INTO {_TABLE} AS counted (user_id, action, hour, amount) VALUES (%s, %s, %s, %s)
    ON CONFLICT (user_id, action) DO UPDATE SET
        amount = CASE WHEN counted.hour = excluded.hour THEN counted.amount ELSE 0 END + excluded.amount,
        hour = excluded.hour
    WHERE counted.hour <> excluded.hour OR counted.amount + excluded.amount <= %s
    RETURNING amount
"""  # noqa: S608  (names of ours)


class QuotaExceeded(Exception):
    """The quota of this hour is used up; nothing was counted. `retry_at` is when the next hour begins."""

    def __init__(self, action: str, *, limit: int, retry_at: datetime) -> None:
        super().__init__(f"{action}: {limit} an hour")
        self.action, self.limit, self.retry_at = action, limit, retry_at


def consume(user: User, action: str, *, limit: int, amount: int = 1) -> None:
    """Count `amount` (actions, bytes) of `action`; raises QuotaExceeded where that would exceed `limit` an hour.

    One statement, which is its own lock: concurrent requests cannot exceed the limit together. Joins the caller's
    transaction; a rollback undoes the count.
    """
    hour = timezone.now().replace(minute=0, second=0, microsecond=0)
    at = connection.ops.adapt_datetimefield_value(hour)
    if amount <= limit:
        with connection.cursor() as cursor:
            cursor.execute(_ADD, [user.pk, action, at, amount, limit])
            if cursor.fetchone():
                return
    raise QuotaExceeded(action, limit=limit, retry_at=hour + AN_HOUR)
