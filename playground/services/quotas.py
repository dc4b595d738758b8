"""Storage quotas of a person: bytes in all, bytes of files and new conversations an hour, waiting answers.

Checked in the transaction that writes, under the owner's lock, before the first row is written: concurrent requests
cannot exceed a limit together. Sizes are those of the data as UTF-8, plus a fixed amount for each row.
"""

import json
from collections.abc import Iterable, Mapping
from math import ceil
from typing import Any, Final

from django.conf import settings
from django.core.cache import cache
from django.db.models import Exists, OuterRef, QuerySet, Subquery, Sum
from django.db.models.functions import Coalesce
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from accounts.models import User
from accounts.quotas import QuotaExceeded, consume
from courses.models import Course
from playground.batch_models import Batch
from playground.models import ABANDONED_AFTER, Answer, Conversation, Message, ParameterSet
from playground.services.refusals import AskRefused

MB: Final = 1_000_000  # bytes
ROW_BYTES: Final = 500  # of a row in addition to its texts
COMPARISONS_WAITING: Final = 3  # of one person, whose streams have not started
REMEMBERED_S: Final = 60  # that a budget was used up; it may have been raised since


def size_of(*texts: str, values: Iterable[object] = (), data: Iterable[bytes] = ()) -> int:
    """Return the bytes of a row with these texts, JSON values and binary data."""
    written = [*texts, *(json.dumps(value, ensure_ascii=False) for value in values)]
    return ROW_BYTES + sum(len(text.encode("utf-8", "replace")) for text in written) + sum(map(len, data))


def claim_storage(
    owner: User, *, added_bytes: int, parameters: ParameterSet | None, file_bytes: int = 0, is_new: bool = False
) -> None:
    """Refuse data beyond the quota of `owner`; raises AskRefused. Call it under the owner's lock.

    New parameters of the owner are saved, so that rows can refer to them.
    """
    if is_new:
        _count_conversation(owner)
    if file_bytes:
        count_files(owner, file_bytes)
    stored_bytes, is_known = _stored_by(owner, parameters)
    parameter_bytes = 0 if parameters is None or is_known else parameters.stored_bytes
    if added_bytes + parameter_bytes > _limit() - stored_bytes:
        words = _(
            "Your conversations may take %(most)d MB in all, and this would be more. Nothing was sent or stored. "
            "Delete conversations that you no longer need, then send it again."
        )
        raise AskRefused("storage", words % {"most": settings.PLAYGROUND_STORED_MB_PER_USER})
    if parameters and not is_known:
        parameters.save(force_insert=True)


def room_of(owner: User) -> int:
    """Return how many more bytes the conversations of `owner` may use; negative: none."""
    stored_bytes, _is_known = _stored_by(owner, None)
    return _limit() - stored_bytes


def _stored_by(owner: User, parameters: ParameterSet | None) -> tuple[int, bool]:
    """Return how many bytes `owner` has stored, and whether these parameters are among them, in one query."""
    theirs = {"owner": OuterRef("pk")}
    sets = ParameterSet.objects.filter(**theirs)
    conversations, batches = Conversation.objects.filter(**theirs), Batch.objects.filter(**theirs)
    row = User.objects.filter(pk=owner.pk).values_list(
        Coalesce(_sum_of(conversations), 0) + Coalesce(_sum_of(batches), 0) + Coalesce(_sum_of(sets), 0),
        Exists(sets.filter(pk=parameters.pk) if parameters else sets.none()),
    )
    stored_bytes, is_known = row.get()
    return stored_bytes, is_known


def _sum_of(rows: QuerySet[Any]) -> Subquery:
    """Return the bytes of the rows as part of another query."""
    return Subquery(rows.order_by().values("owner").annotate(total=Sum("stored_bytes")).values("total"))


def _limit() -> int:
    most: int = settings.PLAYGROUND_STORED_MB_PER_USER * MB
    return most


def check_waiting(owner: User, *, added: int) -> None:
    """Refuse more waiting answers if there are many already. Call it under the owner's lock."""
    waiting = Answer.objects.filter(
        message__conversation__owner=owner, state=Answer.State.WAITING, saved_at__gt=timezone.now() - ABANDONED_AFTER
    )
    most = COMPARISONS_WAITING * settings.PLAYGROUND_COMPARE_MODELS
    if waiting.count() + added > most:
        words = _(
            "%(most)d answers are already waiting for their turn. Nothing was sent or stored: wait, or stop them."
        )
        raise AskRefused("waiting", words % {"most": most})


def check_budget(owner: User, paid_by: Course | None, *, file_bytes: int) -> None:
    """Refuse files while the gateway is known to refuse the person's calls: they would be stored for nothing."""
    if not file_bytes or not cache.get(_budget_key(owner.pk, paid_by)):
        return
    if paid_by:
        words = _("The budget of “%(course)s” is used up. Nothing was sent, and the files were not stored.")
        raise AskRefused("over_budget", words % {"course": paid_by.name})
    words = _("Your Playground budget is used up. Nothing was sent, and the files were not stored.")
    raise AskRefused("over_budget", words)


def note_over_budget(owner_id: int, paid_by: Course | None) -> None:
    """Remember for a minute that the gateway refused the person's call: the budget is used up."""
    cache.set(_budget_key(owner_id, paid_by), value=True, timeout=REMEMBERED_S)


def recount(conversation: Conversation) -> None:
    """Recompute the size of a conversation; call it in the transaction that deletes."""
    messages = Message.objects.filter(conversation=conversation)
    answers = Answer.objects.filter(message__conversation=conversation)
    totals: list[Mapping[str, int | None]] = [rows.aggregate(total=Sum("stored_bytes")) for rows in (messages, answers)]
    left = ROW_BYTES + sum(each["total"] or 0 for each in totals)
    Conversation.objects.filter(pk=conversation.pk).update(stored_bytes=left)


def _budget_key(owner_id: int, paid_by: Course | None) -> str:
    return f"playground:over-budget:{owner_id}:{paid_by.pk if paid_by else ''}"


def _count_conversation(owner: User) -> None:
    most = settings.PLAYGROUND_CONVERSATIONS_PER_HOUR
    try:
        consume(owner, "playground:conversation", limit=most)
    except QuotaExceeded as exceeded:
        words = ngettext(
            "You may begin %(most)d conversation an hour. Nothing was sent. You may again in %(minutes)d min.",
            "You may begin %(most)d conversations an hour. Nothing was sent. You may again in %(minutes)d min.",
            most,
        )
        raise _later("conversations", words, most, exceeded) from exceeded


def count_files(owner: User, file_bytes: int) -> None:
    """Count bytes of files that are sent; raise AskRefused beyond those of an hour."""
    most = settings.PLAYGROUND_IMAGE_MB_PER_HOUR
    try:
        consume(owner, "playground:file_bytes", limit=most * MB, amount=file_bytes)
    except QuotaExceeded as exceeded:
        words = _(
            "You may send %(most)d MB of images and files an hour. Nothing was sent or stored. "
            "You may again in %(minutes)d min."
        )
        raise _later("images", words, most, exceeded) from exceeded


def _later(code: str, words: str, most: int, exceeded: QuotaExceeded) -> AskRefused:
    minutes = ceil((exceeded.retry_at - timezone.now()).total_seconds() / 60)
    return AskRefused(code, words % {"most": most, "minutes": minutes}, retry_at=exceeded.retry_at)
