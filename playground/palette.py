"""What the search over everything finds: conversations, models and keys of a person, and pages."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext, gettext_noop

from accounts.models import User
from accounts.policies import policy_of
from keys.catalogue import CHAT_MODES
from keys.models import GatewayModel, Key
from playground.listing import Row, found_rows

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


@dataclass(frozen=True, slots=True, kw_only=True)
class Matches:
    """What matches the searched text `q`, at most a few of each kind."""

    q: str
    conversations: Sequence[Row]
    models: Sequence[GatewayModel]
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
    return q.casefold() in title.casefold()


def _keys(user: User, q: str) -> list[Key]:
    """Return the newest keys with `q` in their label."""
    keys = Key.objects.used_by_owner(user).listed(timezone.now()).filter(label__icontains=q)
    return list(keys.order_by("-created_at")[:MOST])


def _models(user: User, q: str) -> list[GatewayModel]:
    """Return the models with `q` in their name that the person can call in the Playground."""
    rule = policy_of(user).rules[Key.Kind.PLAYGROUND]
    if not rule.allowed:
        return []
    found = GatewayModel.objects.filter(mode__in=CHAT_MODES, name__icontains=q)
    return list((found if rule.models is None else found.filter(name__in=rule.models))[:MOST])
