"""What the search over everything finds: conversations, models and keys of a person, and pages."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple
from unicodedata import combining, normalize
from urllib.parse import urlencode

from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext, gettext_noop

from accounts.models import User
from accounts.policies import policy_of
from keys.models import Key
from playground.listing import Row, found_rows
from playground.services.payers import Payers

MOST: Final = 6  # of each kind
COURSES: Final = gettext_noop("Courses")
ADMIN: Final = gettext_noop("Admin")
PAGES: Final = {
    "playground:index": gettext_noop("New conversation"),
    "keys:index": gettext_noop("My keys"),
    "usage:index": gettext_noop("Usage"),
    "catalogue:index": gettext_noop("Models"),
    "keys:get_started": gettext_noop("Get started"),
    "playground:compare": gettext_noop("Compare"),
    "playground:batches": gettext_noop("Batches"),
    "playground:completion": gettext_noop("Completion"),
    "playground:embeddings": gettext_noop("Embeddings"),
    "playground:moderation": gettext_noop("Moderation"),
    "playground:conversations": gettext_noop("Conversations"),
    "playground:shortcuts": gettext_noop("Keyboard shortcuts"),
    "keys:status": gettext_noop("Gateway status"),
    "account_change_password": gettext_noop("Account"),
}


class Page(NamedTuple):
    """A page of the portal that everybody may open."""

    title: str
    url: str


class ModelMatch(NamedTuple):
    """A model, and the page that begins a conversation with it."""

    name: str
    url: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Matches:
    """What matches the searched text `q`, at most a few of each kind."""

    q: str
    conversations: Sequence[Row]
    models: Sequence[ModelMatch]
    keys: Sequence[Key]
    pages: Sequence[Page]
    finds_courses: bool  # whether the title matches, of a page for people who have courses
    finds_admin: bool  # the same for the first page of administration


def matches_of(user: User, q: str) -> Matches:
    """Return what matches, of `user` alone; without any text the newest conversations."""
    q, conversations = found_rows(user, q, most=MOST)
    return Matches(
        q=q,
        conversations=conversations,
        models=_models(user, q) if q else (),
        keys=_keys(user, q) if q else (),
        pages=_pages(q),
        finds_courses=_is_in(q, gettext(COURSES)),
        finds_admin=_is_in(q, gettext(ADMIN)),
    )


def _pages(q: str) -> list[Page]:
    """Return the pages with `q` in their title."""
    titles = {name: gettext(title) for name, title in PAGES.items()}
    return [Page(title, reverse(name)) for name, title in titles.items() if _is_in(q, title)]


def _is_in(q: str, title: str) -> bool:
    """Tell whether the title has the text, whatever the case and the accents."""
    return _folded(q) in _folded(title)


def _folded(text: str) -> str:
    return "".join(char for char in normalize("NFKD", text) if not combining(char)).casefold()


def _keys(user: User, q: str) -> list[Key]:
    """Return the newest keys with `q` in their label."""
    keys = Key.objects.used_by_owner(user).listed(timezone.now()).filter(label__icontains=q)
    return list(keys.order_by("-created_at")[:MOST])


def _models(user: User, q: str) -> list[ModelMatch]:
    """Return the models with `q` in their name that the person, or a course of theirs, pays for in the Playground."""
    payers = Payers.of(user, policy_of(user))
    found = [model.name for model in payers.models if _is_in(q, model.name)][:MOST]
    return [ModelMatch(name, f"{reverse('playground:index')}?{urlencode(_chosen(payers, name))}") for name in found]


def _chosen(payers: Payers, name: str) -> dict[str, str]:
    """Return the query that chooses a model; with the course that pays for it, where the person does not."""
    for payer in (None, *payers.courses):
        if name in [model.name for model in payers.models_of(payer)]:
            return {"model": name, **({"payer": str(payer.pk)} if payer else {})}
    return {"model": name}
