"""Who changes a live token at the gateway now: one at a time, so that no two changes cross."""

from datetime import datetime, timedelta

from django.conf import settings
from django.db.models import Q
from django.utils import timezone

from keys.models import Key, Token
from keys.services.refusals import KeyRefused


def claim(key: Key) -> Token:
    """Note that a renewal, or another change of the live token, is on its way, unless one is; return the token."""
    token = key.live_token
    free = Q(renewing_since=None) | Q(renewing_since__lt=_nobody_waits())
    claimed = token and Key.objects.filter(free, pk=key.pk, state=Key.State.ACTIVE).update(
        renewing_since=timezone.now()
    )
    if not token or not claimed:
        raise KeyRefused("busy")
    return token


def release(key: Key, *, repair: bool) -> None:
    """Give the claim back; with `heal` as one that nobody waits for, so that the sweep looks at once."""
    since = _nobody_waits() - timedelta(seconds=1) if repair else None
    Key.objects.filter(pk=key.pk).update(renewing_since=since)


def _nobody_waits() -> datetime:
    """Return the time before which a renewal without an answer has none to come."""
    return timezone.now() - timedelta(seconds=settings.KEY_ANSWER_DEADLINE_S)
