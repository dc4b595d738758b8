"""Mails about keys that expire soon: the last one of each reader, and its keys."""

from typing import ClassVar

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils import timezone

from keys.models.interns import Intern
from keys.models.keys import Key


class ReminderMail(models.Model):
    """The mails to one reader, a person or an intern: one a day with all their keys, see `keys.services.remind`."""

    person = models.OneToOneField(settings.AUTH_USER_MODEL, models.CASCADE, null=True, related_name="+", editable=False)
    intern = models.OneToOneField(Intern, models.CASCADE, null=True, related_name="+", editable=False)
    claimed_at = models.DateTimeField(null=True, editable=False, help_text="It is being sent.")
    sent_on = models.DateField(
        null=True, editable=False, help_text="The UTC day of the last, also where the mail server refused it."
    )

    class Meta:
        constraints: ClassVar = [
            models.CheckConstraint(condition=Q(person=None) ^ Q(intern=None), name="keys_reminder_mail_has_one_reader"),
        ]

    def __str__(self) -> str:
        return str(self.pk)


class Reminder(models.Model):
    """The end of a key that a reader was reminded of: one row for each key and reader, for the latest end."""

    mail = models.ForeignKey(ReminderMail, models.CASCADE, related_name="reminders", db_index=False, editable=False)
    key = models.ForeignKey(Key, models.CASCADE, related_name="reminders", editable=False)
    expires_at = models.DateTimeField(editable=False)
    is_last = models.BooleanField(editable=False, help_text="The one of the day before.")

    class Meta:
        constraints: ClassVar = [models.UniqueConstraint(fields=["mail", "key"], name="keys_one_reminder_per_reader")]

    def __str__(self) -> str:
        return f"{self.key_id}, {self.expires_at}"


class RequestedReminder(models.Model):
    """A reminder of keys that an admin sends to their owner. Deleted when it is sent."""

    owner = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="+", editable=False)
    by = models.CharField(max_length=310, editable=False, help_text="The admin's name.")
    lines = models.JSONField(editable=False, help_text="What the mail says of each key, in the owner's language.")
    asked_at = models.DateTimeField(default=timezone.now, editable=False)
    claimed_at = models.DateTimeField(null=True, editable=False, help_text="It is being sent.")

    def __str__(self) -> str:
        return str(self.pk)
