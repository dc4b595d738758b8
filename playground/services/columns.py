"""The columns of a comparison: one model each, with its branch of questions and answers."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any, TypeVar
from uuid import UUID

from django.db import transaction
from django.db.models import F
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts.models import User
from playground.errors.classify import AnswerError
from playground.models import Answer, Conversation, Message, ParameterSet
from playground.services.copying import copy_turns
from playground.services.limits import end_call, lock_owner
from playground.services.quotas import check_waiting, claim_storage, size_of
from playground.services.refusals import AskRefused, gone
from playground.services.tree import bring_files, bring_refused_parameters, only_turn, way_to

State = Answer.State
_Number = TypeVar("_Number", int, Decimal)


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """A model's answer, and whether it was the fastest or the cheapest, once all have ended."""

    answer: Answer
    number: int = 1  # of its model
    soonest: bool = False
    least: bool = False
    is_last: bool = True  # of its model


@dataclass(frozen=True, slots=True, kw_only=True)
class Round:
    """A question, and its answers side by side. Each model got it in a message of its own, from the second one on."""

    message: Message
    columns: list[Column]


def branches_of(conversation: Conversation) -> dict[str, list[Answer]]:
    """Return the answers of each model from the first question to the last, the newest where one was asked again.

    Models are in the order in which they were chosen. One query.
    """
    rows = Answer.objects.filter(message__conversation=conversation).select_related("message", "parameters")
    newest: dict[tuple[UUID | None, str], Answer] = {}  # by the answer that its message follows, and its model
    for answer in rows.defer("headers").order_by("message__created_at", "started_at", "id"):
        answer.message.conversation = conversation
        newest[answer.message.parent_id, answer.model] = answer
    chosen = conversation.model_names
    opened = [name for parent_id, name in newest if parent_id is None]
    names = [*(name for name in chosen if name in opened), *(name for name in opened if name not in chosen)]
    return {name: _branch(name, newest) for name in names}


def _branch(name: str, newest: Mapping[tuple[UUID | None, str], Answer]) -> list[Answer]:
    branch: list[Answer] = []
    answer = newest.get((None, name))
    while answer and len(branch) < len(newest):
        if branch:
            answer.message.parent = branch[-1]
        branch.append(answer)
        answer = newest.get((answer.pk, name))
    return branch


def rounds_of(conversation: Conversation, branches: Mapping[str, Sequence[Answer]] | None = None) -> list[Round]:
    """Return the questions with their answers, in order; two queries. A model that was left out has no column.

    `branches` are those of the conversation, if they are known.
    """
    if branches is None:
        branches = branches_of(conversation)
    rounds = []
    for depth in range(max(map(len, branches.values()), default=0)):
        columns = [
            Column(answer=branch[depth], number=number, is_last=depth == len(branch) - 1)
            for number, branch in enumerate(branches.values(), start=1)
            if depth < len(branch)
        ]
        rounds.append(Round(message=columns[0].answer.message, columns=_marked(columns)))
    bring_files([each.message for each in rounds])
    bring_refused_parameters(column.answer for each in rounds for column in each.columns)
    return rounds


def columns_of(conversation: Conversation) -> list[Column]:
    """Return the columns of the last question."""
    rounds = rounds_of(conversation)
    return rounds[-1].columns if rounds else []


def columns_with(answer: Answer) -> list[Column]:
    """Return the columns of the question of this answer; none if another answer of its model has replaced it."""
    rounds = rounds_of(answer.message.conversation)
    return next((each.columns for each in rounds if answer.pk in {one.answer.pk for one in each.columns}), [])


def own_settings(conversation: Conversation, answer: Answer) -> dict[str, Any]:
    """Return what this model was sent in place of the settings for all."""
    of_all = conversation.params
    return {
        name: value
        for name, value in answer.params.items()
        if name not in ("model", "without") and of_all.get(name) != value
    }


def again(owner: User, earlier: Answer, *, without: str = "") -> Answer:
    """Save another waiting answer of the same model; `without` a parameter that it refused.

    While one is under way, that is returned, so that a second click costs nothing. Raises AskRefused; also where the
    model has got a further question since, after this answer or a newer one.
    """
    params, size = earlier.params, size_of()
    if without:
        params["without"] = sorted({*params.get("without", ()), without})
    parameters = ParameterSet.of(owner.pk, params)
    with transaction.atomic():
        lock_owner(owner)
        if running := _running_instead_of(earlier):
            return running
        check_waiting(owner, added=1)
        claim_storage(owner, added_bytes=size, parameters=parameters)
        conversation = Conversation.objects.filter(pk=earlier.message.conversation_id)
        if not conversation.update(stored_bytes=F("stored_bytes") + size):
            raise gone()
        return Answer.objects.create(
            message=earlier.message,
            model=earlier.model,
            parameters=parameters,
            state=State.WAITING,
            stored_bytes=size,
        )


def _running_instead_of(earlier: Answer) -> Answer | None:
    """Return the answer of this model to the same question that is under way. Call it under the owner's lock."""
    to_this = Answer.objects.filter(message=earlier.message_id, model=earlier.model)
    if Message.objects.filter(parent__in=to_this).exists():
        raise AskRefused("gone", _("This model has answered a further question since. Begin a new comparison instead."))
    running = next((each for each in to_this.order_by("-started_at", "-id") if each.is_under_way), None)
    if running:
        running.message = earlier.message  # known, with its conversation
    return running


def go_on_with(owner: User, answer: Answer) -> Conversation:
    """Begin a chat with a column: its questions and answers up to this one, and its settings; the comparison stays.

    Raises AskRefused where there is no answer to go on from, or no room; or StorageUnavailable.
    """
    if answer.is_under_way or not (answer.text or answer.reasoning):
        raise AskRefused("gone", _("There is no answer of this model to go on from."))
    earlier = answer.message.conversation
    settings = {"kept": earlier.kept, "parameters": answer.parameters}
    turns = [only_turn(each) for _message, each in way_to(answer)]
    return copy_turns(owner, turns, title=earlier.title, **settings)


def wait_on(answer: Answer) -> None:
    """Record that a page still waits for this answer, so that it does not count as abandoned."""
    Answer.objects.filter(pk=answer.pk, state=State.WAITING).update(saved_at=timezone.now())


def fail(answer: Answer, answer_error: AnswerError) -> None:
    """Record that a waiting answer could not start."""
    now = timezone.now()
    waiting = Answer.objects.filter(pk=answer.pk, state=State.WAITING)
    waiting.update(state=State.FAILED, problem=answer_error.as_json(), saved_at=now, ended_at=now)
    if answer.active_call_id:
        end_call(answer.active_call_id)


def _marked(columns: list[Column]) -> list[Column]:
    """Mark the best complete answers; none before all have ended, nor if all are equal."""
    answers = [column.answer for column in columns]
    whole = [answer for answer in answers if answer.state == State.COMPLETE]
    if any(answer.is_under_way for answer in answers) or len(whole) < 2:
        return columns
    soonest, least = _best([each.first_token_ms for each in whole]), _best([each.cost_usd for each in whole])
    return [
        replace(
            column,
            soonest=column.answer in whole and soonest is not None and column.answer.first_token_ms == soonest,
            least=column.answer in whole and least is not None and column.answer.cost_usd == least,
        )
        for column in columns
    ]


def _best(numbers: Sequence[_Number | None]) -> _Number | None:
    """Return the smallest; None if one is unknown or all are equal."""
    known = [number for number in numbers if number is not None]
    return min(known) if len(known) == len(numbers) and len(set(known)) > 1 else None
