"""Tell people by e-mail that a key of theirs is about to end: once for every end."""

from datetime import timedelta

from django.conf import settings
from django.core.mail import EmailMessage
from django.db.models import F, Q
from django.template.loader import render_to_string
from django.utils import timezone

from accounts.delivery import MailServerUnavailable, claim, deliver, send_each
from keys.models import Key
from keys.renewal import renewable_from
from keys.status import distance
from web.templatetags.portal import moment


def remind_owners() -> int:
    """Write to the owner (and the intern) of every key that ends within the days of renewal; return how many."""
    now = timezone.now()
    ending = Key.objects.select_related("owner").filter(
        ~Q(reminded_of=F("expires_at")) | Q(reminded_of=None),
        state=Key.State.ACTIVE,
        kind__in=(Key.Kind.PERSONAL, Key.Kind.TEMPORARY),
        expires_at__gt=now,
        expires_at__lte=now + timedelta(days=settings.KEY_RENEW_BEFORE_DAYS),
        owner__is_active=True,
    )
    return send_each(ending, _remind)


def _remind(key: Key) -> bool:
    """Write one mail, unless another run has, or is about to."""
    to = [address for address in (key.owner.email, key.intern_email) if address]
    near = renewable_from(key)  # of a short key, later than the days of renewal
    if near is None or near > timezone.now():
        return False
    row = Key.objects.filter(pk=key.pk)
    unreminded = row.filter(~Q(reminded_of=key.expires_at) | Q(reminded_of=None))
    if not to or key.expires_at is None or not claim(unreminded, "reminder_claimed_at"):
        return False
    when = f"{distance(key.expires_at)} ({moment(key.expires_at)} {settings.TIME_ZONE})"
    context = {"key": key, "when": when, "portal_url": settings.PORTAL_URL}
    subject = " ".join(render_to_string("keys/mail/ends_soon_subject.txt", context).splitlines()).strip()
    message = EmailMessage(subject, render_to_string("keys/mail/ends_soon.txt", context), to=to)
    try:
        sent = deliver(message, name=f"key-{key.pk}-{key.expires_at:%Y%m%d%H%M%S}")
    except MailServerUnavailable:
        row.update(reminder_claimed_at=None)
        raise
    row.update(reminder_claimed_at=None, **({"reminded_of": key.expires_at} if sent else {}))
    return sent
