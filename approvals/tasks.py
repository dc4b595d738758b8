"""Work on requests and grants outside a page. Each calls one service."""

import logging
import time

from celery import shared_task

from approvals import services
from gateway.errors import GatewayUnavailable
from keys.services import GatewayChanged

logger = logging.getLogger(__name__)


@shared_task(
    name="approvals.apply_grants",
    soft_time_limit=240,  # s
    autoretry_for=(GatewayUnavailable,),
    retry_backoff=5,  # s; doubles, with jitter, up to:
    retry_backoff_max=20,
    max_retries=1,  # the schedule runs it again soon
    acks_late=True,  # a second run changes nothing
    ignore_result=True,
    throws=(GatewayChanged,),  # recorded, and the administrators get a mail: not to be retried
)
def apply_grants() -> None:
    """Apply new grants at the gateway, and remove those that have ended."""
    started = time.monotonic()
    done = services.apply_due_grants()
    logger.info("approvals.apply_grants: %d people in %.1f s", done, time.monotonic() - started)


@shared_task(name="approvals.send_mails", soft_time_limit=300, acks_late=True, ignore_result=True)
def send_mails() -> None:
    """Send the decisions to requesters, and the open requests to deciders."""
    started = time.monotonic()
    sent = services.mail_decisions() + services.mail_deciders()
    logger.info("approvals.send_mails: %d sent in %.1f s", sent, time.monotonic() - started)
