"""An answer from asking to its end, as the views make it, without a page."""

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.http import HttpRequest

from accounts.audit import Act
from accounts.models import User
from accounts.policies import policy_of
from keys.catalogue import refresh_models
from playground.models import Answer
from playground.services.asking import Asker, Job, Question, ask
from playground.services.relay import Ended, Piece, Update, relay
from web.hangups import Hangup

MODEL = "gpt-4o-mini"


def asker(user: User) -> Asker:
    """Return the person as one who asks."""
    return Asker(user=user, act=Act(actor=user), allowance=policy_of(user))


def asked(user: User, text: str, *, model: str = MODEL, **more: Any) -> Job:
    """Ask, in a new conversation unless `conversation` is given; `wishes` are added to the model."""
    wishes = {"model": model, **more.pop("wishes", {})}
    return ask(asker(user), Question(text=text, wishes=wishes, **more))


def nobody() -> Hangup:
    """Return a browser that stays."""
    return Hangup(HttpRequest())


@contextmanager
def browser() -> Iterator[tuple[Hangup, socket.socket]]:
    """Hand out a browser and its end of the connection, to be closed as a browser does."""
    ours, theirs = socket.socketpair()
    with ours, theirs:
        request = HttpRequest()
        request.META["gunicorn.socket"] = ours
        yield Hangup(request), theirs


def ended(user: User, text: str, **more: Any) -> Answer:
    """Ask, read to the end, and return the row as it is kept."""
    updates = list(relay(asked(user, text, **more), nobody()))
    assert isinstance(updates[-1], Ended)
    return Answer.objects.get(pk=updates[-1].answer.pk)


def text_of(updates: list[Update]) -> str:
    """Join the text of the pieces."""
    return "".join(update.text for update in updates if isinstance(update, Piece))


def know_the_models() -> None:
    """Read the gateway's models, as the task does."""
    refresh_models()
