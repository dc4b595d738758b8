"""Cleans up: conversations and batches past their retention, answers whose process died, calls that were left open.

All of it may run twice, or concurrently with requests: each write repeats its conditions.
"""

import logging
from datetime import timedelta
from typing import Final

from django.conf import settings
from django.db import transaction
from django.db.models import F, Q
from django.utils import timezone

from playground.batch_models import Batch
from playground.errors.classify import INTERRUPTED
from playground.models import STALE_AFTER, ActiveCall, Answer, Attachment, Conversation, GeneratedImage, ParameterSet
from playground.services.deletion import delete_batches, delete_conversations, delete_unused_parameters
from web.files import StorageUnavailable, delete_files, folders_of_files, stored_at

BATCH: Final = 100  # conversations; none is locked for long
SLOT_KEPT: Final = timedelta(days=1)
ORPHAN_AFTER: Final = timedelta(days=1)

logger = logging.getLogger(__name__)


def prune_conversations() -> int:
    """Delete conversations after their retention, temporary ones sooner; return how many."""
    now = timezone.now()
    old = Q(used_at__lt=now - timedelta(days=settings.PLAYGROUND_RETENTION_DAYS))
    unkept = Q(kept=False, used_at__lt=now - timedelta(hours=settings.PLAYGROUND_TEMPORARY_HOURS))
    anonymised = Q(owner__anonymised_at__isnull=False)  # begun while their owner was being anonymised
    over = Conversation.objects.filter(old | unkept | anonymised).exclude(messages__answers__state__in=Answer.UNDER_WAY)
    deleted = 0
    while ids := list(over.order_by("used_at").values_list("pk", flat=True)[:BATCH]):
        with transaction.atomic():
            gone = delete_conversations(over.filter(pk__in=ids))
        deleted += gone
        if not gone:  # all of them were used again, or another run was faster
            break
    return deleted


def prune_batches() -> int:
    """Delete batches after their retention, and those of anonymised people, unless calls are in progress."""
    old = Q(used_at__lt=timezone.now() - timedelta(days=settings.PLAYGROUND_RETENTION_DAYS))
    over = Batch.objects.filter(old | Q(owner__anonymised_at__isnull=False)).exclude(calls__state="calling")
    with transaction.atomic():
        return delete_batches(over)


def prune_parameters() -> int:
    """Delete unused sets of parameters; return how many."""
    owners = ParameterSet.objects.unused().order_by("owner").values_list("owner", flat=True).distinct()
    return sum(delete_unused_parameters(owner_id) for owner_id in list(owners))


def prune_image_files() -> int:
    """Delete files without a row: of rows that were not written, or are deleted; return how many.

    Recent ones are kept: their row may be about to be written. An unavailable storage is tried the next time.
    """
    deleted, limit = 0, timezone.now() - ORPHAN_AFTER
    try:
        for names in folders_of_files():
            orphans = set(names).difference(
                Attachment.objects.filter(file__in=names).values_list("file", flat=True),
                GeneratedImage.objects.filter(file__in=names).values_list("file", flat=True),
            )
            old = [name for name in orphans if (at := stored_at(name)) and at < limit]
            deleted += delete_files(old)
    except StorageUnavailable as error:
        logger.warning("playground.prune: image files were not looked at, %s", error.__cause__)
    return deleted


def prune_calls() -> int:
    """Delete the rows of calls that ended a day ago; return how many."""
    deleted, _ = ActiveCall.objects.filter(renewed_at__lt=timezone.now() - SLOT_KEPT).delete()
    return deleted


def settle_answers() -> int:
    """Record that answers were lost with their process, and that waiting ones never started; return how many.

    Their text stays. The cost is not known here; the gateway has counted it.
    """
    now = timezone.now()
    lost = Answer.objects.lost(now)
    problem = INTERRUPTED.as_json()
    failed = lost.filter(state=Answer.State.STREAMING).update(
        state=Answer.State.FAILED, problem=problem, ended_at=F("saved_at")
    )
    stopped = lost.filter(state=Answer.State.WAITING).update(state=Answer.State.STOPPED, ended_at=F("saved_at"))
    return failed + stopped


def settle_calls() -> int:
    """End calls without a recent heartbeat; return how many."""
    unrenewed = ActiveCall.objects.filter(ended_at=None, renewed_at__lt=timezone.now() - STALE_AFTER)
    return unrenewed.update(ended_at=F("renewed_at"))
