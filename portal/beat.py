"""Beat's record of when each task was last sent: a small file of JSON, replaced atomically.

Celery's own is a shelve, which a kill can corrupt; beat then fails at every start.
"""

import json
import logging
import time
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from celery.beat import Scheduler as CeleryScheduler
from django.utils import timezone

from portal.private_files import write_whole

logger = logging.getLogger(__name__)

TICKS_WITHIN_S: Final = 60.0  # it looks at the schedule every few seconds; sending waits for Redis at most this long


class Scheduler(CeleryScheduler):
    """Sends the tasks of CELERY_BEAT_SCHEDULE, and those missed during a downtime once."""

    def __init__(self, *args: Any, schedule_filename: str, **kwargs: Any) -> None:
        self._path = Path(schedule_filename)
        self._ticked_at = time.monotonic()
        super().__init__(*args, **kwargs)

    def setup_schedule(self) -> None:
        """Load the times of the last run; start over, with a warning, if they cannot be read."""
        super().setup_schedule()
        for name, sent_at in self._read().items():
            if name in self.schedule:
                self.schedule[name].last_run_at = min(sent_at, timezone.now())
        self.sync()

    def tick(self, *args: Any, **kwargs: Any) -> float:
        """Send what is due, as Celery does; return in how many seconds to look again."""
        seconds: float = super().tick(*args, **kwargs)
        self._ticked_at = time.monotonic()
        return seconds

    def is_ticking(self) -> bool:
        """Return whether it looked at the schedule lately."""
        return time.monotonic() - self._ticked_at < TICKS_WITHIN_S

    def sync(self) -> None:
        """Save the times."""
        times = {name: entry.last_run_at.isoformat() for name, entry in self.schedule.items() if entry.last_run_at}
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            write_whole(self._path, json.dumps(times, indent=1))
        except OSError as problem:  # a full disk: tasks are sent anyway
            logger.error("Beat cannot write %s: %s", self._path, problem.strerror)

    def _read(self) -> dict[str, datetime]:
        try:
            times = json.loads(self._path.read_text(encoding="utf-8"))
            found = {str(name): datetime.fromisoformat(sent_at) for name, sent_at in times.items()}
            if not all(map(timezone.is_aware, found.values())):
                raise ValueError("a time without its zone")
        except FileNotFoundError:
            return {}
        except (OSError, ValueError, TypeError, AttributeError) as problem:
            logger.warning("Beat begins anew: %s cannot be read (%s)", self._path, type(problem).__name__)
            return {}
        return found
