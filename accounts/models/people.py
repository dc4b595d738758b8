"""People who can sign in."""

import uuid
from typing import ClassVar, Final

from django.contrib.auth.models import AbstractUser, Group
from django.contrib.auth.models import UserManager as DjangoUserManager
from django.db import models
from django.db.models.functions import Lower
from django.utils.translation import gettext_lazy as _


def new_gateway_user_id() -> str:
    """Return a unique name for a person at the gateway that nobody can guess."""
    return f"passerelle-{uuid.uuid4().hex}"


COST_CENTRE_LENGTH: Final = 40


class UserManager(DjangoUserManager["User"]):
    """Stores e-mail addresses in lower case, as allauth looks them up."""

    use_in_migrations = False

    @classmethod
    def normalize_email(cls, email: str | None) -> str:
        """Return the address as it is stored; "" for none."""
        return (email or "").strip().lower()


class User(AbstractUser):
    """A person who can sign in. Deactivated or anonymised, never deleted: the audit trail refers to them."""

    gateway_user_id = models.CharField(
        _("user id at the gateway"),
        max_length=64,
        unique=True,
        editable=False,
        default=new_gateway_user_id,
        help_text=_("The name under which the gateway stores this person’s keys and spend."),
    )
    institution_groups = models.ManyToManyField(
        Group,
        verbose_name=_("groups given by the institution"),
        related_name="+",
        blank=True,
        editable=False,
        help_text=_("Groups assigned at the last sign-in with the institution; the next sign-in may remove them."),
    )

    language = models.CharField(
        _("language"),
        max_length=10,
        blank=True,
        help_text=_("As the person chose it, for pages and mails. Empty: as their browser says."),
    )
    browser_language = models.CharField(
        _("language of the browser"),
        max_length=10,
        blank=True,
        editable=False,
        help_text=_("That of the last sign-in, for mails to people who chose none. Empty: the portal’s."),
    )
    time_zone = models.CharField(
        _("time zone"),
        max_length=64,
        blank=True,
        help_text=_("As the person chose it, for times on pages and in mails. Empty: the portal’s."),
    )

    anonymised_at = models.DateTimeField(
        _("anonymised"), null=True, editable=False, help_text=_("The account has not identified anybody since then.")
    )

    cost_centre = models.CharField(
        _("cost centre"),
        max_length=COST_CENTRE_LENGTH,
        blank=True,
        help_text=_("To which the person’s spend is charged. Empty: that of their groups."),
    )
    sessions_ended_at = models.DateTimeField(
        null=True,
        editable=False,
        help_text="When all sessions of the person were last ended; links in mails ended with them.",
    )

    objects: ClassVar[UserManager] = UserManager()

    class Meta(AbstractUser.Meta):
        permissions: ClassVar = [  # for the portal's own pages (ADR 25); Django's admin has permissions of its own
            ("view_people", _("Can see all people and their keys")),
            ("manage_people", _("Can manage people and their keys")),
        ]
        constraints: ClassVar = [
            models.UniqueConstraint(
                Lower("username"),
                name="accounts_username_unique",
                violation_error_message=_("This user name is already taken."),
            ),
            models.UniqueConstraint(
                Lower("email"),
                condition=~models.Q(email=""),
                name="accounts_email_unique",
                violation_error_message=_("This e-mail address is already in use."),
            ),
        ]

    @property
    def display_name(self) -> str:
        """The person's name, or the user name where they gave none."""
        return self.get_full_name() or self.username


class GroupCostCentre(models.Model):
    """The cost centre of a group: of its members who have none of their own."""

    group = models.OneToOneField(Group, models.CASCADE, related_name="cost_centre")
    code = models.CharField(_("cost centre"), max_length=COST_CENTRE_LENGTH)

    class Meta:
        default_permissions = ()
        constraints: ClassVar = [
            models.CheckConstraint(condition=~models.Q(code=""), name="accounts_group_cost_centre_has_code")
        ]

    def __str__(self) -> str:
        return f"{self.group_id}: {self.code}"
