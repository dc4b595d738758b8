"""The end of an answer, which is always recorded: its content, its state, its cost."""

import logging
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Final

from django.db import DatabaseError, transaction
from django.db.models import F
from django.utils import timezone

from gateway.errors import GatewayError, GatewayKeyRefused, GatewayNotFound
from gateway.types import Headers
from keys.services import recheck_course_playground_key, recheck_playground_key
from playground.errors.classify import INTERRUPTED, UNSAVED, AnswerError, answer_error_of
from playground.models import Answer, Conversation, GeneratedImage
from playground.services.buffer import AnswerBuffer
from playground.services.chat import Job
from playground.services.costs import Cost, estimated_cost, reported_cost
from playground.services.counts import count_end
from playground.services.limits import end_call
from playground.services.pictures import forget_pictures, keep_pictures, store_pictures, take_pictures
from playground.services.quotas import note_over_budget, size_of
from playground.services.titling import title_later
from web.files import delete_files
from web.threads import release_connection

logger = logging.getLogger(__name__)

State = Answer.State


@dataclass(slots=True)
class Ending:
    """How it ends, as far as known; anything unforeseen is an interruption."""

    state: str = State.FAILED
    answer_error: AnswerError | None = INTERRUPTED
    headers: Headers | None = None
    error: GatewayError | None = None


def settle(job: Job, buffer: AnswerBuffer, ending: Ending) -> None:
    """Record the end. If the database is unavailable, the task `playground.settle` records it later."""
    if ending.error:
        _judge(job, buffer, ending, ending.error)
    pictures = store_pictures(job.answer, _finish(job.answer, buffer, ending))
    is_kept = False
    try:
        is_cost_open = job.answer.cost_usd is None and (buffer.has_begun or _is_billed_unheard(ending))
        if is_cost_open:  # at once, for a page that shows a stopped answer during the call about its cost
            _take(job.answer, estimated_cost(body=job.body, buffer=buffer, ask=False))
        _write(job, pictures)
        is_kept = True
        if is_cost_open and ending.answer_error is None:
            _write_cost(job, buffer)
        title_later(job.answer)
    except DatabaseError as error:
        logger.warning("playground: the end of an answer was not written, %s", type(error).__name__)
        if not is_kept:
            forget_pictures(job.answer)
            job.answer.problem = replace(ending.answer_error or UNSAVED, unsaved=True).as_json()


def _judge(job: Job, buffer: AnswerBuffer, ending: Ending, error: GatewayError) -> None:
    """Classify an error of the gateway, and act on what it says about budget and key."""
    ending.headers = ending.headers or error.headers
    periods = {"budget_period": job.budget_period, "person_period": job.person_period}
    course = job.paid_by
    ending.answer_error = replace(
        answer_error_of(error, begun=buffer.has_begun, **periods), course=course.name if course else ""
    )
    if ending.answer_error.code == "over_budget":
        note_over_budget(job.conversation.owner_id, course)
    if isinstance(error, GatewayKeyRefused | GatewayNotFound):  # so that the next call creates or renews it
        with suppress(GatewayError, DatabaseError):
            if course:
                recheck_course_playground_key(job.conversation.owner, course.team_id)
            else:
                recheck_playground_key(job.conversation.owner)


def _is_billed_unheard(ending: Ending) -> bool:
    """Tell whether the gateway may bill the prompt though no token came: seen after a stop, likely after a timeout."""
    return ending.state == State.STOPPED or (ending.answer_error is not None and ending.answer_error.code == "timeout")


def _finish(answer: Answer, buffer: AnswerBuffer, ending: Ending) -> list[GeneratedImage]:
    """Set content and end on the row; return its pictures. Nothing is saved yet."""
    choice, usage, headers = buffer.first, buffer.usage, ending.headers
    answer.state, answer.problem = ending.state, ending.answer_error.as_json() if ending.answer_error else None
    answer.text, answer.reasoning = str(choice.text), str(choice.reasoning)
    answer.tool_calls, answer.others, answer.finish_reason = choice.called(), buffer.others(), choice.finish_reason[:40]
    answer.completion_tokens = buffer.count or None
    if usage:
        answer.prompt_tokens = usage.prompt_tokens
        answer.completion_tokens = usage.completion_tokens or answer.completion_tokens
        answer.reasoning_tokens, answer.cached_tokens = usage.reasoning_tokens, usage.cached_tokens
    if headers:
        answer.headers = dict(headers.raw)
        answer.call_id, answer.answered_by = (headers.call_id or "")[:200], (headers.model_group or "")[:200]
    _take(answer, reported_cost(buffer))
    answer.first_token_ms = None if buffer.first_after_s is None else round(buffer.first_after_s * 1000)
    answer.took_ms = round((time.monotonic() - buffer.began) * 1000)
    answer.ended_at = answer.saved_at = timezone.now()
    answer.extras = choice.extras()
    return take_pictures(answer, [buffer.choices[index] for index in sorted(buffer.choices)])


ENDED_FIELDS: Final = (
    "state",
    "text",
    "reasoning",
    "tool_calls",
    "others",
    "extras",
    "finish_reason",
    "problem",
    "answered_by",
    "call_id",
    "headers",
    "prompt_tokens",
    "completion_tokens",
    "reasoning_tokens",
    "cached_tokens",
    "cost_usd",
    "cost_source",
    "first_token_ms",
    "took_ms",
    "saved_at",
    "ended_at",
)


def _write(job: Job, pictures: Sequence[GeneratedImage]) -> None:
    """Save the end, once: of two concurrent ends the first counts. What was not saved is deleted."""
    answer, kept = job.answer, list[GeneratedImage]()
    with transaction.atomic():
        fields = {name: getattr(answer, name) for name in ENDED_FIELDS}
        values = [answer.tool_calls, answer.others, answer.extras, answer.headers]
        size = size_of(answer.text, answer.reasoning, values=values)
        more = F("stored_bytes") + size
        is_first = Answer.objects.filter(pk=answer.pk, state=State.STREAMING).update(**fields, stored_bytes=more)
        if is_first:
            if pictures:
                kept = keep_pictures(job.conversation.owner, answer, pictures, other_bytes=size)
                more += sum(picture.size for picture in kept)
            Conversation.objects.filter(pk=job.conversation.pk).update(stored_bytes=more)
        end_call(job.active_call_id)
        if is_first:
            count_end(answer)
    delete_files(picture.file for picture in pictures if picture not in kept)


def _write_cost(job: Job, buffer: AnswerBuffer) -> None:
    """Ask the gateway for a cost that it did not report, without holding a connection meanwhile."""
    release_connection()
    _take(job.answer, estimated_cost(body=job.body, buffer=buffer, ask=True))
    Answer.objects.filter(pk=job.answer.pk).update(cost_usd=job.answer.cost_usd, cost_source=job.answer.cost_source)


def _take(answer: Answer, cost: Cost) -> None:
    answer.cost_usd, answer.cost_source = cost.usd, cost.source
