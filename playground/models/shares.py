"""Links under which other people read a conversation (ADR 44)."""

import uuid
from datetime import datetime
from typing import ClassVar, Self

from django.db import models
from django.db.models import Q
from django.utils import timezone

from playground.models.conversations import Answer, Conversation


class ShareQuerySet(models.QuerySet["Share"]):
    """Queries of links."""

    def owned_by(self, user: object) -> Self:
        """Keep those to conversations of `user`."""
        return self.filter(conversation__owner=user)

    def live(self, now: datetime) -> Self:
        """Keep those that have not expired."""
        return self.filter(Q(ends_at=None) | Q(ends_at__gt=now))


class Share(models.Model):
    """A link to a conversation for everybody who is signed in. Its end is its deletion."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    conversation = models.ForeignKey(Conversation, models.CASCADE, related_name="shares")
    until = models.ForeignKey(
        Answer, models.CASCADE, null=True, related_name="+", help_text="The last one; empty: what its owner sees."
    )
    token_hash = models.CharField(max_length=64, unique=True, help_text="SHA-256 of the token in the link.")
    created_at = models.DateTimeField(default=timezone.now)
    ends_at = models.DateTimeField(null=True, help_text="Empty: when its owner ends it.")

    objects = ShareQuerySet.as_manager()

    class Meta:
        default_permissions = ()
        ordering: ClassVar = ["-created_at", "id"]

    def __str__(self) -> str:
        return f"link of {self.created_at}"
