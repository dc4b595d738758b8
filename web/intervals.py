"""The intervals of ten minutes in which recent calls are counted."""

from datetime import datetime, timedelta
from typing import Final

INTERVAL: Final = timedelta(minutes=10)


def interval_of(moment: datetime) -> datetime:
    """Return the beginning of the interval of a moment."""
    return moment.replace(minute=moment.minute - moment.minute % 10, second=0, microsecond=0)
