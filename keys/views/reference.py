"""Reference pages: how to begin, the state of the gateway. All is read from our own tables."""

from dataclasses import dataclass

from django.http import HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from accounts.policies import policy_of
from keys.catalogue import (
    default_chat_model,
    default_embedding_model,
    gateway_state,
)
from keys.models import Key
from keys.parts import parts_of
from keys.snippets import Snippet, Task, base_url, filled, swagger_url
from web.request import PortalRequest


@dataclass(frozen=True, slots=True, kw_only=True)
class Section:
    """A task for the gateway, with code in every language."""

    id: Task
    title: str
    intro: str
    snippets: list[Snippet]


@dataclass(frozen=True, slots=True, kw_only=True)
class Parameter:
    """A field of a request worth knowing."""

    name: str
    text: str
    example: str


@require_safe
def get_started(request: PortalRequest) -> HttpResponse:
    """Guide from nothing to a first answer."""
    names = policy_of(request.user).models
    chat, embedding = default_chat_model(names), default_embedding_model(names)
    context = {
        "base_url": base_url(),
        "swagger_url": swagger_url(),
        "sections": _sections(chat.name if chat else None, embedding.name if embedding else None),
        "parameters": _parameters(),
        "advice": _advice(),
        "has_keys": Key.objects.used_by_owner(request.user).for_programs().exists(),
        "default_model": chat.name if chat else "",
    }
    return render(request, "keys/get_started.html", context)


def _sections(chat: str | None, embedding: str | None) -> list[Section]:
    reported: tuple[tuple[Task, str | None, str, str], ...] = (
        ("chat", chat, _("Chat"), _("Ask something, get the whole answer at once.")),
        (
            "stream",
            chat,
            _("Chat, word by word"),
            _("The same, but the answer arrives piece by piece, as it is written."),
        ),
        (
            "embeddings",
            embedding,
            _("Embeddings"),
            _("Turn texts into numbers that are close when the meanings are close; for search and sorting."),
        ),
        (
            "models",
            None,
            _("Models"),
            _("Which models your key may call. Use a name from this list in your calls."),
        ),
    )
    return [
        Section(id=task, title=title, intro=intro, snippets=filled(task, url=base_url(), model=model))
        for task, model, title, intro in reported
    ]


def _parameters() -> list[Parameter]:
    return [
        Parameter(
            name="temperature",
            text=_("From 0 to 1. 0: nearly the same answer each time. 1: more varied."),
            example="0.2",
        ),
        Parameter(
            name="max_tokens",
            text=_("The maximum length of the answer. 100 tokens are about 75 words."),
            example="200",
        ),
        Parameter(
            name="stream",
            text=_("true: get the answer piece by piece, as it is written. false: all of it at the end."),
            example="true",
        ),
    ]


def _advice() -> list[str]:
    return [
        _("Not in code that you share, not in git, not in a notebook that you hand in, not in a screenshot."),
        _("Read it from the environment or from a .env file that git ignores."),
        _("One key for each use: you can then delete one without breaking the others."),
        _(
            "If it leaks: choose “This key has leaked” in My keys. You get a new secret; "
            "the old one is refused at once."
        ),
    ]


@require_safe
def status(request: PortalRequest) -> HttpResponse:
    """Show the last known state of the gateway."""
    state = gateway_state()
    return render(request, "keys/status.html", {"gateway": state, "parts": parts_of(state)})
