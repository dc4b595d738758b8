"""The limits on calls: parallel streams of a person and in all, calls per minute of a person.

An active call is a row, so that the limits hold over all processes and machines; one whose process died expires,
since nothing renews it. The total is counted without a global lock, and not for each call while much
room is left: simultaneous calls may exceed it by a few, which costs less than making all of them wait
for each other.
"""

import threading
import time
from datetime import timedelta
from typing import Final

from django.conf import settings
from django.db.models import Count, Min, Q
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from accounts.models import User
from playground.models import STALE_AFTER, ActiveCall
from playground.services.refusals import AskRefused

A_MINUTE = timedelta(minutes=1)


class _FreeCalls:
    """Calls that this process may start before it counts the total again."""

    COUNTED_FOR_S: Final = 1.0
    SHARE: Final = 8  # of the free calls: other processes start calls too

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._left = self._most = 0
        self._until = 0.0

    def has_one(self, most: int) -> bool:
        """Tell whether one more may start, of `most` in all."""
        with self._lock:
            if self._left > 0 and self._most == most and time.monotonic() < self._until:
                self._left -= 1
                return True
        free = most - ActiveCall.objects.filter(ended_at=None, renewed_at__gt=timezone.now() - STALE_AFTER).count()
        with self._lock:
            self._left, self._most, self._until = free // self.SHARE, most, time.monotonic() + self.COUNTED_FOR_S
        return free > 0


_free_calls = _FreeCalls()


def lock_owner(owner: User) -> None:
    """Lock the limits of `owner` until the transaction ends."""
    User.objects.select_for_update().only("pk").get(pk=owner.pk)


def start_call(owner: User) -> ActiveCall:
    """Record the start of a call of `owner`; raises AskRefused. Call it in a transaction, which locks the owner."""
    lock_owner(owner)
    now = timezone.now()
    is_recent, is_open = Q(began_at__gt=now - A_MINUTE), Q(ended_at=None)
    counts = ActiveCall.objects.filter(is_open | is_recent, owner=owner).aggregate(
        recent=Count("pk", filter=is_recent),
        first_recent=Min("began_at", filter=is_recent),
        streams=Count("pk", filter=is_open & Q(renewed_at__gt=now - STALE_AFTER)),
    )
    if counts["recent"] >= settings.PLAYGROUND_REQUESTS_PER_MINUTE:
        raise AskRefused("minute", _too_many_a_minute(), retry_at=(counts["first_recent"] or now) + A_MINUTE)
    if counts["streams"] >= settings.PLAYGROUND_STREAMS_PER_USER:
        raise AskRefused("streams", _too_many_of_yours())
    if not _free_calls.has_one(settings.PLAYGROUND_STREAMS):
        words = _("Too many answers are being written right now. Nothing was sent; try again in a few seconds.")
        raise AskRefused("full", words, retry_at=now + timedelta(seconds=10))
    return ActiveCall.objects.create(owner=owner, began_at=now, renewed_at=now)


def end_call(active_call_id: int) -> None:
    """Record the end of a call; idempotent."""
    ActiveCall.objects.filter(pk=active_call_id, ended_at=None).update(ended_at=timezone.now())


def _too_many_a_minute() -> str:
    most = settings.PLAYGROUND_REQUESTS_PER_MINUTE
    return ngettext(
        "You may ask %(most)d time a minute here. Nothing was sent, and this cost nothing.",
        "You may ask %(most)d times a minute here. Nothing was sent, and this cost nothing.",
        most,
    ) % {"most": most}


def _too_many_of_yours() -> str:
    most = settings.PLAYGROUND_STREAMS_PER_USER
    return ngettext(
        "%(most)d answer is being written for you already. Wait until it is finished, or stop it.",
        "%(most)d answers are being written for you already. Wait until one is finished, or stop one.",
        most,
    ) % {"most": most}
