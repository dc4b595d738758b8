"""Counts how answers end, by model and interval: the health of models is measured from that (ADR 38)."""

from datetime import timedelta
from typing import Final

from django.db.models import F
from django.utils import timezone

from playground.models import Answer, AnswerCount
from web.intervals import interval_of

RETENTION: Final = timedelta(days=100)  # the longest named period of the health page, and some days


def count_end(answer: Answer) -> None:
    """Count an answer that has ended. Call it last in the transaction: answers of a model share a row.

    One that was stopped before its first token says nothing about the model.
    """
    if answer.state == Answer.State.STOPPED and answer.first_token_ms is None:
        return
    code = str((answer.problem or {}).get("code", ""))
    timed = int(answer.first_token_ms is not None)
    row = {"at": interval_of(answer.ended_at or timezone.now()), "model": answer.model, "outcome": code[:40]}
    more = {
        "answers": F("answers") + 1,
        "timed": F("timed") + timed,
        "first_token_ms": F("first_token_ms") + (answer.first_token_ms or 0),
    }
    if not AnswerCount.objects.filter(**row).update(**more):
        AnswerCount.objects.bulk_create([AnswerCount(**row)], ignore_conflicts=True)
        AnswerCount.objects.filter(**row).update(**more)


def prune_counts() -> int:
    """Delete the counts that are older than their retention; return how many rows."""
    deleted, _ = AnswerCount.objects.filter(at__lt=timezone.now() - RETENTION).delete()
    return deleted
