"""Invitations to an account, and the mail about them."""

from typing import ClassVar, Self

from django.db import models
from django.db.models import Q
from django.utils import timezone

from accounts.models.people import User


class InvitationQuerySet(models.QuerySet["Invitation"]):
    """Queries of invitations."""

    def pending(self) -> Self:
        """Keep those whose people have not signed in yet, and that were not withdrawn."""
        return self.filter(withdrawn_at=None, person__is_active=True, person__last_login=None)

    def to_send(self) -> Self:
        """Keep those whose mail has not gone out, oldest first."""
        return self.pending().filter(sent_at=None, refused_at=None).order_by("asked_at", "pk")


class Invitation(models.Model):
    """An account that was created for somebody, with a mail about it. One a person, also if it is sent again."""

    person = models.OneToOneField(User, models.CASCADE, primary_key=True, related_name="invitation", editable=False)
    by_institution = models.BooleanField(
        default=False, editable=False, help_text="The mail leads to the institution's sign-in; else it has a link."
    )
    about = models.CharField(
        max_length=100, blank=True, editable=False, help_text="The course that they are invited to, if it is one."
    )
    asked_at = models.DateTimeField(default=timezone.now, editable=False, help_text="When the last mail was asked for.")
    claimed_at = models.DateTimeField(null=True, editable=False, help_text="The mail is being sent.")
    sent_at = models.DateTimeField(null=True, editable=False)
    refused_at = models.DateTimeField(null=True, editable=False, help_text="The mail server did not take the address.")
    withdrawn_at = models.DateTimeField(null=True, editable=False, help_text="When it was taken back.")

    objects = InvitationQuerySet.as_manager()

    class Meta:
        indexes: ClassVar = [
            models.Index(  # InvitationQuerySet.to_send
                fields=["asked_at"], condition=Q(sent_at=None, refused_at=None), name="accounts_invitation_to_send"
            ),
        ]

    def __str__(self) -> str:
        return str(self.person_id)
