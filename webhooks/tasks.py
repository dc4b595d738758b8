"""Work of webhooks outside a request."""

import logging
import time

from celery import shared_task

from webhooks import services

logger = logging.getLogger(__name__)


@shared_task(name="webhooks.deliver", soft_time_limit=180, acks_late=True, ignore_result=True)
def deliver() -> None:
    """Send the messages that are due."""
    started = time.monotonic()
    delivered, failing = services.deliver_due()
    if delivered or failing:
        took = time.monotonic() - started
        logger.info("webhooks.deliver: %d delivered, %d receivers failed in %.1f s", delivered, failing, took)


@shared_task(name="webhooks.note_expired", soft_time_limit=50, acks_late=True, ignore_result=True)
def note_expired() -> None:
    """Write messages about keys that have expired."""
    services.note_expired()


@shared_task(name="webhooks.prune", soft_time_limit=300, acks_late=True, ignore_result=True)
def prune() -> None:
    """Delete old messages."""
    started = time.monotonic()
    logger.info("webhooks.prune: %d deleted in %.1f s", services.prune(), time.monotonic() - started)
