"""Sends mails about rows, each once, wherever a run is interrupted: the row is claimed, the mail sent, the row marked.

A process that dies in between leaves a claim, which expires; a later run then sends the mail. If the mail server
had accepted it at the last moment, it gets the same mail with the same Message-ID again, and may drop it.
"""

import logging
import smtplib
from collections.abc import Callable, Iterable
from datetime import timedelta
from typing import Any, Final, TypeVar
from urllib.parse import urlsplit

from celery.exceptions import SoftTimeLimitExceeded
from django.conf import settings
from django.core.mail import EmailMessage
from django.db.models import Model, Q, QuerySet
from django.utils import timezone

from accounts.mail_record import note_failed, note_sent

logger = logging.getLogger(__name__)

CLAIM_LASTS: Final = timedelta(minutes=10)  # longer than any task that sends mails may run

Row = TypeVar("Row", bound=Model)


class MailServerUnavailable(Exception):
    """No mail can be sent now: the server is unreachable, hangs, or refuses the connection."""


def claim(rows: QuerySet[Any], field: str) -> bool:
    """Claim the one row of `rows` by the time in its `field`, unless another process has; return whether we have it."""
    now = timezone.now()
    return bool(rows.filter(Q(**{field: None}) | Q(**{f"{field}__lt": now - CLAIM_LASTS})).update(**{field: now}))


def send_each(rows: Iterable[Row], send: Callable[[Row], bool]) -> int:
    """Call `send` with each row; return how many mails went out. An unavailable server ends the round.

    A row whose mail cannot be written does not stop the others.
    """
    sent = 0
    for row in rows:
        try:
            sent += send(row)
        except MailServerUnavailable as error:
            logger.warning("mails: the mail server is not available (%s); the rest is sent by the next run", error)
            break
        except SoftTimeLimitExceeded:
            raise
        except Exception:
            logger.exception("mails: none could be written for %s %s", type(row).__name__, row.pk)
    return sent


def identify(message: EmailMessage, *, name: str) -> None:
    """Give a mail the Message-ID of this name: when it is sent again, the receiver may drop it."""
    message.extra_headers["Message-ID"] = f"<{name}@{urlsplit(settings.PORTAL_URL).hostname}>"


def send(message: EmailMessage) -> None:
    """Send a mail, and record that or the failure for administrators; raises OSError, as smtplib's errors are.

    Refused addresses are no failure of the server, which would alarm administrators.
    """
    try:
        message.send()
    except smtplib.SMTPRecipientsRefused:
        raise
    except OSError as error:
        note_failed(error)
        raise
    note_sent()


def deliver(message: EmailMessage, *, name: str) -> bool:
    """Send a mail, called `name` in its Message-ID; False if the server refuses this one.

    Raises MailServerUnavailable.
    """
    identify(message, name=name)
    try:
        send(message)
    except (smtplib.SMTPRecipientsRefused, smtplib.SMTPSenderRefused, smtplib.SMTPDataError, ValueError) as refusal:
        logger.warning("mails: %s was refused (%s)", name, type(refusal).__name__)  # ValueError: an invalid address
        return False
    except OSError as error:
        raise MailServerUnavailable(type(error).__name__) from error
    return True
