"""Announcements and terms, and who publishes them."""

from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import Group
from django.utils import timezone

from accounts.models import Announcement, Terms, User
from keys.models import Key
from notices.bell import version_of
from tests.people.conftest import with_permissions
from usage.models import Notice


@pytest.fixture
def publisher(db: None) -> User:
    """Make somebody who publishes announcements and terms, and has no other permission."""
    return with_permissions("publisher", "manage_announcements", "manage_terms")


def announce(text: str = "We move on Friday.", *groups: str, **fields: Any) -> Announcement:
    """Announce something for these groups, from two hours ago until tomorrow unless said otherwise."""
    now = timezone.now()
    about = {
        "text_en": text,
        "text_fr": f"FR {text}",
        "for_everybody": not groups,
        "starts_at": now - timedelta(hours=2),
    }
    announcement = Announcement.objects.create(**{**about, "ends_at": now + timedelta(days=1), **fields})
    announcement.groups.set([Group.objects.get_or_create(name=name)[0] for name in groups])
    return announcement


def publish_terms(text: str = "Be kind.") -> Terms:
    """Put a new version into force."""
    version = Terms.objects.count() + 1
    now = timezone.now()
    return Terms.objects.create(version=version, text_en=text, text_fr=f"FR {text}", published_at=now)


def dismissal(kind: str, row: Announcement | Key | Notice) -> dict[str, str]:
    """Return the form that dismisses this notice as it is now."""
    return {"kind": kind, "id": str(row.pk), "seen": version_of(row)}
