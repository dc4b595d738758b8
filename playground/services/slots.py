"""The limits on calls: so many streams at once of a person and in all, so many calls a minute of a person.

A slot is a row, so that the limits hold over all processes and machines; one whose process died ends by itself, since
nobody renews it. The limit in all is counted without a lock over everybody: calls that begin in the same instant may
pass it by a few, which costs less than making all of them wait for each other.
"""

from datetime import timedelta

from django.conf import settings
from django.db.models import Count, Min, Q
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from accounts.models import User
from playground.models import LOST_AFTER, Slot
from playground.services.refusals import AskRefused

A_MINUTE = timedelta(minutes=1)


def take_slot(owner: User) -> Slot:
    """Note that a call of `owner` begins; raises AskRefused. To be called in a transaction, which locks the owner."""
    User.objects.select_for_update().only("pk").get(pk=owner.pk)
    now = timezone.now()
    is_open = Q(ended_at=None, renewed_at__gt=now - LOST_AFTER)
    is_own = Q(owner=owner)
    recent = is_own & Q(began_at__gt=now - A_MINUTE)
    counted = Slot.objects.filter(is_open | recent).aggregate(
        own_open=Count("pk", filter=is_own & is_open),
        all_open=Count("pk", filter=is_open),
        own_recent=Count("pk", filter=recent),
        oldest=Min("began_at", filter=recent),
    )
    if counted["own_recent"] >= settings.PLAYGROUND_REQUESTS_A_MINUTE:
        raise AskRefused("minute", _too_many_a_minute(), retry_at=counted["oldest"] + A_MINUTE)
    if counted["own_open"] >= settings.PLAYGROUND_STREAMS_A_PERSON:
        raise AskRefused("streams", _too_many_of_yours())
    if counted["all_open"] >= settings.PLAYGROUND_STREAMS:
        words = _("Very many answers are being written right now. Nothing was sent; try again in a few seconds.")
        raise AskRefused("full", words, retry_at=now + timedelta(seconds=10))
    return Slot.objects.create(owner=owner, began_at=now, renewed_at=now)


def end_slot(slot_id: int) -> None:
    """Note that a call is over; again is harmless."""
    Slot.objects.filter(pk=slot_id, ended_at=None).update(ended_at=timezone.now())


def _too_many_a_minute() -> str:
    most = settings.PLAYGROUND_REQUESTS_A_MINUTE
    return ngettext(
        "You may ask %(most)d time a minute here. Nothing was sent, and this cost nothing.",
        "You may ask %(most)d times a minute here. Nothing was sent, and this cost nothing.",
        most,
    ) % {"most": most}


def _too_many_of_yours() -> str:
    most = settings.PLAYGROUND_STREAMS_A_PERSON
    return ngettext(
        "%(most)d answer is being written for you already. Wait until it is finished, or stop it.",
        "%(most)d answers are being written for you already. Wait until one is finished, or stop one.",
        most,
    ) % {"most": most}
