"""Changes of the limits of interns' keys: under the bell of the intern, and in a mail (ADR 29)."""

from datetime import timedelta
from typing import Final, Self

from django.conf import settings
from django.db import models
from django.utils import timezone

from keys.models.interns import Intern
from keys.models.keys import Key

SHOWN_FOR: Final = timedelta(days=30)


class LimitChangeQuerySet(models.QuerySet["LimitChange"]):
    """Queries of changes."""

    def shown_to(self, person: object) -> Self:
        """Keep those of the person's keys, as an intern with an account, that are still news."""
        return self.filter(intern__account=person, made_at__gt=timezone.now() - SHOWN_FOR)


class LimitChange(models.Model):
    """One change of the limits of a key that an intern uses. Deleted when it is no news any more."""

    key = models.ForeignKey(Key, models.CASCADE, related_name="+", editable=False)
    intern = models.ForeignKey(Intern, models.CASCADE, related_name="+", editable=False)
    changed_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, null=True, related_name="+", editable=False
    )
    changes = models.JSONField(editable=False, help_text="As in the trail: limit -> [value before, value after].")
    made_at = models.DateTimeField(default=timezone.now, editable=False)
    seen_at = models.DateTimeField(null=True, editable=False, help_text="Dismissed by the intern.")
    claimed_at = models.DateTimeField(null=True, editable=False, help_text="Its mail is being sent.")
    mailed_at = models.DateTimeField(null=True, editable=False, help_text="Or there is nobody to write to.")

    objects = LimitChangeQuerySet.as_manager()

    def __str__(self) -> str:
        return str(self.pk)
