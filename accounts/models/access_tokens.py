"""Access tokens: with one a person's program uses the API (ADR 46)."""

import uuid
from typing import ClassVar, Self

from django.db import models
from django.db.models.functions import Now
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from accounts.models.people import User


class AccessTokenQuerySet(models.QuerySet["AccessToken"]):
    """Queries of access tokens."""

    def owned_by(self, user: User) -> Self:
        """Keep those of this person."""
        return self.filter(owner=user)

    def working(self) -> Self:
        """Keep those that work: neither revoked nor expired, of an active account."""
        return self.filter(revoked_at=None, expires_at__gt=Now(), owner__is_active=True)

    def newest_first(self) -> Self:
        """Order them."""
        return self.order_by("-created_at", "-pk")

    def usable_first(self) -> Self:
        """Order them, the newest first, but those that have ended after the others."""
        ended = models.Q(expires_at__lte=Now()) | models.Q(revoked_at__isnull=False)
        return self.annotate(has_ended=models.Case(models.When(ended, then=1), default=0)).order_by(
            "has_ended", "-created_at", "-pk"
        )


class AccessToken(models.Model):
    """One token of a person. Of its secret only the SHA-256 is stored."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    owner = models.ForeignKey(User, models.CASCADE, related_name="access_tokens", db_index=False, editable=False)
    name = models.CharField(_("name"), max_length=60)
    scopes = models.CharField(max_length=300, editable=False, help_text="Names, with a space in between.")
    digest = models.CharField(max_length=64, unique=True, editable=False, help_text="SHA-256 of the secret, in hex.")
    last_four = models.CharField(max_length=4, editable=False)
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    expires_at = models.DateTimeField(editable=False)
    revoked_at = models.DateTimeField(null=True, editable=False)
    last_used_at = models.DateTimeField(null=True, editable=False, help_text="To the minute.")

    objects = AccessTokenQuerySet.as_manager()

    class Meta:
        default_permissions = ()
        indexes: ClassVar = [
            models.Index(fields=["owner", "-created_at", "-id"], name="accounts_token_of_owner"),  # newest_first
        ]

    def __str__(self) -> str:
        return f"{self.name} …{self.last_four}"

    @property
    def scope_names(self) -> frozenset[str]:
        """The names of its scopes."""
        return frozenset(self.scopes.split())

    @property
    def state(self) -> str:
        """ "revoked", "expired" or "active"."""
        if self.revoked_at:
            return "revoked"
        return "expired" if self.expires_at <= timezone.now() else "active"
