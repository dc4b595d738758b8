"""How calls of batches end: an answer, a refusal, or nothing; and what follows for their batch."""

from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta
from typing import Any, Final

from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts.locale import reading_as
from courses.services import CourseRefused
from gateway.errors import GatewayError, GatewayKeyRefused, GatewayNotFound, GatewayUnavailable
from gateway.inference_types import ChatAnswer
from keys.models import Key
from keys.services import KeyRefused, recheck_course_playground_key, recheck_playground_key
from playground.batch_models import Batch, BatchCall
from playground.errors.cards import card_of
from playground.errors.classify import AnswerError, answer_error_of
from playground.services.chat import ChatContext
from playground.services.costs import answer_cost
from playground.services.quotas import size_of

Batches = QuerySet[Batch]
State = BatchCall.State

MOST_SETBACKS: Final = 12  # in a row; with rate limits some 40 minutes
FIRST_PAUSE_S: Final = 2
LONGEST_PAUSE_S: Final = 300
OF_BUDGET: Final = ("over_budget", "budget_short", "budget_midway")
OF_RATES: Final = ("rate_limited", "provider_rate_limited")


def record_answer(call: BatchCall, answer: ChatAnswer, *, took_s: float) -> None:
    """Save an answer; also of a call that was taken for lost meanwhile, unless it was begun anew."""
    first, cost, usage = answer.choices[0], answer_cost(answer, call.model), answer.usage
    with transaction.atomic():
        batch = Batch.objects.select_for_update().filter(pk=call.batch_id).first()  # before its calls, as all do
        is_first = _mine(call).update(
            state=State.COMPLETE,
            text=first.text.replace("\0", ""),
            reasoning=first.reasoning.replace("\0", ""),
            finish_reason=(first.finish_reason or "")[:40],
            problem=None,
            call_id=(answer.headers.call_id or "")[:200],
            prompt_tokens=usage.prompt_tokens if usage else None,
            completion_tokens=usage.completion_tokens if usage else None,
            cost_usd=cost.usd,
            cost_source=cost.source,
            took_ms=round(took_s * 1000),
        )
        if batch and is_first:
            batch.stored_bytes += size_of(first.text, first.reasoning)
            _end_setbacks(batch)
            batch.save(update_fields=["stored_bytes", "setbacks", "not_before", "problem"])


def _end_setbacks(batch: Batch) -> None:
    """Forget the setbacks of a batch that runs; a wait that has begun goes on, and a pause keeps its reason."""
    if batch.state != Batch.State.RUNNING:
        return
    batch.setbacks = 0
    if batch.not_before is None or batch.not_before <= timezone.now():
        batch.not_before, batch.problem = None, ""


def record_error(call: BatchCall, batch: Batch, context: ChatContext, error: GatewayError) -> None:
    """Save how a call ended without an answer, and let the batch wait or pause where others would fail too.

    A call that certainly was not billed waits again, but for what would recur; one that may have been is unknown.
    """
    problem = _classified(error, context)
    if isinstance(error, GatewayKeyRefused | GatewayNotFound):
        _recheck(context)
    if problem.code in OF_BUDGET:
        _mine(call).update(state=State.WAITING)
        pause(batch, lambda: _sentence_of(problem))
    elif problem.code in (*OF_RATES, "key_refused") or not getattr(error, "may_have_happened", True):
        _mine(call).update(state=State.WAITING)
        note_setback(batch, error)
    elif isinstance(error, GatewayUnavailable):
        is_answered = error.provider and not error.timed_out  # the gateway says that the provider failed
        _mine(call).update(state=State.FAILED if is_answered else State.UNKNOWN, problem=problem.as_json())
        note_setback(batch, error)
    else:
        _mine(call).update(state=State.FAILED, problem=problem.as_json())
        note_setback(batch, error, waits=False)


def note_setback(batch: Batch, error: GatewayError, *, waits: bool = True) -> None:
    """Let the batch wait, longer after each call in a row without an answer; after many of them it pauses."""
    with transaction.atomic():
        row = Batch.objects.select_for_update().filter(pk=batch.pk, state=Batch.State.RUNNING).first()
        if row is None:
            return
        problem, now = answer_error_of(error, begun=False), timezone.now()
        row.setbacks += 1
        if row.setbacks >= MOST_SETBACKS:
            pause(batch, lambda: f"{_many_failed()} {_sentence_of(problem)}")
            return
        pause_s = min(FIRST_PAUSE_S * 2 ** (row.setbacks - 1), LONGEST_PAUSE_S)
        if waits:
            until = max(now + timedelta(seconds=pause_s), problem.retry_at or now)
            row.not_before = max(until, row.not_before or until)  # a call that began before a longer wait
            with reading_as(batch.owner):
                row.problem = _sentence_of(problem)
        elif row.not_before is None or row.not_before <= now:
            row.not_before, row.problem = None, ""
        row.save(update_fields=["setbacks", "not_before", "problem"])


def note_refusal(batch: Batch, refusal: KeyRefused | CourseRefused) -> None:
    """Pause where the person's key cannot be used; wait where it is being made."""
    if refusal.code in ("being_made", "busy"):
        note_setback(batch, GatewayUnavailable(str(refusal), may_have_happened=False))
    else:
        pause(batch, refusal.__str__)


def pause(batch: Batch, say: Callable[[], str]) -> None:
    """Begin no further call until the owner starts it again; `say` returns why, in their language."""
    with reading_as(batch.owner):
        Batch.objects.filter(pk=batch.pk, state=Batch.State.RUNNING).update(
            state=Batch.State.PAUSED, problem=say(), not_before=None, used_at=timezone.now()
        )


def no_room() -> str:
    """Say that the answers would not fit."""
    return _("Your conversations and batches have no room left. Delete some, then go on.")


def at_cap() -> str:
    """Say that the next call could pass the limit."""
    return _("The next answer could cost more than this batch may spend. It stopped before it.")


def _many_failed() -> str:
    return _("%(count)d calls in a row brought no answer.") % {"count": MOST_SETBACKS}


def _mine(call: BatchCall) -> QuerySet[BatchCall]:
    """Return the row while this claim holds: in progress, or taken for lost."""
    return BatchCall.objects.filter(pk=call.pk, claim=call.claim, state__in=(State.CALLING, State.UNKNOWN))


def _classified(error: GatewayError, context: ChatContext) -> AnswerError:
    periods: dict[str, Any] = {}
    if context.paid_by is None:
        rule = context.allowance.rules[Key.Kind.PLAYGROUND]
        periods = {"budget_period": rule.budget_period, "person_period": context.allowance.person_budget_period}
    return answer_error_of(error, begun=False, **periods)


def _sentence_of(problem: AnswerError) -> str:
    card = card_of(problem)
    return " ".join(filter(None, (f"{card.title}.", card.sentence)))


def _recheck(context: ChatContext) -> None:
    """Read a refused key again, so that the next call creates or renews it."""
    with suppress(GatewayError):
        if context.paid_by:
            recheck_course_playground_key(context.user, context.paid_by.team_id)
        else:
            recheck_playground_key(context.user)
