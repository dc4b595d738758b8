"""Tell people by e-mail that a key of theirs is about to end: once for every end."""

from datetime import timedelta

from django.conf import settings
from django.core.mail import EmailMessage
from django.db.models import F, Q
from django.template.loader import render_to_string
from django.utils import timezone

from keys.models import Key
from keys.status import distance
from web.templatetags.portal import moment


def remind_owners() -> int:
    """Write to the owner (and the intern) of every key that ends within the days of renewal; return how many.

    The row is marked before the mail is sent, so that two runs never write twice; a mail that fails is unmarked.
    """
    now = timezone.now()
    ending = Key.objects.select_related("owner").filter(
        ~Q(reminded_of=F("expires_at")) | Q(reminded_of=None),
        state=Key.State.ACTIVE,
        kind__in=(Key.Kind.PERSONAL, Key.Kind.TEMPORARY),
        expires_at__gt=now,
        expires_at__lte=now + timedelta(days=settings.KEY_RENEW_BEFORE_DAYS),
        owner__is_active=True,
    )
    return sum(_remind(key) for key in ending)


def _remind(key: Key) -> bool:
    """Write one mail, unless another run has."""
    unreminded = Key.objects.filter(~Q(reminded_of=key.expires_at) | Q(reminded_of=None), pk=key.pk)
    to = [address for address in (key.owner.email, key.intern_email) if address]
    if not to or not unreminded.update(reminded_of=key.expires_at):
        return False
    when = key.expires_at and f"{distance(key.expires_at)} ({moment(key.expires_at)} {settings.TIME_ZONE})"
    context = {"key": key, "when": when, "portal_url": settings.PORTAL_URL}
    subject = " ".join(render_to_string("keys/mail/ends_soon_subject.txt", context).splitlines()).strip()
    try:
        EmailMessage(subject, render_to_string("keys/mail/ends_soon.txt", context), to=to).send()
    except OSError:  # the mail server is away or refuses: the next run tries again
        Key.objects.filter(pk=key.pk).update(reminded_of=None)
        return False
    return True
