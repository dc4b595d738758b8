"""Work on courses outside a request: end those whose time is over, and repair what crashes left."""

import logging
import time

from celery import shared_task

from courses import services

logger = logging.getLogger(__name__)


@shared_task(name="courses.end_due", soft_time_limit=50, acks_late=True, ignore_result=True)  # s
def end_due() -> None:
    """End the courses whose end has passed, and keys of people who left; a second run changes nothing.

    Keys that were handed out get another teacher as their owner where theirs has left.
    """
    started = time.monotonic()
    ended, repaired = services.end_due_courses(), services.repair_students() + services.hand_over_keys()
    logger.info("courses.end_due: %d ended, %d repaired in %.1f s", ended, repaired, time.monotonic() - started)
