"""LiteLLM's notation of durations, and when budgets reset."""

import calendar
import re
from datetime import datetime, timedelta

_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800}


class DurationError(ValueError):
    """The message is LiteLLM's."""


def after(moment: datetime, duration: str) -> datetime:
    """Return the time one `duration` later: `45s 90m 12h 30d 2w 1mo`."""
    if not re.match(r"\d", duration):
        raise DurationError("Invalid duration format")
    match = re.fullmatch(r"(\d+)(mo|[smhdw])", duration)
    if match is None:
        raise DurationError(f"Unsupported duration unit, passed duration: {duration}")
    count, unit = int(match[1]), match[2]
    if unit == "mo":
        return _months_later(moment, count)
    return moment + timedelta(seconds=count * _SECONDS[unit])


def _months_later(moment: datetime, months: int) -> datetime:
    month = moment.month - 1 + months
    year, month = moment.year + month // 12, month % 12 + 1
    day = min(moment.day, calendar.monthrange(year, month)[1])
    return moment.replace(year=year, month=month, day=day)


def next_reset(moment: datetime, duration: str) -> datetime:
    """Return when a budget per `duration` resets: full hours, midnights, Mondays, firsts of a month (UTC)."""
    match = re.fullmatch(r"(\d+)(mo|[smhdw])", duration)
    if match is None:
        raise DurationError(f"Invalid budget_duration '{duration}'. Use a format like '1h', '24h', '7d', or '30d'.")
    count, unit = int(match[1]), match[2]
    midnight = moment.replace(hour=0, minute=0, second=0, microsecond=0)
    if unit == "mo" or duration == "30d":
        return _months_later(midnight.replace(day=1), count if unit == "mo" else 1)
    if duration in ("7d", "1w"):
        return midnight + timedelta(days=7 - midnight.weekday())
    if unit in "dw":
        return midnight + timedelta(seconds=count * _SECONDS[unit])
    return _next_multiple(moment, midnight, timedelta(seconds=count * _SECONDS[unit]))


def _next_multiple(moment: datetime, midnight: datetime, step: timedelta) -> datetime:
    if not step:
        return moment
    return midnight + ((moment - midnight) // step + 1) * step
