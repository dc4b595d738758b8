"""Checks the limits, saves a question, and prepares the call for when a page requests it. Calls no model itself.

An answer waits between its form and its stream: `ask` and `retry` save it (services.comparing for several models), and
`begin` claims it.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any, Final

from django.db import IntegrityError, transaction
from django.db.models import F
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts.audit import Actor
from accounts.models import User
from accounts.policies import Allowance
from courses.models import Course, Preset
from courses.services import playground_secret_of
from gateway.inference_types import ChatRequest, CompletionRequest
from gateway.secret import Secret
from keys.models import GatewayModel, Key
from keys.services import playground_secret
from playground.models import STALE_AFTER, ActiveCall, Answer, Attachment, Conversation, Message, ParameterSet
from playground.services.handover import Prepared, hand_over
from playground.services.limits import start_call
from playground.services.quotas import check_budget, claim_storage, size_of
from playground.services.refusals import AskRefused, gone
from playground.services.requests import (
    USER,
    Turn,
    Upload,
    attachment_of,
    chat_request,
    completion_request,
    wants_usage,
)
from playground.services.stored_files import with_files
from playground.services.titles import title_of
from playground.services.tree import bring_files, way_to

Params = Mapping[str, Any]
CHANGED_BY_ANSWERS: Final = ("model_names", "parameters", "head", "used_at", "paid_by")  # of a conversation


@dataclass(frozen=True, slots=True, kw_only=True)
class ChatContext:
    """Who sends a message, under what policy, from which address, and who pays."""

    user: User
    actor: Actor
    allowance: Allowance
    paid_by: Course | None = None  # a course of theirs; None: their own budget


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """An answer whose rows are saved, and the call that will make it. Keep it no longer than the stream."""

    conversation: Conversation
    answer: Answer
    active_call_id: int
    secret: Secret = field(repr=False)
    body: ChatRequest | CompletionRequest = field(repr=False)
    usage: bool  # whether the model accepts stream_options
    paid_by: Course | None = None  # in place of its owner
    budget_period: str = ""  # of the key, for its reset date
    person_period: str = ""  # of its owner's budget over all keys


@dataclass(frozen=True, slots=True, kw_only=True)
class NewMessage:
    """A new message, and its place in a conversation: after `parent`, or at its opening."""

    text: str
    params: Params
    name: str = ""  # of who says it; "": none is sent
    uploads: Sequence[Upload] = ()
    conversation: Conversation | None = None  # None: a new one
    parent: Answer | None = None
    kind: str = Conversation.Kind.CHAT
    kept: bool = True
    preset: Preset | None = None  # a locked one of a course, for a new conversation

    @property
    def locked_preset(self) -> Preset | None:
        """The preset whose settings hold."""
        return self.conversation.locked_preset if self.conversation else self.preset

    @property
    def goes_on(self) -> bool:
        """Whether it follows the last shown turn, or none: then it has no alternatives."""
        if self.conversation is None:
            return True
        return self.parent is not None and self.parent.pk == self.conversation.head_id


def ask(context: ChatContext, question: NewMessage) -> Answer:
    """Save a message and a waiting answer, in a conversation of the person's or a new one.

    Raises AskRefused, KeyRefused, GatewayUnavailable or GatewayRejected; then nothing was saved.
    """
    _check_preset(context.user, question.locked_preset)
    secret, is_alone = secret_of(context), question.goes_on
    file_bytes = sum(len(upload.data) for upload in question.uploads)
    check_budget(context.user, context.paid_by, file_bytes=file_bytes)
    conversation, message, files = rows_of(context.user, question)
    conversation.paid_by = context.paid_by
    parameters = ParameterSet.of(context.user.pk, question.params)
    answer = answer_to(message, question.params["model"], parameters, context.paid_by)
    added, is_new = message.stored_bytes + answer.stored_bytes, question.conversation is None
    with with_files(files), _within_limits(context) as call:
        claim_storage(
            context.user, added_bytes=added, parameters=answer.parameters, file_bytes=file_bytes, is_new=is_new
        )
        _keep(conversation, answer, added_bytes=added, is_new=is_new)
        message.save(force_insert=True)
        Attachment.objects.bulk_create(files)
        answer.active_call = call
        answer.save(force_insert=True)
    prepare_streams(context, secret, [answer], are_alone=is_alone)
    return answer


def retry(context: ChatContext, earlier: Answer, params: Params) -> Answer:
    """Save another waiting answer to the message of `earlier`, which stays as an alternative. Raises as `ask` does."""
    conversation = earlier.message.conversation
    _check_preset(context.user, conversation.locked_preset)
    secret, conversation.paid_by = secret_of(context), context.paid_by
    parameters = ParameterSet.of(context.user.pk, params)
    answer = answer_to(earlier.message, params["model"], parameters, context.paid_by)
    with _within_limits(context) as call:
        claim_storage(context.user, added_bytes=answer.stored_bytes, parameters=answer.parameters)
        _keep(conversation, answer, added_bytes=answer.stored_bytes, is_new=False)
        answer.active_call = call
        answer.save(force_insert=True)
    prepare_streams(context, secret, [answer])
    return answer


def prepare(context: ChatContext, answer: Answer) -> Prepared:
    """Prepare the start of a waiting answer, for the payer of its form. Raises as `ask` does.

    That of the conversation may be another by now, chosen in another window.
    """
    context = replace(context, paid_by=answer.paid_by)
    return Prepared(owner=context.user, answer=answer, allowance=context.allowance, secret=secret_of(context))


def begin(prepared: Prepared) -> Job:
    """Start a waiting answer; a second start is refused ("begun"). Raises AskRefused, and the answer keeps waiting.

    Raises StorageUnavailable, too, where the request has files that cannot be read.
    """
    owner, answer = prepared.owner, prepared.answer
    answer.message.conversation.owner = owner  # known
    body = body_of(answer.message.conversation, answer)
    active_call_id = answer.active_call_id if answer.saved_at > timezone.now() - STALE_AFTER / 2 else None
    if active_call_id:
        _claim(owner, answer, active_call_id)
    else:
        with transaction.atomic():
            active_call_id = start_call(owner).pk
            _claim(owner, answer, active_call_id)
    return _job(prepared, active_call_id, body)


def _claim(owner: User, answer: Answer, active_call_id: int) -> None:
    """Claim the answer for this process, in one statement."""
    now = timezone.now()
    # No join: after waiting for a lock PostgreSQL checks the state again, but not the joined rows.
    theirs = Message.objects.filter(conversation__owner=owner)
    waiting = Answer.objects.filter(pk=answer.pk, state=Answer.State.WAITING, message__in=theirs)
    if not waiting.update(state=Answer.State.STREAMING, active_call_id=active_call_id, started_at=now, saved_at=now):
        raise AskRefused("begun", _("This answer is being written already, or is finished."))
    answer.state, answer.active_call_id = Answer.State.STREAMING, active_call_id
    answer.started_at = answer.saved_at = now


def _check_preset(user: User, preset: Preset | None) -> None:
    """Refuse a locked preset of a course that the person is no longer in, or that does not run. Raises AskRefused."""
    if preset and not Preset.objects.open_to(user).filter(pk=preset.pk).exists():
        words = _("This conversation uses a preset of a course that is not open to you now. Nothing was sent.")
        raise AskRefused("preset", words)


def secret_of(context: ChatContext) -> Secret:
    """Return the secret of the person's key, or of that of the course that pays; it is created if needed."""
    if context.paid_by:
        return playground_secret_of(person=context.user, course_id=context.paid_by.pk, actor=context.actor)
    return playground_secret(owner=context.user, actor=context.actor, allowance=context.allowance)


