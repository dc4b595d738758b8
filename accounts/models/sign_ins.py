"""Sign-ins of the last days, and attempts that were refused (accounts.sign_ins)."""

from functools import reduce
from operator import or_
from typing import ClassVar, Self

from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from accounts.models.people import User


class SignInOutcome(models.TextChoices):
    """What came of it."""

    ENTERED = "entered", _("Signed in")
    CREATED = "created", _("Signed in, with a new account")
    LINKED = "linked", _("Signed in, linked by the address")
    PASSWORD = "password", _("Refused: wrong user name or password")
    CODE = "code", _("Refused: wrong second factor")
    INACTIVE = "inactive", _("Refused: the account is deactivated")
    GROUP = "group", _("Refused by the rule about groups")
    AFFILIATION = "affiliation", _("Refused by the rule about affiliations")
    DOMAIN = "domain", _("Refused by the rule about e-mail domains")
    ADDRESS = "address", _("Refused: another account has the address")
    ANSWER = "answer", _("Refused: no valid answer of the identity provider")
    UNAVAILABLE = "unavailable", _("Failed: the identity provider did not answer as it should")


SUCCESSES = (SignInOutcome.ENTERED, SignInOutcome.CREATED, SignInOutcome.LINKED)


class SignInQuerySet(models.QuerySet["SignIn"]):
    """Queries of sign-ins."""

    def of(self, user: User) -> Self:
        """Keep those of this person."""
        return self.filter(user=user)

    def with_session(self) -> Self:
        """Keep those that began a session, which may be over."""
        return self.exclude(session_key="")

    def refused(self) -> Self:
        """Keep the attempts that were refused or failed."""
        return self.exclude(outcome__in=SUCCESSES)

    def matching(self, text: str) -> Self:
        """Keep those with this text in the person's names or address, the provider's name for them, or from there."""
        of_person = [f"user__{name}__icontains" for name in ("username", "first_name", "last_name", "email")]
        fields = [*of_person, "subject__icontains", "address__startswith"]
        return self.filter(reduce(or_, (models.Q(**{field: text}) for field in fields)))

    def newest_first(self) -> Self:
        """Order them."""
        return self.order_by("-pk")


class SignIn(models.Model):
    """One sign-in, or a refusal with its repetitions within the hour. Holds no secret and no typed name."""

    at = models.DateTimeField(default=timezone.now, editable=False)
    last_at = models.DateTimeField(default=timezone.now, editable=False, help_text="Of the last repetition.")
    times = models.PositiveIntegerField(default=1, editable=False)
    provider = models.CharField(max_length=40, blank=True, editable=False, help_text="Its id; empty: a local account.")
    subject = models.CharField(max_length=255, blank=True, editable=False, help_text="As the provider names the person")
    user = models.ForeignKey(User, models.CASCADE, null=True, related_name="+", db_index=False, editable=False)
    address = models.GenericIPAddressField(null=True, editable=False)
    outcome = models.CharField(max_length=12, choices=SignInOutcome, editable=False)
    received = models.JSONField(default=list, editable=False, help_text="Names of the attributes that were sent.")
    claims = models.JSONField(default=dict, editable=False, help_text="What the portal read in them.")
    groups = models.JSONField(default=list, editable=False, help_text="Names of the person's groups afterwards.")
    session_key = models.CharField(max_length=40, blank=True, editable=False, help_text="Of the session that it began.")
    browser = models.CharField(max_length=20, blank=True, editable=False)
    system = models.CharField(max_length=20, blank=True, editable=False)
    last_use_at = models.DateTimeField(null=True, editable=False, help_text="Of the session, to some minutes.")

    objects = SignInQuerySet.as_manager()

    class Meta:
        default_permissions = ()
        indexes: ClassVar = [
            models.Index(fields=["user", "-id"], name="accounts_sign_in_of_person"),  # of
            models.Index(fields=["provider", "subject"], name="accounts_sign_in_of_subject"),  # forget_sign_ins
            models.Index(fields=["at"], name="accounts_sign_in_at"),  # prune
        ]

    def __str__(self) -> str:
        return f"{self.outcome} {self.at}"
