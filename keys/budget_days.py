"""The days on which budgets begin and end: periods in UTC, as the gateway counts; grants and stays in TIME_ZONE."""

from datetime import UTC, date, datetime, time, timedelta

from django.utils import timezone

from accounts.policies import Allowance


def utc_today() -> date:
    """Return the gateway's present day."""
    return datetime.now(UTC).date()


def portal_today() -> date:
    """Return the day of TIME_ZONE, in which stays and grants end, wherever the reader is."""
    return timezone.localdate(timezone=timezone.get_default_timezone())


def period_first_day(period: str, today: date) -> date:
    """Return the first day (UTC) of the current period of a budget, as the gateway counts it."""
    return {"1d": today, "7d": today - timedelta(days=today.weekday())}.get(period, today.replace(day=1))


def next_period_day(period: str, today: date) -> date:
    """Return the first day (UTC) of the next period of a budget."""
    if period == "1d":
        return today + timedelta(days=1)
    if period == "7d":
        return today + timedelta(days=7 - today.weekday())
    return (today.replace(day=1) + timedelta(days=32)).replace(day=1)


def period_bounds(period: str) -> tuple[datetime, datetime]:
    """Return when the running period of a budget began, and when the next one begins (UTC)."""
    today = utc_today()
    days = (period_first_day(period, today), next_period_day(period, today))
    begins, ends = (datetime.combine(day, time(), UTC) for day in days)
    return begins, ends


def end_of_period(allowance: Allowance) -> date:
    """Return the last day of the running period of a person's budget."""
    return max(portal_today(), next_period_day(allowance.person_budget_period, utc_today()) - timedelta(days=1))