def prepare_streams(
    context: ChatContext, secret: Secret, answers: Sequence[Answer], *, are_alone: bool = False
) -> None:
    """Keep what the streams of new answers need, for when their page opens them."""
    hand_over(
        Prepared(owner=context.user, answer=answer, allowance=context.allowance, secret=secret, is_alone=are_alone)
        for answer in answers
    )


@contextmanager
def _within_limits(context: ChatContext) -> Iterator[ActiveCall]:
    """Start a call and write the rows of this block, all or none; the rows that they follow may have been deleted."""
    try:
        with transaction.atomic():
            yield start_call(context.user)
    except IntegrityError as error:  # raised at the end, when the database checks foreign keys
        raise gone() from error


def rows_of(owner: User, question: NewMessage) -> tuple[Conversation, Message, list[Attachment]]:
    """Return the rows of a question, unsaved."""
    conversation = question.conversation or Conversation(
        owner=owner,
        kind=question.kind,
        title=title_of(question.text),
        kept=question.kept,
        preset=question.preset,
    )
    texts, data = [each.text for each in question.uploads], [each.data for each in question.uploads]
    message = Message(
        conversation=conversation,
        parent=question.parent,
        name=question.name,
        text=question.text,
        stored_bytes=size_of(question.name, question.text, *texts, data=data),
    )
    files = [attachment_of(upload, message, position) for position, upload in enumerate(question.uploads)]
    message.sent_files = files
    return conversation, message, files


