"""Writes a whole conversation at once: a copy of a shared one, or one from a file. No model is called."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from uuid import UUID

from django.db import transaction

from accounts.models import User
from playground.models import Answer, Attachment, Conversation, GeneratedImage, Message, ParameterSet, StoredFile
from playground.services.limits import lock_owner
from playground.services.quotas import claim_storage, size_of
from playground.services.stored_files import with_files


@dataclass(kw_only=True)
class NewRows:
    """Unsaved rows of a conversation that refer to each other; files have their data in memory."""

    conversation: Conversation
    messages: list[Message] = field(default_factory=list)
    answers: list[Answer] = field(default_factory=list)
    files: list[Attachment] = field(default_factory=list)
    pictures: list[GeneratedImage] = field(default_factory=list)
    head: Answer | None = None


def insert(owner: User, rows: NewRows, *, counts_files: bool = True) -> Conversation:
    """Save the rows, all or none, within the quotas of `owner`. Raises AskRefused.

    Without `counts_files`, their files were counted in this hour's quota when they were sent.
    """
    conversation, stored = rows.conversation, list[StoredFile]([*rows.files, *rows.pictures])
    _measure(rows)
    added = sum((each.stored_bytes for each in rows.messages), start=size_of())
    added += sum(each.stored_bytes for each in rows.answers)
    sets = {each.pk: each for each in _parameters_of(rows)}
    conversation.owner, conversation.stored_bytes, conversation.head = owner, added, rows.head
    with with_files(stored), transaction.atomic():
        lock_owner(owner)
        claim_storage(
            owner,
            added_bytes=added + sum(each.stored_bytes for each in sets.values()),
            parameters=None,
            file_bytes=sum(file.size for file in stored) if counts_files else 0,
            is_new=True,
        )
        ParameterSet.objects.bulk_create(sets.values(), ignore_conflicts=True)
        conversation.save(force_insert=True)  # the database checks foreign keys at the end
        Message.objects.bulk_create(rows.messages)
        Answer.objects.bulk_create(rows.answers)
        Attachment.objects.bulk_create(rows.files)
        GeneratedImage.objects.bulk_create(rows.pictures)
    return conversation


def _measure(rows: NewRows) -> None:
    """Set the sizes of messages and answers, their files included."""
    of_files = Counter[UUID]()
    for file in rows.files:
        of_files[file.message_id] += file.size + len(file.text.encode("utf-8", "replace"))
    for picture in rows.pictures:
        of_files[picture.answer_id] += picture.size
    for message in rows.messages:
        message.stored_bytes = size_of(message.name, message.text) + of_files[message.pk]
    for answer in rows.answers:
        values = [answer.tool_calls, answer.others, answer.extras, answer.headers]
        answer.stored_bytes = size_of(answer.text, answer.reasoning, values=values) + of_files[answer.pk]


def _parameters_of(rows: NewRows) -> Iterable[ParameterSet]:
    found = [rows.conversation.parameters, *(answer.parameters for answer in rows.answers)]
    return [each for each in found if each]
