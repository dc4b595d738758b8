"""Dismissal of notices by people, and its undo."""

import uuid
from typing import Final

from django.db import transaction
from django.utils import timezone

from accounts.models import Announcement, AnnouncementDismissal, User
from keys.models import Key, LeakNotice, LimitChange
from notices.bell import version_of
from usage.models import Notice

MAX_DIGITS: Final = 18  # of an id


class NoticeChanged(Exception):
    """The notice is another than the person saw, so it was not dismissed."""


@transaction.atomic
def set_dismissed(person: User, kind: str, number: str, *, dismissed: bool, seen: str = "") -> bool:
    """Dismiss a notice of this person, or show it again; False if it belongs to somebody else. Idempotent.

    `seen`: its `version_of` on the page; raises NoticeChanged if it is another now.

    A key whose end moves, and an announcement whose text changes, get a new notice. A request stays until it is
    decided.
    """
    row = _notice_of(person, kind, number)
    if dismissed and row is not None and seen != version_of(row):
        raise NoticeChanged
    if isinstance(row, Announcement) and dismissed:
        AnnouncementDismissal.objects.get_or_create(announcement=row, person=person)
    elif isinstance(row, Announcement):
        AnnouncementDismissal.objects.filter(announcement=row, person=person).delete()
    elif isinstance(row, Key):
        Key.objects.filter(pk=row.pk).update(dismissed_of=row.expires_at if dismissed else None)
    elif row is not None:
        type(row).objects.filter(pk=row.pk).update(seen_at=timezone.now() if dismissed else None)
    return row is not None


def _notice_of(person: User, kind: str, number: str) -> Announcement | Key | LeakNotice | LimitChange | Notice | None:
    """Return the object of the notice."""
    if kind == "key":
        return Key.objects.owned_by(person).select_for_update(of=("self",)).filter(pk__in=_ids(number)).first()
    if not (number.isascii() and number.isdecimal() and len(number) <= MAX_DIGITS):
        return None
    if kind == "announcement":
        return Announcement.objects.for_person(person).select_for_update(of=("self",)).filter(pk=number).first()
    if kind in ("limits", "leak"):
        model = LimitChange if kind == "limits" else LeakNotice
        return model.objects.shown_to(person).filter(pk=number).first()
    return Notice.objects.filter(person=person, pk=number).first() if kind == "budget" else None


def _ids(text: str) -> list[uuid.UUID]:
    """Return the id in the text, if it is valid."""
    try:
        return [uuid.UUID(text)]
    except ValueError:
        return []
