"""Saves a question to several models: an answer of each, to one message, or each in its own branch.

A comparison begins with one message. A further question is a message in each branch, after the newest answer of its
model, so that each model gets its own earlier answers.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from uuid import UUID

from django.db import transaction
from django.db.models import F
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts.models import User
from playground.models import Answer, Attachment, Conversation, Message, ParameterSet
from playground.services.chat import ChatContext, NewMessage, Params, answer_to, prepare_streams, rows_of, secret_of
from playground.services.limits import lock_owner
from playground.services.quotas import check_budget, check_waiting, claim_storage
from playground.services.refusals import AskRefused, gone
from playground.services.stored_files import with_files


def compare(context: ChatContext, question: NewMessage, params: Mapping[str, Params]) -> list[Answer]:
    """Save a message with one waiting answer for each model of `params`, in a new conversation.

    The person's key is created first if needed, so that all streams find it. Raises as `chat.ask` does.
    """
    secret = secret_of(context)
    check_budget(context.user, None, file_bytes=_bytes_of(question))
    conversation, message, files = rows_of(context.user, question)
    answers = [_answer(context.user, message, name, each) for name, each in params.items()]
    conversation.model_names, conversation.head = list(params), answers[0]
    conversation.parameters = ParameterSet.of(context.user.pk, question.params)
    conversation.stored_bytes = message.stored_bytes + sum(answer.stored_bytes for answer in answers)
    with with_files(files), transaction.atomic():
        lock_owner(context.user)
        check_waiting(context.user, added=len(answers))
        _claim(context.user, conversation, answers, added=conversation.stored_bytes, question=question, is_new=True)
        conversation.save(force_insert=True)
        _save([message], files, answers)
    prepare_streams(context, secret, answers)
    return answers


def follow_up(
    context: ChatContext, question: NewMessage, params: Mapping[str, Params], after: Mapping[str, Answer]
) -> list[Answer]:
    """Save a message with a waiting answer in the branch of each model of `params`, after its newest answer.

    Raises AskRefused ("gone") while one of them is still answering, or if one was asked again or goes on already.
    """
    conversation = question.conversation
    if conversation is None:
        raise ValueError("A further question is one in a conversation.")
    secret = secret_of(context)
    check_budget(context.user, None, file_bytes=_bytes_of(question))
    messages, files, answers = list[Message](), list[Attachment](), list[Answer]()
    for name, each in params.items():
        _conversation, message, own_files = rows_of(context.user, replace(question, parent=after[name]))
        messages.append(message)
        files += own_files
        answers.append(_answer(context.user, message, name, without_refused(each, after[name])))
    conversation.parameters = ParameterSet.of(context.user.pk, question.params)
    added = sum(message.stored_bytes for message in messages) + sum(answer.stored_bytes for answer in answers)
    with with_files(files), transaction.atomic():
        lock_owner(context.user)
        _check_ends(conversation, [after[name] for name in params])
        check_waiting(context.user, added=len(answers))
        _claim(context.user, conversation, answers, added=added, question=question, is_new=False)
        changed = {"parameters": conversation.parameters, "head": answers[0], "used_at": timezone.now()}
        own = Conversation.objects.filter(pk=conversation.pk)
        if not own.update(**changed, stored_bytes=F("stored_bytes") + added):
            raise gone()
        _save(messages, files, answers)
    prepare_streams(context, secret, answers)
    return answers


def without_refused(params: Params, after: Answer) -> Params:
    """Return the parameters of a further question: what its model refused before is not sent."""
    refused = after.params.get("without")
    return {**params, "without": refused} if refused else params


def _answer(owner: User, message: Message, name: str, params: Params) -> Answer:
    return answer_to(message, name, ParameterSet.of(owner.pk, params))


def _claim(
    owner: User,
    conversation: Conversation,
    answers: Sequence[Answer],
    *,
    added: int,
    question: NewMessage,
    is_new: bool,
) -> None:
    """Claim the storage of all rows, and save the parameters that are new. Files count once as sent in this hour."""
    size = _bytes_of(question)
    claim_storage(owner, added_bytes=added, parameters=conversation.parameters, file_bytes=size, is_new=is_new)
    sets = {answer.parameters.pk: answer.parameters for answer in answers if answer.parameters}
    for parameters in sets.values():
        claim_storage(owner, added_bytes=0, parameters=parameters)


def _save(messages: Sequence[Message], files: Sequence[Attachment], answers: Sequence[Answer]) -> None:
    Message.objects.bulk_create(messages)
    Attachment.objects.bulk_create(files)
    Answer.objects.bulk_create(answers)


def _check_ends(conversation: Conversation, ends: Sequence[Answer]) -> None:
    """Refuse a question after an answer that has not ended, was replaced or deleted, or has a further question already.

    Call it under the owner's lock.
    """
    ids, names = [answer.message_id for answer in ends], [answer.model for answer in ends]
    rows = Answer.objects.filter(message__in=ids, model__in=names, message__conversation=conversation)
    newest = dict[tuple[UUID, str], Answer]()
    for answer in rows.only("message", "model", "state", "saved_at", "started_at").order_by("started_at", "id"):
        if answer.is_under_way:
            words = _("Not all models have answered yet. Nothing was sent: wait for them, or stop them.")
            raise AskRefused("gone", words)
        newest[answer.message_id, answer.model] = answer
    is_current = all(newest.get((end.message_id, end.model)) == end for end in ends)
    if not is_current or Message.objects.filter(parent__in=ends).exists():
        raise AskRefused("gone", _("This comparison has changed meanwhile. Nothing was sent: load the page again."))


def _bytes_of(question: NewMessage) -> int:
    return sum(len(upload.data) for upload in question.uploads)
