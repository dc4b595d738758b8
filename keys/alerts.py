"""Mails to administrators about problems, at most one a day for each."""

import logging
from datetime import timedelta
from typing import Final

from django.conf import settings
from django.db.models import Q
from django.utils import timezone, translation
from django.utils.functional import Promise

from accounts.delivery import MailServerUnavailable, claim, deliver
from accounts.locale import reading_as
from accounts.mails import compose
from accounts.rights import people_with
from keys.models import AdminAlert

logger = logging.getLogger(__name__)

AGAIN_AFTER: Final = timedelta(days=1)


def alert_admins(
    code: str, subject: str | Promise, body: str | Promise, *, permission: str = "keys.accept_gateway"
) -> bool:
    """Write one mail to each active person with the permission, at most once a day; return whether any was sent.

    Lazy translations are rendered in the language of each reader. Interrupted mails are sent by a later call;
    somebody may then get one twice, with the same Message-ID.
    """
    now = timezone.now()
    alert, _created = AdminAlert.objects.get_or_create(code=code)
    row = AdminAlert.objects.filter(pk=alert.pk)
    if not claim(row.filter(Q(mailed_at=None) | Q(mailed_at__lte=now - AGAIN_AFTER)), "mail_claimed_at"):
        return False
    with translation.override(settings.LANGUAGE_CODE):
        logger.error("alert %s: %s", code, subject)
    name = f"alert-{code}-{(alert.mailed_at or now):%Y%m%d}"
    try:
        for person in people_with(permission).exclude(email=""):
            with reading_as(person):
                context = {"name": person.display_name, "subject": subject, "body": body}
                message = compose(
                    "keys/mail/alert_subject.txt", "keys/mail/alert.txt", to=person.email, context=context
                )
            deliver(message, name=f"{name}-{person.pk}")
    except MailServerUnavailable as error:
        logger.warning("alert %s: the mail server is not available (%s)", code, error)
        row.update(mail_claimed_at=None)
        return False
    row.update(mail_claimed_at=None, mailed_at=now)
    return True
