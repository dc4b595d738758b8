"""The hours of a course's last days, in its time zone: as charts with their numbers."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from courses.models import Course
from usage.queries.courses import Activity, CourseHour, Reason

MOST_DAYS: Final = 5
HOUR: Final = timedelta(hours=1)
FIRST, LAST = time(8), time(19)  # a chart has these hours at least
WIDTH, HEIGHT = 10, 100  # of an hour in the drawing, and of the drawing; whole numbers are the same in all languages


@dataclass(frozen=True, slots=True, kw_only=True)
class Bar:
    """An hour with its place in the drawing."""

    starts_at: datetime  # in the course's time zone, as `ends_at`
    numbers: Activity
    x: int
    active_height: int
    failing_height: int
    reasons: tuple[Reason, ...] = ()  # why requests failed, as far as it is known

    @property
    def ends_at(self) -> datetime:
        """The full hour after it."""
        return self.starts_at + HOUR

    @property
    def active_y(self) -> int:
        """The top of the bar."""
        return HEIGHT - self.active_height

    @property
    def failing_y(self) -> int:
        """The top of its part with failures."""
        return HEIGHT - self.failing_height


@dataclass(frozen=True, slots=True, kw_only=True)
class HoursOfDay:
    """The chart of a day, and its requests of which the hour is not known."""

    day: date
    bars: tuple[Bar, ...]
    most_active: int
    late_requests: int

    @property
    def width(self) -> int:
        """The width of the drawing."""
        return WIDTH * len(self.bars)

    @property
    def used(self) -> list[Bar]:
        """The hours with any request."""
        return [bar for bar in self.bars if bar.numbers.requests]


def hours_by_day(course: Course, hours: Iterable[CourseHour]) -> list[HoursOfDay]:
    """Return the last days with any hours, the newest first. Late use is on its day in UTC."""
    zone = ZoneInfo(course.time_zone)
    by_day: dict[date, list[CourseHour]] = {}
    late: dict[date, int] = {}
    for hour in hours:
        if hour.is_late:
            late[hour.starts_at.date()] = hour.requests
        else:
            by_day.setdefault(hour.starts_at.astimezone(zone).date(), []).append(hour)
    newest = sorted(by_day, reverse=True)[:MOST_DAYS]
    return [_hours_of_day(day, by_day[day], zone, late.get(day, 0)) for day in newest]


def _hours_of_day(day: date, hours: list[CourseHour], zone: ZoneInfo, late_requests: int) -> HoursOfDay:
    numbers = {hour.starts_at: hour for hour in hours}
    start, end = min(_utc_hour(day, FIRST, zone), *numbers), max(_utc_hour(day, LAST, zone), *numbers)
    most = max(hour.active for hour in hours)
    bars = [
        _bar(start + place * HOUR, place, numbers.get(start + place * HOUR, Activity()), zone, most)
        for place in range((end - start) // HOUR + 1)
    ]
    return HoursOfDay(day=day, bars=tuple(bars), most_active=most, late_requests=late_requests)


def _utc_hour(day: date, hour: time, zone: ZoneInfo) -> datetime:
    """Return the full hour in UTC in which a local hour begins."""
    return datetime.combine(day, hour, zone).astimezone(UTC).replace(minute=0)


def _bar(hour: datetime, place: int, numbers: Activity, zone: ZoneInfo, most: int) -> Bar:
    return Bar(
        starts_at=hour.astimezone(zone),
        numbers=numbers,
        x=place * WIDTH,
        active_height=HEIGHT * numbers.active // most,
        failing_height=HEIGHT * numbers.failing // most,
        reasons=numbers.reasons if isinstance(numbers, CourseHour) else (),
    )
