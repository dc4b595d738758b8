"""The sandbox's own time: real time, moved by an offset so that tests need not wait for an expiry."""

from datetime import UTC, datetime, timedelta


class Clock:
    """The time of the sandbox, and its offset."""

    def __init__(self) -> None:
        self.offset_s = 0.0

    def now(self) -> datetime:
        """Return the sandbox's present time, aware, in UTC."""
        return datetime.now(UTC) + timedelta(seconds=self.offset_s)


def stamp(moment: datetime) -> str:
    """Format a time for the database: UTC, milliseconds, sorts as text."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds")


def to_the_millisecond(moment: datetime) -> datetime:
    """Truncate a time to the precision of the database."""
    return moment.replace(microsecond=moment.microsecond // 1000 * 1000)


def with_z(moment: datetime | None) -> str | None:
    """Format a time as `/key/generate` and `/key/list` do; no fraction when it is zero."""
    return None if moment is None else moment.isoformat().replace("+00:00", "Z")


def with_offset(moment: datetime | None) -> str | None:
    """Format a time as `/key/info` and `/key/update` do."""
    return None if moment is None else moment.isoformat()
