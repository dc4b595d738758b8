"""Steps of the setup that are done on the page of the checklist."""

import logging
from typing import Final

from django.conf import settings
from django.core import signing
from django.urls import reverse
from django.utils import timezone

from accounts.delivery import MailServerUnavailable, deliver
from accounts.locale import reading_as
from accounts.mails import compose
from accounts.models import SetupState, User
from web.addresses import absolute

logger = logging.getLogger(__name__)

SALT: Final = "notices.setup.mail"
LINK_LASTS_S: Final = 7 * 24 * 3600


class MailRefused(Exception):
    """The mail server refused the test mail, or there is no address to send it to."""


def send_test_mail(person: User) -> None:
    """Send a mail to the person now, with a link that confirms it. Raises MailRefused, MailServerUnavailable."""
    if not person.email:
        raise MailRefused
    now = timezone.now()
    path = reverse("notices:confirm_mail", args=[signing.dumps(now.isoformat(), salt=SALT)])
    context = {"name": person.display_name, "link": absolute(path), "portal_url": settings.PORTAL_URL}
    with reading_as(person):
        message = compose("notices/mail/test_subject.txt", "notices/mail/test.txt", to=person.email, context=context)
    try:
        if not deliver(message, name=f"test-{person.pk}-{now:%Y%m%d%H%M%S}"):
            raise MailRefused
    except MailServerUnavailable as error:
        logger.warning("test mail: not sent, %s", error)
        raise
    _note(mail_sent_at=now, mail_received_at=None)


def is_code_of_test_mail(code: str) -> bool:
    """Tell whether this is the code in the last test mail."""
    try:
        sent_at = signing.loads(code, salt=SALT, max_age=LINK_LASTS_S)
    except signing.BadSignature:
        return False
    last = SetupState.load().mail_sent_at
    return last is not None and last.isoformat() == sent_at


def confirm_test_mail() -> None:
    """Record that the test mail was received."""
    _note(mail_received_at=timezone.now())


def note_policy_read() -> None:
    """Record that somebody has read the default policy."""
    _note(policy_read_at=timezone.now())


def dismiss_checklist(person: User, *, dismissed: bool) -> None:
    """Hide the checklist on My keys, for everybody; or show it again."""
    _note(dismissed_at=timezone.now() if dismissed else None, dismissed_by=person if dismissed else None)


def _note(**fields: object) -> None:
    SetupState.objects.update_or_create(pk=1, defaults=fields)
