"""Remind people by e-mail that a key expires soon: once for every end."""

from datetime import timedelta

from django.conf import settings
from django.db.models import F, Q
from django.utils import timezone

from accounts.delivery import MailServerUnavailable, claim, send_each
from keys.models import Key
from keys.renewal import ends_with_stay, renewable_from
from keys.services.mails import ENDS_SOON, deliver_about


def remind_owners() -> int:
    """Write to the owner (and the intern) of every key that ends within the days of renewal; return how many."""
    now = timezone.now()
    ending = Key.objects.select_related("owner", "intern").filter(
        ~Q(reminded_of=F("expires_at")) | Q(reminded_of=None),
        state=Key.State.ACTIVE,
        kind__in=(Key.Kind.PERSONAL, Key.Kind.TEMPORARY),
        expires_at__gt=now,
        expires_at__lte=now + timedelta(days=settings.KEY_RENEW_BEFORE_DAYS),
        owner__is_active=True,
    )
    return send_each(ending, _remind)


def _remind(key: Key) -> bool:
    """Write to owner and intern, unless another run has, or is about to."""
    near = renewable_from(key)  # of a short key, later than the days of renewal
    if key.expires_at is None or near is None or near > timezone.now():
        return False
    row = Key.objects.filter(pk=key.pk)
    unreminded = row.filter(~Q(reminded_of=key.expires_at) | Q(reminded_of=None))
    readable = bool(key.owner.email or (key.intern and key.intern.email))
    if not readable or not claim(unreminded, "reminder_claimed_at"):
        return False
    name = f"key-{key.pk}-{key.expires_at:%Y%m%d%H%M%S}"
    try:
        sent = deliver_about(key, ENDS_SOON, name=name, ends_with_stay=ends_with_stay(key))
    except MailServerUnavailable:
        row.update(reminder_claimed_at=None)
        raise
    row.update(reminder_claimed_at=None, **({"reminded_of": key.expires_at} if sent else {}))
    return sent
