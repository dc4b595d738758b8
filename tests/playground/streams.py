"""An answer from the message to its end, as the views make it, without a page."""

from collections.abc import AsyncIterator, Iterator
from typing import Any

from accounts.audit import Actor
from accounts.models import User
from accounts.policies import policy_of
from courses.models import Course
from keys.catalogue import gateway_state, refresh_models
from playground.models import Answer
from playground.services.autosave import save_meanwhile
from playground.services.chat import ChatContext, Job, NewMessage, ask, begin, prepare
from playground.services.running import Delta, Done, Update, start_run
from tests.playground.event_loop import event_loop
from tests.waiting import wait_until

MODEL = "gpt-4o-mini"


def context(user: User, paid_by: Course | None = None) -> ChatContext:
    """Return the person as one who asks."""
    return ChatContext(user=user, actor=Actor(user=user), allowance=policy_of(user), paid_by=paid_by)


def started(user: User, text: str, *, model: str = MODEL, **more: Any) -> Job:
    """Ask and begin, in a new conversation unless `conversation` is given; `params` are added to the model."""
    params = {"model": model, **more.pop("params", {})}
    asker = context(user, more.pop("paid_by", None))
    return begin(prepare(asker, ask(asker, NewMessage(text=text, params=params, **more))))


class Reading:
    """A page that reads an answer which is made for it."""

    def __init__(self, job: Job) -> None:
        self.job = job
        self._stream = _begun(job)

    def __iter__(self) -> Iterator[Update]:
        return event_loop().each(self._stream)

    def first_word(self) -> Delta:
        """Read until the model has said something."""
        return next(update for update in self if isinstance(update, Delta))

    def disconnect(self) -> None:
        """Go, and wait for the end that is then written."""
        event_loop().disconnect(self._stream)
        event_loop().end_of(self.job.answer.pk)


async def _begun(job: Job) -> AsyncIterator[Update]:
    run = start_run(job)
    save_meanwhile()
    async for update in run.updates():
        yield update


def ended(user: User, text: str, **more: Any) -> Answer:
    """Ask, read to the end, and return the row as it is kept."""
    updates = list(Reading(started(user, text, **more)))
    assert isinstance(updates[-1], Done)
    return Answer.objects.get(pk=updates[-1].answer.pk)


def text_of(updates: list[Update]) -> str:
    """Join the text of the pieces."""
    return "".join(update.text for update in updates if isinstance(update, Delta))


def know_the_models() -> None:
    """Read the gateway's models, as the task does; again where a busy gateway answered 503."""
    wait_until(_are_models_known)


def _are_models_known() -> bool:
    refresh_models()
    return gateway_state().models_at is not None
