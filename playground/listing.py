"""The list of a person's conversations: grouped by day, filtered by a search."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Final

from django.conf import settings
from django.db.models import Q
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from accounts.models import User
from playground.models import Conversation, ConversationQuerySet

if TYPE_CHECKING:
    from django_stubs_ext import StrPromise

SHOWN_AT_MOST: Final = 50
LONGEST_SEARCH: Final = 100
ICONS: Final = {
    Conversation.Kind.CHAT.value: "play",
    Conversation.Kind.COMPARE.value: "list",
    Conversation.Kind.COMPLETION.value: "edit",
}
PAGES: Final = {
    Conversation.Kind.CHAT.value: "conversation",
    Conversation.Kind.COMPARE.value: "comparison",
    Conversation.Kind.COMPLETION.value: "completed",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """A conversation in the list."""

    conversation: Conversation
    url: str
    icon: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """Conversations last used on the same day, or before."""

    title: "StrPromise"
    rows: list[Row]


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """The list; `more` says that it is not complete, `q` is the searched text."""

    groups: list[Group]
    q: str
    count: int
    more: bool
    kept_days: int


def conversations_of(user: User, q: str = "") -> Found:
    """Return the conversations of `user` that match `q`, most recent first, in one query; at most 50."""
    q, found = found_rows(user, q, most=SHOWN_AT_MOST + 1)
    rows = found[:SHOWN_AT_MOST]
    return Found(
        groups=_by_day(rows),
        q=q,
        count=len(rows),
        more=len(found) > SHOWN_AT_MOST,
        kept_days=settings.PLAYGROUND_RETENTION_DAYS,
    )


def found_rows(user: User, q: str, *, most: int) -> tuple[str, list[Row]]:
    """Return the text as it was searched, and the conversations with it, most recent first."""
    q = q.replace("\0", "").strip()[:LONGEST_SEARCH]
    own = Conversation.objects.owned_by(user)
    return q, [_row(each) for each in _with(q, own).listed()[:most]]


def address_of(conversation: Conversation) -> str:
    """Return the URL of a conversation's page."""
    return reverse(f"playground:{PAGES[conversation.kind]}", args=[conversation.pk])


def _with(q: str, own: ConversationQuerySet) -> ConversationQuerySet:
    """Keep the conversations with `q` in their title, messages or answers."""
    if not q:
        return own
    texts = own.filter(Q(messages__text__icontains=q) | Q(messages__answers__text__icontains=q))
    return own.filter(Q(title__icontains=q) | Q(pk__in=texts.values("pk")))


def _row(conversation: Conversation) -> Row:
    return Row(conversation=conversation, url=address_of(conversation), icon=ICONS[conversation.kind])


def _by_day(rows: Iterable[Row]) -> list[Group]:
    """Return the groups that have conversations: Today, Yesterday, Earlier."""
    today = timezone.localdate()
    groups = [
        Group(title=_("Today"), rows=[]),
        Group(title=_("Yesterday"), rows=[]),
        Group(title=_("Earlier"), rows=[]),
    ]
    for row in rows:
        days = (today - timezone.localdate(row.conversation.used_at)) // timedelta(days=1)
        groups[min(max(days, 0), 2)].rows.append(row)
    return [group for group in groups if group.rows]
