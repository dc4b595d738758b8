"""Tasks about models."""

import logging
import time

from celery import shared_task

from catalogue import services

logger = logging.getLogger(__name__)


@shared_task(name="catalogue.measure_health", soft_time_limit=50, acks_late=True, ignore_result=True)  # s
def measure_health() -> None:
    """Measure how well the models work."""
    began = time.monotonic()
    changed = services.measure_health()
    logger.info("catalogue.measure_health: %d changed in %.1f s", changed, time.monotonic() - began)
