"""What an institution provisions by SCIM 2: its client, people and groups (ADR 50)."""

import unicodedata
import uuid
from typing import ClassVar, Self

from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from accounts.models.people import User


def folded(text: str) -> str:
    """Return a name as SCIM compares it: in lower case, one spelling of each character."""
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", text).lower())


class ScimScope(models.TextChoices):
    """What a client may write. It may read both."""

    USERS = "users", _("Create, change and deactivate people")
    GROUPS = "groups", _("Create, change and delete groups and their members")


class ScimClientQuerySet(models.QuerySet["ScimClient"]):
    """Queries of clients."""

    def working(self) -> Self:
        """Keep those that are not revoked."""
        return self.filter(revoked_at=None)


class ScimClient(models.Model):
    """The program of an identity provider that provisions people. Of its secret only the SHA-256 is stored."""

    provider = models.CharField(max_length=40, unique=True, editable=False, help_text="Its id (ADR 47).")
    scopes = models.CharField(max_length=60, editable=False, help_text="Names, with a space in between.")
    digest = models.CharField(max_length=64, unique=True, editable=False, help_text="SHA-256 of the secret, in hex.")
    last_four = models.CharField(max_length=4, editable=False)
    former_digest = models.CharField(max_length=64, blank=True, editable=False, help_text="Of the replaced secret.")
    former_until = models.DateTimeField(null=True, editable=False, help_text="Until then the replaced secret works.")
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    replaced_at = models.DateTimeField(null=True, editable=False)
    revoked_at = models.DateTimeField(null=True, editable=False)
    last_used_at = models.DateTimeField(null=True, editable=False, help_text="To the minute.")

    objects = ScimClientQuerySet.as_manager()

    class Meta:
        default_permissions = ()
        indexes: ClassVar = [models.Index(fields=["former_digest"], name="accounts_scim_former_secret")]

    def __str__(self) -> str:
        return f"{self.provider} …{self.last_four}"

    @property
    def scope_names(self) -> frozenset[str]:
        """The names of its scopes."""
        return frozenset(self.scopes.split())


class ScimUserQuerySet(models.QuerySet["ScimUser"]):
    """Queries of provisioned people."""

    def listed(self) -> Self:
        """Keep those that the client has not deleted."""
        return self.filter(deleted_at=None)


class ScimUser(models.Model):
    """A person as a client provisions them. Deleted by the client, the row stays, and the account is leaving."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    client = models.ForeignKey(ScimClient, models.CASCADE, related_name="users", db_index=False, editable=False)
    person = models.ForeignKey(User, models.CASCADE, related_name="scim_users", editable=False)
    user_name = models.CharField(max_length=150, editable=False, help_text="Folded, for comparisons.")
    external_id = models.CharField(max_length=255, blank=True, editable=False)
    attributes = models.JSONField(default=dict, editable=False, help_text="As the client sent them, and we know them.")
    active = models.BooleanField(default=True, editable=False)
    deleted_at = models.DateTimeField(null=True, editable=False)
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    changed_at = models.DateTimeField(default=timezone.now, editable=False)
    version = models.PositiveIntegerField(default=1, editable=False)

    objects = ScimUserQuerySet.as_manager()

    class Meta:
        default_permissions = ()
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["client", "user_name"],
                condition=models.Q(deleted_at=None),
                name="accounts_scim_user_name_unique",
            ),
            models.UniqueConstraint(fields=["client", "person"], name="accounts_one_scim_user_per_person"),
        ]
        indexes: ClassVar = [
            models.Index(fields=["client", "external_id"], name="accounts_scim_user_external"),
            models.Index(fields=["client", "created_at", "id"], name="accounts_scim_users_in_order"),
        ]

    def __str__(self) -> str:
        return self.user_name


class ScimGroup(models.Model):
    """A group as a client provisions it. Which group of the portal it means, the rules of the provider say."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    client = models.ForeignKey(ScimClient, models.CASCADE, related_name="groups", db_index=False, editable=False)
    name = models.CharField(max_length=150, editable=False, help_text="As the client wrote it.")
    folded_name = models.CharField(max_length=150, editable=False)
    external_id = models.CharField(max_length=255, blank=True, editable=False)
    members = models.ManyToManyField(ScimUser, related_name="groups", editable=False)
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    changed_at = models.DateTimeField(default=timezone.now, editable=False)
    version = models.PositiveIntegerField(default=1, editable=False)

    class Meta:
        default_permissions = ()
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["client", "folded_name"], name="accounts_scim_group_name_unique"),
        ]
        indexes: ClassVar = [
            models.Index(fields=["client", "external_id"], name="accounts_scim_group_external"),
            models.Index(fields=["client", "created_at", "id"], name="accounts_scim_groups_in_order"),
        ]

    def __str__(self) -> str:
        return self.name
