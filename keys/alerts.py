"""Tell the administrators by e-mail what they must see to, once a day of each thing."""

import logging
from datetime import timedelta
from typing import Final

from django.conf import settings
from django.core.mail import EmailMessage
from django.db.models import Q, QuerySet
from django.utils import timezone, translation
from django.utils.functional import Promise

from accounts.delivery import MailServerUnavailable, deliver
from accounts.models import ADMINS, User
from keys.models import AdminAlert

logger = logging.getLogger(__name__)

AGAIN_AFTER: Final = timedelta(days=1)


def alert_admins(code: str, subject: str | Promise, body: str | Promise) -> bool:
    """Write one mail to each administrator with an address, unless that was done within a day; tell whether.

    Texts may be lazy translations: they are in the portal's own language. A mail that fails is tried again next time.
    """
    now = timezone.now()
    AdminAlert.objects.get_or_create(code=code)
    due = AdminAlert.objects.filter(Q(mailed_at=None) | Q(mailed_at__lte=now - AGAIN_AFTER), code=code)
    if not due.update(mailed_at=now):
        return False
    with translation.override(settings.LANGUAGE_CODE):
        text, title = str(body), f"[Passerelle] {' '.join(str(subject).split())}"
    logger.error("alert %s: %s", code, title)
    try:
        for admin in administrators().exclude(email=""):
            deliver(EmailMessage(title, text, to=[admin.email]), name=f"alert-{code}-{admin.pk}-{now:%Y%m%d%H%M%S}")
    except MailServerUnavailable:  # some may read it twice; better than not at all
        AdminAlert.objects.filter(code=code, mailed_at=now).update(mailed_at=None)
    return True


def administrators() -> QuerySet[User]:
    """Return who answers for the portal: superusers, and the group Admins."""
    return User.objects.filter(Q(is_superuser=True) | Q(groups__name=ADMINS), is_active=True).distinct()
