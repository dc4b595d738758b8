"""Work on accounts outside a request."""

import logging
import time
from typing import Any

from celery import shared_task
from celery.exceptions import SoftTimeLimitExceeded

from accounts import mails
from accounts.invitations import send_invitations as send_all_invitations
from accounts.mail_choices import send_daily_mails as send_all_daily_mails
from accounts.saml_metadata import refresh_due
from accounts.sign_ins import prune_sign_ins as prune_all_sign_ins

logger = logging.getLogger(__name__)


@shared_task(
    name="accounts.send_mail",
    soft_time_limit=60,  # s
    autoretry_for=(OSError, SoftTimeLimitExceeded),  # the mail server is unavailable, hangs or refuses
    retry_backoff=10,  # s; doubles, with jitter, up to:
    retry_backoff_max=1800,
    max_retries=60,  # a day; then the message expires
    acks_late=True,  # better twice than never
    ignore_result=True,
)
def send_mail(kind: str, user_id: int | None, language: str, details: dict[str, Any]) -> None:
    """Send a mail about an account; the details are ids, ISO times and short texts, never a secret."""
    started = time.monotonic()
    sent = mails.send_mail(kind, user_id, language, details)
    logger.info("accounts.send_mail: %s, %d sent in %.1f s", kind, sent, time.monotonic() - started)


@shared_task(name="accounts.send_invitations", soft_time_limit=300, acks_late=True, ignore_result=True)
def send_invitations() -> None:
    """Write to everybody who was invited and has had no mail yet; the next run retries the rest."""
    started = time.monotonic()
    sent = send_all_invitations()
    logger.info("accounts.send_invitations: %d sent in %.1f s", sent, time.monotonic() - started)


@shared_task(name="accounts.send_daily_mails", soft_time_limit=300, acks_late=True, ignore_result=True)
def send_daily_mails() -> None:
    """Write to everybody who wants all mails of a day in one; the next run continues what the mail server refused."""
    started = time.monotonic()
    sent = send_all_daily_mails()
    logger.info("accounts.send_daily_mails: %d sent in %.1f s", sent, time.monotonic() - started)


@shared_task(name="accounts.prune_sign_ins", soft_time_limit=300, acks_late=True, ignore_result=True)
def prune_sign_ins() -> None:
    """Delete sign-ins that are kept long enough."""
    started = time.monotonic()
    deleted = prune_all_sign_ins()
    logger.info("accounts.prune_sign_ins: %d deleted in %.1f s", deleted, time.monotonic() - started)


@shared_task(name="accounts.refresh_saml_metadata", soft_time_limit=540, acks_late=True, ignore_result=True)
def refresh_saml_metadata() -> None:
    """Read the metadata of SAML federations that is due; the next run tries again what could not be read."""
    started = time.monotonic()
    read = refresh_due()
    logger.info("accounts.refresh_saml_metadata: %d read in %.1f s", read, time.monotonic() - started)
