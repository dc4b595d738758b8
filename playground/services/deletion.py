"""Deletes conversations and batches, and what they leave elsewhere: files of images, unused sets of parameters."""

from collections.abc import Collection
from functools import partial
from uuid import UUID

from django.db import transaction

from accounts.models import User
from playground.batch_models import Batch, BatchQuerySet
from playground.models import Attachment, Conversation, ConversationQuerySet, GeneratedImage, ParameterSet
from web.files import delete_files


def delete_conversations(conversations: ConversationQuerySet) -> int:
    """Delete these conversations with their content; return how many. Call it in a transaction.

    They are locked first, so that no picture is added between listing the files and the deletion.
    """
    locked = list(conversations.select_for_update(of=("self",)).values_list("pk", "owner"))
    ids = [conversation_id for conversation_id, _ in locked]
    delete_files_later(
        *Attachment.objects.filter(message__conversation__in=ids).values_list("file", flat=True),
        *GeneratedImage.objects.filter(answer__message__conversation__in=ids).values_list("file", flat=True),
    )
    for owner_id in {owner_id for _, owner_id in locked}:
        delete_unused_parameters_later(owner_id)
    Conversation.objects.filter(pk__in=ids).delete()
    return len(ids)


def delete_batches(batches: BatchQuerySet) -> int:
    """Delete these batches with their answers; return how many. Call it in a transaction.

    They are locked before their calls, as a run locks them: each would else wait for the other.
    """
    locked = list(batches.select_for_update(of=("self",)).values_list("pk", "owner"))
    for owner_id in {owner_id for _, owner_id in locked}:
        delete_unused_parameters_later(owner_id)
    Batch.objects.filter(pk__in=[batch_id for batch_id, _ in locked]).delete()
    return len(locked)


def delete_files_of_answers(answer_ids: Collection[UUID], *, message_id: UUID | None) -> None:
    """Delete the files of answers, of their descendants, and of a message, after the transaction has been committed."""
    attached = Attachment.objects.filter(message__parent__in=answer_ids) | Attachment.objects.filter(message=message_id)
    delete_files_later(
        *attached.values_list("file", flat=True),
        *GeneratedImage.objects.filter(answer__in=answer_ids).values_list("file", flat=True),
    )


def delete_files_later(*names: str) -> None:
    """Delete files after the deletion of their rows has been committed."""
    if names:
        transaction.on_commit(partial(delete_files, names), robust=True)


def delete_unused_parameters_later(owner_id: int) -> None:
    """Delete them after the transaction has ended, since it holds locks that must be taken after the owner's."""
    transaction.on_commit(partial(delete_unused_parameters, owner_id), robust=True)


def delete_unused_parameters(owner_id: int) -> int:
    """Delete the unused sets of this owner; return how many.

    Under the owner's lock, which sending a message takes too: no set is deleted while a row that needs it is written.
    """
    with transaction.atomic():
        list(User.objects.select_for_update().filter(pk=owner_id).values_list("pk"))
        _, by_model = ParameterSet.objects.filter(owner=owner_id).unused().delete()
    return by_model.get(ParameterSet._meta.label, 0)