def answer_to(message: Message, model: str, parameters: ParameterSet | None, paid_by: Course | None = None) -> Answer:
    """Return the row of a waiting answer, unsaved."""
    return Answer(
        message=message,
        model=model,
        parameters=parameters,
        paid_by=paid_by,
        state=Answer.State.WAITING,
        stored_bytes=size_of(),
    )


def _keep(conversation: Conversation, answer: Answer, *, added_bytes: int, is_new: bool) -> None:
    """Save the conversation with `answer` as its head. The database checks that foreign key at the end."""
    conversation.model_names, conversation.parameters = [answer.model], answer.parameters
    conversation.head, conversation.used_at = answer, timezone.now()
    if is_new:
        conversation.stored_bytes = added_bytes
        conversation.save(force_insert=True)
    else:
        changed = {name: getattr(conversation, name) for name in CHANGED_BY_ANSWERS}
        more = F("stored_bytes") + added_bytes
        if not Conversation.objects.filter(pk=conversation.pk).update(**changed, stored_bytes=more):
            raise gone()


def _job(prepared: Prepared, active_call_id: int, body: ChatRequest | CompletionRequest) -> Job:
    answer, allowance = prepared.answer, prepared.allowance
    of_key, of_person = allowance.rules[Key.Kind.PLAYGROUND].budget_period, allowance.person_budget_period
    periods = {"budget_period": of_key, "person_period": of_person}
    return Job(
        conversation=answer.message.conversation,
        answer=answer,
        active_call_id=active_call_id,
        secret=prepared.secret,
        body=body,
        usage=wants_usage(answer.params),
        paid_by=answer.paid_by,
        **({} if answer.paid_by else periods),  # budgets of courses have none
    )


def body_of(conversation: Conversation, answer: Answer) -> ChatRequest | CompletionRequest:
    """Return the request of an answer, from the rows alone: earlier turns, message, parameters, user.

    Raises StorageUnavailable if files cannot be read.
    """
    message = answer.message
    user = None if USER in answer.params.get("without", ()) else conversation.owner.gateway_user_id
    if conversation.kind == Conversation.Kind.COMPLETION:
        return replace(completion_request(answer.params, message.text), user=user)
    bring_files([message], with_texts=True)
    before = way_to(message.parent) if message.parent else []
    turns = [*before, (message, None)]
    return replace(chat_request(answer.params, turns, reads_pdf=reads_pdf(answer.model, turns)), user=user)


def reads_pdf(model: str, turns: Sequence[Turn]) -> bool:
    """Tell whether the model gets PDF files as they are; no query where there are none."""
    if not any(file.is_pdf for message, _answer in turns for file in message.sent_files):
        return False
    features = GatewayModel.objects.filter(name=model).values_list("features", flat=True).first()
    return "pdf" in (features or ())
