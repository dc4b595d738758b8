"""Tasks about all apps."""

import logging
import time

from celery import shared_task

from portal.retention import apply_retention as apply_all

logger = logging.getLogger(__name__)


@shared_task(name="portal.apply_retention", soft_time_limit=600, acks_late=True, ignore_result=True)  # s
def apply_retention() -> None:
    """Delete what is older than the settings say."""
    began = time.monotonic()
    for name, number in apply_all().items():
        logger.info("portal.apply_retention: %s, %d rows, %.1f s so far", name, number, time.monotonic() - began)
