"""Follows an answer of another process, by its row: its text there is at most a second old."""

import asyncio
from collections.abc import AsyncGenerator
from typing import Final

from django.utils import timezone

from playground.models import Answer
from playground.services.running import Delta, Done, KeepAlive, Update
from web.threads import in_thread

LOOK_S: Final = 0.5


async def followed(answer: Answer) -> AsyncGenerator[Update]:
    """Yield the text so far, then additions, then the end. It records in the row that somebody reads."""
    text = reasoning = 0
    while True:
        row = await in_thread(lambda: _look_at(answer))
        if row is None or not row.is_under_way:
            break
        new = Delta(
            row.text[text:],
            row.reasoning[reasoning:],
            row.completion_tokens or 0,
            (timezone.now() - row.started_at).total_seconds(),
        )
        text, reasoning = len(row.text), len(row.reasoning)
        yield new if new.text or new.reasoning else KeepAlive()
        await asyncio.sleep(LOOK_S)
    if row:
        row.message = answer.message  # known
        yield Done(row)


def _look_at(answer: Answer) -> Answer | None:
    """Return the row as it is now, None if it was deleted."""
    mine = Answer.objects.filter(pk=answer.pk)
    mine.filter(state=Answer.State.STREAMING).update(followed_at=timezone.now())
    return mine.first()
