"""Accounts that are to be deactivated: their institution no longer lists them, or nobody uses them (ADR 50)."""

from datetime import datetime, timedelta
from typing import ClassVar, Self

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.db.models.functions import Now
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from accounts.models.people import User


class LeavingReason(models.TextChoices):
    """Why an account is on the list."""

    UNLISTED = "unlisted", _("No longer listed by the institution")
    INACTIVE = "inactive", _("Deactivated or deleted by the institution")
    UNUSED = "unused", _("Not used for a long time")


class LeavingQuerySet(models.QuerySet["LeavingAccount"]):
    """Queries of the list."""

    def waiting(self) -> Self:
        """Keep accounts that are open and will be deactivated."""
        return self.filter(closed_at=None, kept_until=None, person__is_active=True, person__anonymised_at=None)

    def kept(self) -> Self:
        """Keep accounts that an admin keeps for now."""
        return self.filter(kept_until__gt=Now())

    def closed(self) -> Self:
        """Keep accounts that were deactivated."""
        return self.filter(closed_at__isnull=False, person__is_active=False, person__anonymised_at=None)


class LeavingAccount(models.Model):
    """A person on the list. The row goes when they are back; kept or deactivated, it stays."""

    person = models.OneToOneField(User, models.CASCADE, primary_key=True, related_name="leaving", editable=False)
    reason = models.CharField(max_length=10, choices=LeavingReason, editable=False)
    source = models.CharField(max_length=40, blank=True, editable=False, help_text="The id of the provider, or empty.")
    noticed_at = models.DateTimeField(default=timezone.now, editable=False)
    warned_at = models.DateTimeField(null=True, editable=False, help_text="All warnings were sent; the grace begins.")
    closed_at = models.DateTimeField(null=True, editable=False, help_text="The portal deactivated the account.")
    kept_until = models.DateTimeField(null=True, editable=False, help_text="An admin keeps the account until then.")

    objects = LeavingQuerySet.as_manager()

    class Meta:
        default_permissions = ()
        constraints: ClassVar = [
            models.CheckConstraint(
                condition=Q(closed_at=None) | Q(kept_until=None), name="accounts_leaving_is_closed_or_kept"
            )
        ]
        indexes: ClassVar = [models.Index(fields=["noticed_at"], name="accounts_leaving_noticed")]  # the list

    def __str__(self) -> str:
        return f"{self.person_id} {self.reason}"

    @property
    def is_waiting(self) -> bool:
        """Whether it will be deactivated."""
        return self.closed_at is None and self.kept_until is None

    @property
    def ends_at(self) -> datetime | None:
        """When it will be deactivated; None as long as its warnings are not sent."""
        return self.warned_at and self.warned_at + timedelta(days=settings.LEAVING_GRACE_DAYS)


class LeavingCheck(models.Model):
    """The last check of one reason, at one provider: how many accounts it looked up, and how many are leaving."""

    class Outcome(models.TextChoices):
        """What came of it."""

        DONE = "done", _("Done")
        UNAVAILABLE = "unavailable", _("The directory did not answer")
        STOPPED = "stopped", _("Stopped: too many at once")

    reason = models.CharField(max_length=10, choices=LeavingReason, editable=False)
    source = models.CharField(max_length=40, blank=True, editable=False)
    outcome = models.CharField(max_length=12, choices=Outcome, editable=False)
    at = models.DateTimeField(default=timezone.now, editable=False)
    done_at = models.DateTimeField(
        null=True, editable=False, help_text="The last one that was neither stopped nor away."
    )
    looked_up = models.PositiveIntegerField(default=0, editable=False)
    leaving = models.PositiveIntegerField(default=0, editable=False)
    allowed = models.PositiveIntegerField(default=0, editable=False, help_text="So many an admin has accepted.")

    class Meta:
        default_permissions = ()
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["reason", "source"], name="accounts_one_leaving_check_per_source")
        ]

    def __str__(self) -> str:
        return f"{self.reason} {self.source} {self.outcome}"


class LeavingMail(models.Model):
    """A warning: of an account, to the person or their supervisor, or of a check that stopped, to an admin."""

    account = models.ForeignKey(LeavingAccount, models.CASCADE, null=True, related_name="mails", editable=False)
    stopped = models.ForeignKey(LeavingCheck, models.CASCADE, null=True, related_name="mails", editable=False)
    reader = models.ForeignKey(User, models.CASCADE, related_name="+", editable=False)
    made_at = models.DateTimeField(default=timezone.now, editable=False)
    claimed_at = models.DateTimeField(null=True, editable=False, help_text="It is being sent.")
    done_at = models.DateTimeField(null=True, editable=False, help_text="Sent, or refused by the mail server.")

    class Meta:
        default_permissions = ()
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["account", "reader"], name="accounts_one_leaving_mail_per_reader"),
            models.UniqueConstraint(fields=["stopped", "reader"], name="accounts_one_stopped_mail_per_reader"),
            models.CheckConstraint(
                condition=Q(account=None) ^ Q(stopped=None), name="accounts_leaving_mail_has_one_subject"
            ),
        ]

    def __str__(self) -> str:
        return str(self.pk)
