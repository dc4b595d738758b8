"""Publish, change and delete announcements."""

from collections.abc import Iterable
from typing import Any

from django.contrib.auth.models import Group
from django.db import transaction

from accounts.audit import Actor, changes_between, record
from accounts.models import Announcement, AuditAction, AuditObject, AuditOutcome

SHOWN_AGAIN = ("text_en", "text_fr", "level")  # a change of these shows a dismissed one again


@transaction.atomic
def save_announcement(announcement: Announcement, *, groups: Iterable[Group], actor: Actor) -> None:
    """Save a new announcement, or changes of an existing one, for these groups."""
    before = Announcement.objects.select_for_update().filter(pk=announcement.pk).first()
    values_before = _values(before) if before else {}
    announcement.save()
    announcement.groups.set(groups)
    changes = changes_between(values_before, _values(announcement))
    if not before:
        _audit(announcement, AuditAction.ISSUE, actor, changes)
    elif changes:
        _audit(announcement, AuditAction.CHANGE, actor, changes)
        if changes.keys() & set(SHOWN_AGAIN):
            announcement.dismissals.all().delete()


@transaction.atomic
def delete_announcement(announcement: Announcement, *, actor: Actor) -> None:
    """Delete an announcement."""
    _audit(announcement, AuditAction.DELETE, actor, changes_between(_values(announcement), {}))
    announcement.delete()


def _values(announcement: Announcement) -> dict[str, Any]:
    """Return an announcement's texts, groups and times as JSON values."""
    return {
        "text_en": announcement.text_en,
        "text_fr": announcement.text_fr,
        "level": announcement.level,
        "starts_at": announcement.starts_at.isoformat(),
        "ends_at": announcement.ends_at.isoformat(),
        "for_everybody": announcement.for_everybody,
        "groups": sorted(announcement.groups.values_list("name", flat=True)),
    }


def _audit(announcement: Announcement, action: AuditAction, actor: Actor, changes: dict[str, list[Any]]) -> None:
    record(
        actor=actor,
        action=action,
        outcome=AuditOutcome.DONE,
        kind=AuditObject.ANNOUNCEMENT,
        object_id=announcement.pk,
        label=" ".join(announcement.text_en.split()),
        code="announcement.changes",
        details={"changes": changes},
    )
