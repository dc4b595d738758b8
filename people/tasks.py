"""Work on people outside a request. Each task loads nothing and calls one service."""

import logging
import time

from celery import shared_task

from people import services

logger = logging.getLogger(__name__)


@shared_task(name="people.check_leaving", soft_time_limit=900, acks_late=True, ignore_result=True)
def check_leaving() -> None:
    """Look for leaving accounts, and deactivate those whose grace is over; the next run continues."""
    started = time.monotonic()
    closed = services.check_leaving()
    logger.info("people.check_leaving: %d deactivated in %.1f s", closed, time.monotonic() - started)


@shared_task(name="people.check_provisioned", soft_time_limit=300, acks_late=True, ignore_result=True)
def check_provisioned() -> None:
    """Follow what SCIM said about people; the nightly check does it anyway."""
    services.check_provisioned()


@shared_task(name="people.mail_leaving", soft_time_limit=300, acks_late=True, ignore_result=True)
def mail_leaving() -> None:
    """Send warnings about leaving accounts; the next run continues what the mail server refused."""
    started = time.monotonic()
    sent = services.mail_leaving()
    logger.info("people.mail_leaving: %d sent in %.1f s", sent, time.monotonic() - started)
