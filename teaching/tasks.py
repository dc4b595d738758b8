"""Tasks of courses' mails."""

import logging
import time
from typing import Final

from celery import shared_task

from teaching import services

logger = logging.getLogger(__name__)

LIMIT_S: Final = 300


@shared_task(name="teaching.send_messages", soft_time_limit=LIMIT_S, acks_late=True, ignore_result=True)
def send_messages() -> int:
    """Send the mails of teachers that are not sent yet."""
    began = time.monotonic()
    sent = services.send_messages()
    if sent:
        logger.info("teaching.send_messages: %d mails in %.1f s", sent, time.monotonic() - began)
    return sent
