"""How much of something one person may do in an hour: counted in the database, over all processes and machines.

Hours are those of the clock (UTC). Knows nothing of what is counted.
"""

from datetime import datetime, timedelta

from django.db.models import Case, F, Q, Value, When
from django.utils import timezone

from accounts.models import HourlyCount, User

AN_HOUR = timedelta(hours=1)


class QuotaExceeded(Exception):
    """More than the limit within this hour; nothing was counted. `retry_at` is when the next hour begins."""

    def __init__(self, action: str, *, limit: int, retry_at: datetime) -> None:
        super().__init__(f"{action}: {limit} an hour")
        self.action, self.limit, self.retry_at = action, limit, retry_at


def consume(user: User, action: str, *, limit: int, amount: int = 1) -> None:
    """Count `amount` (actions, bytes) of `action`; raises QuotaExceeded where that would be more than `limit` an hour.

    One statement, whose row count is the lock: two requests at once cannot pass the limit together. Joins the caller's
    transaction; what is rolled back was not counted.
    """
    hour = timezone.now().replace(minute=0, second=0, microsecond=0)
    if amount <= limit and (_added(user, action, hour, limit, amount) or _began(user, action, hour, limit, amount)):
        return
    raise QuotaExceeded(action, limit=limit, retry_at=hour + AN_HOUR)


def _added(user: User, action: str, hour: datetime, limit: int, amount: int) -> bool:
    """Add to the count of this hour, or begin it in the row of an earlier one, where that is within the limit."""
    within = Q(hour=hour, amount__lte=limit - amount) | ~Q(hour=hour)
    total = Case(When(hour=hour, then=F("amount") + amount), default=Value(amount))
    return bool(HourlyCount.objects.filter(within, user=user, action=action).update(amount=total, hour=hour))


def _began(user: User, action: str, hour: datetime, limit: int, amount: int) -> bool:
    """Make the person's first row of this action; where there is one by now, add to that."""
    first = {"hour": hour, "amount": amount}
    _row, created = HourlyCount.objects.get_or_create(user=user, action=action, defaults=first)
    return created or _added(user, action, hour, limit, amount)
