"""Stops an answer, from any page and whichever process makes it."""

from collections.abc import Iterable

from django.utils import timezone

from playground.models import Answer
from playground.services.limits import end_call
from playground.services.running import running

State = Answer.State


def stop_answers(answers: Iterable[Answer]) -> None:
    """Stop running answers: waiting ones at once, those of another process within a second."""
    for answer in answers:
        now = timezone.now()
        mine = Answer.objects.filter(pk=answer.pk)
        if mine.filter(state=State.WAITING).update(state=State.STOPPED, saved_at=now, ended_at=now):
            if answer.active_call_id:
                end_call(answer.active_call_id)
        elif mine.filter(state=State.STREAMING).update(stop_requested=True) and (run := running(answer.pk)):
            run.request_stop()
