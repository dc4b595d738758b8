"""The sandbox's own time: real time, moved by an offset so that tests need not wait for an expiry."""

from datetime import UTC, datetime, timedelta


class Clock:
    """Tell the time, and how far it was moved."""

    def __init__(self) -> None:
        self.offset_s = 0.0

    def now(self) -> datetime:
        """Return the sandbox's present, aware, in UTC."""
        return datetime.now(UTC) + timedelta(seconds=self.offset_s)


def stamp(moment: datetime) -> str:
    """Spell a moment for the database: UTC, milliseconds, sorts as text."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds")


def to_the_millisecond(moment: datetime) -> datetime:
    """Cut a moment to what the database keeps of it."""
    return moment.replace(microsecond=moment.microsecond // 1000 * 1000)


def with_z(moment: datetime | None) -> str | None:
    """Spell a moment as `/key/generate` and `/key/list` do; no fraction when it is zero."""
    return None if moment is None else moment.isoformat().replace("+00:00", "Z")


def with_offset(moment: datetime | None) -> str | None:
    """Spell a moment as `/key/info` and `/key/update` do."""
    return None if moment is None else moment.isoformat()
