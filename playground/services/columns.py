"""The columns of a comparison: one model each, with its newest answer to the message."""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import TypeVar

from django.db import transaction
from django.db.models import F
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts.models import User
from playground.errors.classify import AnswerError
from playground.models import Answer, Conversation, ParameterSet
from playground.services.copying import copy_turns
from playground.services.limits import end_call, lock_owner
from playground.services.quotas import check_waiting, claim_storage, size_of
from playground.services.refusals import AskRefused
from playground.services.tree import bring_refused_parameters, only_turn

State = Answer.State
_Number = TypeVar("_Number", int, Decimal)


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """A model's answer, and whether it was the fastest or the cheapest, once all have ended."""

    answer: Answer
    soonest: bool = False
    least: bool = False


def columns_of(conversation: Conversation) -> list[Column]:
    """Return the columns in the order in which the models were chosen; one query."""
    rows = Answer.objects.filter(message__conversation=conversation).select_related("message").defer("headers")
    newest: dict[str, Answer] = {}
    for answer in rows.order_by("started_at", "id"):
        answer.message.conversation = conversation
        newest[answer.model] = answer
    bring_refused_parameters(newest.values())
    chosen = conversation.model_names
    known = [*(name for name in chosen if name in newest), *(name for name in newest if name not in chosen)]
    return _marked([newest[name] for name in known])


def again(owner: User, earlier: Answer, *, without: str = "") -> Answer:
    """Save another waiting answer of the same model; `without` a parameter that it refused.

    Raises AskRefused.
    """
    params, size = earlier.params, size_of()
    if without:
        params["without"] = sorted({*params.get("without", ()), without})
    parameters = ParameterSet.of(owner.pk, params)
    with transaction.atomic():
        lock_owner(owner)
        check_waiting(owner, added=1)
        claim_storage(owner, added_bytes=size, parameters=parameters)
        conversation = Conversation.objects.filter(pk=earlier.message.conversation_id)
        conversation.update(stored_bytes=F("stored_bytes") + size)
        return Answer.objects.create(
            message=earlier.message,
            model=earlier.model,
            parameters=parameters,
            state=State.WAITING,
            stored_bytes=size,
        )


def go_on_with(owner: User, answer: Answer) -> Conversation:
    """Begin a chat with a column: its question, its answer and its settings; the comparison stays as it is.

    Raises AskRefused where there is no answer to go on from, or no room; or StorageUnavailable.
    """
    if answer.is_under_way or not (answer.text or answer.reasoning):
        raise AskRefused("gone", _("There is no answer of this model to go on from."))
    earlier = answer.message.conversation
    settings = {"kept": earlier.kept, "parameters": answer.parameters}
    return copy_turns(owner, [only_turn(answer)], title=earlier.title, **settings)


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


def _marked(answers: list[Answer]) -> list[Column]:
    """Mark the best complete answers; none before all have ended, nor if all are equal."""
    whole = [answer for answer in answers if answer.state == State.COMPLETE]
    if any(answer.is_under_way for answer in answers) or len(whole) < 2:
        return [Column(answer=answer) for answer in answers]
    soonest, least = _best([each.first_token_ms for each in whole]), _best([each.cost_usd for each in whole])
    return [
        Column(
            answer=answer,
            soonest=answer in whole and soonest is not None and answer.first_token_ms == soonest,
            least=answer in whole and least is not None and answer.cost_usd == least,
        )
        for answer in answers
    ]


def _best(numbers: Sequence[_Number | None]) -> _Number | None:
    """Return the smallest; None if one is unknown or all are equal."""
    known = [number for number in numbers if number is not None]
    return min(known) if len(known) == len(numbers) and len(set(known)) > 1 else None
