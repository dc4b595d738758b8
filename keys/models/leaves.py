"""Supervisors who left while interns still use their keys, and the mails about it (ADR 27)."""

from typing import ClassVar

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils import timezone

from keys.models.interns import Intern


class SupervisorLeave(models.Model):
    """Somebody with an inactive account whose interns have live keys. Deleted with the last of these."""

    supervisor = models.OneToOneField(
        settings.AUTH_USER_MODEL, models.CASCADE, primary_key=True, related_name="leave", editable=False
    )
    noticed_at = models.DateTimeField(default=timezone.now, editable=False, help_text="The grace begins then.")

    def __str__(self) -> str:
        return str(self.supervisor_id)


class LeaveMail(models.Model):
    """A mail about a leave, to one of the interns or to somebody who manages people: one each."""

    leave = models.ForeignKey(SupervisorLeave, models.CASCADE, related_name="mails", editable=False)
    intern = models.ForeignKey(Intern, models.CASCADE, null=True, related_name="+", editable=False)
    manager = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, null=True, related_name="+", editable=False)
    claimed_at = models.DateTimeField(null=True, editable=False, help_text="It is being sent.")
    done_at = models.DateTimeField(null=True, editable=False, help_text="Sent, or refused by the mail server.")

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["leave", "intern"], name="keys_one_leave_mail_per_intern"),
            models.UniqueConstraint(fields=["leave", "manager"], name="keys_one_leave_mail_per_manager"),
            models.CheckConstraint(condition=Q(intern=None) ^ Q(manager=None), name="keys_leave_mail_has_one_reader"),
        ]

    def __str__(self) -> str:
        return str(self.pk)
