"""Claims a live token for a change at the gateway: one at a time, so that no two changes cross."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta

from django.conf import settings
from django.db.models import Q
from django.utils import timezone

from gateway.errors import GatewayUnavailable
from keys.models import Key, Token
from keys.services.refusals import KeyRefused


def claim(key: Key) -> Token:
    """Claim the live token for a renewal or another change, unless it is claimed; return it."""
    token = key.live_token
    free = Q(renewing_since=None) | Q(renewing_since__lt=_nobody_waits())
    claimed = token and Key.objects.filter(free, pk=key.pk, state=Key.State.ACTIVE).update(
        renewing_since=timezone.now()
    )
    if not token or not claimed:
        raise KeyRefused("busy")
    return token


@contextmanager
def claimed(key: Key) -> Iterator[Key]:
    """Claim a key for a task, and yield it as it is then: read before, it may have been blocked or unblocked since."""
    claim(key)
    repair = False
    try:
        yield Key.objects.select_related("owner", "team").get(pk=key.pk)
    except GatewayUnavailable as error:
        repair = error.may_have_happened
        raise
    finally:
        release(key, repair=repair)


def release(key: Key, *, repair: bool) -> None:
    """Release the claim; with `repair` as an abandoned one, so that the sweep checks it at once."""
    since = _nobody_waits() - timedelta(seconds=1) if repair else None
    Key.objects.filter(pk=key.pk).update(renewing_since=since)


def is_claimed(key: Key) -> bool:
    """Tell whether a change of the live token is on its way for which somebody waits."""
    return key.renewing_since is not None and key.renewing_since >= _nobody_waits()


def _nobody_waits() -> datetime:
    """Return the time before which an unanswered renewal counts as abandoned."""
    return timezone.now() - timedelta(seconds=settings.KEY_ANSWER_DEADLINE_S)
