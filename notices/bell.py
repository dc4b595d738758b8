"""A person's notices under one bell: requests, budgets, keys that expire soon, announcements."""

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from django.db.models import Count, Exists, F, OuterRef, Q, QuerySet, Subquery, Value
from django.db.models.functions import Coalesce
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from accounts.models import AccessRequest, Announcement, AnnouncementDismissal, User, Webhook
from keys.models import Key, LeakNotice, LimitChange
from keys.services import spent_since
from keys.services.trail import limit_lines
from keys.status import distance
from usage.models import Notice, utc_today
from usage.queries.notices import current_notices
from usage.templatetags.usage_words import notice_words
from web.templatetags.portal import day, usd

DISMISSED: Final = Q(dismissed_of=F("expires_at"))


def announcements_and_number(person: User, kinds: Collection[str], *, shown: bool) -> tuple[list[Announcement], int]:
    """Return the announcements for the person, warnings first, then the newest, and the number of other notices.

    `shown`: whether there may be announcements. `kinds`: of which kinds of the others ("requests", "keys", "budgets",
    "limits", "leaks", "webhooks") there may be some that are not dismissed. One query for all; two where there is no
    announcement after all.
    """
    numbers = {f"number_of_{kind}": _number(_undismissed(person, kind)) for kind in kinds}
    found: list[Any] = []
    if shown:
        announcements = Announcement.objects.shown_to(person).annotate(**numbers)
        found = list(announcements.order_by("-level", "-starts_at", "pk"))
    if not numbers:
        return found, 0
    if found:
        return found, sum(getattr(found[0], name) for name in numbers)
    return found, sum(User.objects.filter(pk=person.pk).values_list(*numbers.values()).get())


def _undismissed(person: User, kind: str) -> QuerySet[Any]:
    if kind == "requests":
        return AccessRequest.objects.addressed_to(person)
    if kind == "keys":
        return _ending(person).filter(Q(dismissed_of=None) | ~DISMISSED)
    if kind == "webhooks":
        return Webhook.objects.filter(pause=Webhook.Pause.FAILING)
    if kind in ("limits", "leaks"):
        model = LimitChange if kind == "limits" else LeakNotice
        return model.objects.shown_to(person).filter(seen_at=None)
    return current_notices(person, utc_today()).filter(seen_at=None)


def _number(rows: QuerySet[Any]) -> Coalesce:
    counted = rows.order_by().annotate(one=Value(1)).values("one").annotate(number=Count("pk", distinct=True))
    return Coalesce(Subquery(counted.values("number")), 0)


def _ending(person: User) -> QuerySet[Key]:
    return Key.objects.owned_by(person).ending_soon(timezone.now())


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """One notice. `kind`, `id` and `seen` identify it for a dismissal; without an id it cannot be dismissed."""

    kind: str
    id: str = ""
    seen: str = ""
    tone: str = "info"
    text: str
    address: str = ""
    at: datetime | None = None
    is_dismissed: bool = False


def version_of(row: Announcement | Key | LeakNotice | LimitChange | Notice) -> str:
    """Identify what the notice of this row says now, so that a form dismisses nothing else; "" if it never changes."""
    if isinstance(row, Announcement):
        return row.digest
    return row.expires_at.isoformat() if isinstance(row, Key) and row.expires_at else ""


def items_for(person: User) -> list[Item]:
    """Return all notices of the person, urgent ones first; five queries, and with leaks one more, and one for each."""
    counted = (
        _number(AccessRequest.objects.addressed_to(person)),
        _number(LeakNotice.objects.shown_to(person)),
        _number(_undismissed(person, "webhooks")),
    )
    open_requests, leaks, webhooks = User.objects.filter(pk=person.pk).values_list(*counted).get()
    return [
        *(_of_leaks(person) if leaks else ()),
        *_of_requests(open_requests),
        *(_of_webhooks(person) if webhooks else ()),
        *_of_budgets(person),
        *_of_keys(person),
        *_of_limits(person),
        *_of_announcements(person),
    ]


def _of_leaks(person: User) -> Iterator[Item]:
    for notice in LeakNotice.objects.shown_to(person).with_secrets().order_by("-made_at", "-pk"):
        yield Item(
            kind="leak",
            id=str(notice.pk),
            tone="bad",
            text=_leak_words(notice),
            address=_address_of_leak(notice),
            at=notice.made_at,
            is_dismissed=notice.seen_at is not None,
        )


