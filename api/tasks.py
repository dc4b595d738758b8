"""Work of the API outside a request."""

import logging
import time

from celery import shared_task

from api.services import idempotency

logger = logging.getLogger(__name__)


@shared_task(name="api.prune", soft_time_limit=300, acks_late=True, ignore_result=True)
def prune() -> None:
    """Delete the answers that are kept for repeated requests."""
    started = time.monotonic()
    deleted = idempotency.prune()
    logger.info("api.prune: %d answers deleted in %.1f s", deleted, time.monotonic() - started)
