"""Keys at the gateway without an owner in the portal: made there, for nobody that the portal knows (ADR 33)."""

import uuid
from decimal import Decimal
from typing import ClassVar, Self

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from accounts.models import User
from keys.models.keys import Key
from web.money import UsdField


class KeyGift(models.Model):
    """Keys made outside that somebody is given at once; one mail to them lists all of them.

    Deleted a while after the mail, or at once where no key got an owner.
    """

    owner = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="+")
    given_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, null=True, related_name="+")
    number = models.PositiveSmallIntegerField(default=1, help_text="How many keys it is about.")
    made_at = models.DateTimeField(default=timezone.now)
    claimed_at = models.DateTimeField(null=True, help_text="Its mail is being sent.")
    done_at = models.DateTimeField(null=True, help_text="The mail is sent, or there is nobody to write to.")

    def __str__(self) -> str:
        return str(self.pk)


class UnownedKeyQuerySet(models.QuerySet["UnownedKey"]):
    """Queries of keys without an owner."""

    def free(self) -> Self:
        """Keep those with which nothing is under way."""
        return self.filter(intent="")


class UnownedKey(models.Model):
    """One key, as the gateway's list last had it, and what an administrator is doing with it.

    Its id becomes the key's when it gets an owner, so that the trail is one. The row then goes, as it does when the
    gateway no longer has the key.
    """

    class Intent(models.TextChoices):
        """What is under way at the gateway; committed before the first call, and finished by the sweep if need be."""

        NONE = "", ""
        GIVE = "give", _("Gets an owner")
        BLOCK = "block", _("Being blocked")
        UNBLOCK = "unblock", _("Being unblocked")
        DELETE = "delete", _("Being deleted")

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    token = models.CharField(max_length=64, unique=True)
    alias = models.CharField(max_length=200, blank=True)
    last_four = models.CharField(max_length=4, blank=True)
    user_id = models.CharField(max_length=200, blank=True, help_text="At the gateway; of nobody here.")
    team_id = models.CharField(max_length=200, blank=True)
    spend_usd = UsdField(default=Decimal(0), help_text="The counter there, which resets with the budget.")
    expires_at = models.DateTimeField(null=True, help_text="Empty: never.")
    blocked = models.BooleanField(default=False)
    made_at = models.DateTimeField(null=True)
    used_at = models.DateTimeField(null=True)
    first_seen_at = models.DateTimeField(default=timezone.now)
    last_seen_at = models.DateTimeField(default=timezone.now)

    intent = models.CharField(max_length=10, choices=Intent, default=Intent.NONE, blank=True)
    intended_at = models.DateTimeField(null=True, help_text="When it was last begun, here or by the sweep.")
    intended_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, null=True, related_name="+")
    gift = models.ForeignKey(KeyGift, models.PROTECT, null=True, related_name="unowned_keys")

    objects = UnownedKeyQuerySet.as_manager()

    class Meta:
        constraints: ClassVar = [
            models.CheckConstraint(
                condition=Q(intent__in=("", "give", "block", "unblock", "delete")), name="keys_unowned_intent_known"
            ),
            models.CheckConstraint(
                condition=Q(intent="give", gift__isnull=False) | (~Q(intent="give") & Q(gift=None)),
                name="keys_unowned_given_to_somebody",
            ),
            models.CheckConstraint(
                condition=Q(intent="", intended_at=None) | (~Q(intent="") & Q(intended_at__isnull=False)),
                name="keys_unowned_intent_has_a_time",
            ),
        ]

    def __str__(self) -> str:
        return self.label

    @property
    def new_owner(self) -> User | None:
        """Who gets it."""
        return self.gift.owner if self.gift else None

    @property
    def label(self) -> str:
        """What people call it: its alias at the gateway, or the end of its secret."""
        return self.alias or f"…{self.last_four}"

    @property
    def is_expired(self) -> bool:
        """Whether its end has passed."""
        return self.expires_at is not None and self.expires_at <= timezone.now()


class GivenKey(models.Model):
    """One key of a gift that has its owner now."""

    gift = models.ForeignKey(KeyGift, models.CASCADE, related_name="given_keys")
    key = models.OneToOneField(Key, models.CASCADE, related_name="+")
    spent_usd = UsdField(help_text="Before it was given, as the gateway counts it.")

    def __str__(self) -> str:
        return str(self.key_id)