def _leak_words(notice: LeakNotice) -> str:
    report = notice.report
    words = {"label": report.label, "last_four": report.last_four, "source": report.get_source_display()}
    if report.scim_client:
        text = _("%(source)s reported the SCIM token of “%(label)s” (…%(last_four)s) as leaked. It no longer works.")
        return text % words
    spent_usd = spent_since(report)
    if spent_usd is None:
        return _("%(source)s reported the access token “%(label)s” (…%(last_four)s) as leaked. It was revoked.") % words
    words["usd"] = usd(spent_usd)
    return (
        _("%(source)s reported the key “%(label)s” (…%(last_four)s) as leaked. Spent with it since: %(usd)s.") % words
    )


def _address_of_leak(notice: LeakNotice) -> str:
    if notice.report.scim_client:
        return reverse("scim:clients")
    if notice.report.token is None:
        return reverse("api:tokens" if notice.role == LeakNotice.Role.OWNER else "api:all_tokens")
    if notice.role == LeakNotice.Role.INTERN:
        return reverse("keys:index")
    if notice.role == LeakNotice.Role.ADMIN:
        return reverse("people:person", args=[notice.report.token.key.owner_id])
    return reverse("keys:detail", args=[notice.report.token.key_id])


def _of_requests(number: int) -> Iterator[Item]:
    """Yield one notice for all requests: it stays until they are decided."""
    if number:
        words = ngettext("%(number)d request to decide", "%(number)d requests to decide", number)
        yield Item(kind="requests", tone="warn", text=words % {"number": number}, address=reverse("approvals:index"))


def _of_webhooks(person: User) -> Iterator[Item]:
    """Yield one notice for each webhook that was paused as it failed: it stays until somebody resumes or deletes it."""
    if person.has_perm("accounts.manage_webhooks"):
        for webhook in _undismissed(person, "webhooks").order_by("paused_at"):
            words = _("The webhook “%(name)s” is paused: it did not answer for days.") % {"name": webhook.name}
            address = reverse("webhooks:webhook", args=[webhook.pk])
            yield Item(kind="webhooks", tone="warn", text=words, address=address, at=webhook.paused_at)


def _of_budgets(person: User) -> Iterator[Item]:
    notices = current_notices(person, utc_today()).select_related("key", "group__policy")
    for notice in notices.order_by("-threshold", "-made_at", "pk"):
        yield Item(
            kind="budget",
            id=str(notice.pk),
            tone="bad" if notice.threshold >= 100 else "warn",
            text=notice_words(notice),
            address=_address_of(notice),
            at=notice.made_at,
            is_dismissed=notice.seen_at is not None,
        )


def _address_of(notice: Notice) -> str:
    if notice.key_id:
        return reverse("keys:detail", args=[notice.key_id])
    if notice.group_id and notice.of_person:
        return reverse("keys:index")
    return reverse("people:group", args=[notice.group_id]) if notice.group_id else reverse("usage:index")


def _of_keys(person: User) -> Iterator[Item]:
    for key in _ending(person).order_by("expires_at", "pk"):
        if key.expires_at:
            words = {"label": key.label, "day": day(key.expires_at), "distance": distance(key.expires_at)}
            yield Item(
                kind="key",
                id=str(key.pk),
                seen=version_of(key),
                tone="warn",
                text=_("The key “%(label)s” expires on %(day)s, %(distance)s.") % words,
                address=reverse("keys:detail", args=[key.pk]),
                is_dismissed=key.dismissed_of == key.expires_at,
            )


def _of_limits(person: User) -> Iterator[Item]:
    for change in LimitChange.objects.shown_to(person).select_related("key", "changed_by").order_by("-made_at", "-pk"):
        words = {
            "name": change.changed_by.display_name if change.changed_by else "–",
            "label": change.key.label,
            "changes": "; ".join(limit_lines(change.changes)),
        }
        yield Item(
            kind="limits",
            id=str(change.pk),
            text=_("%(name)s changed the limits of “%(label)s”: %(changes)s.") % words,
            address=reverse("keys:index"),
            at=change.made_at,
            is_dismissed=change.seen_at is not None,
        )


def _of_announcements(person: User) -> Iterator[Item]:
    dismissed = Exists(AnnouncementDismissal.objects.filter(person=person, announcement=OuterRef("pk")))
    theirs: QuerySet[Any] = Announcement.objects.for_person(person).annotate(is_dismissed=dismissed)
    for announcement in theirs.order_by("-level", "-starts_at", "pk"):
        yield Item(
            kind="announcement",
            id=str(announcement.pk),
            seen=version_of(announcement),
            tone=announcement.tone,
            text=announcement.text,
            at=announcement.starts_at,
            is_dismissed=announcement.is_dismissed,
        )
