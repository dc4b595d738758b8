"""Reports of leaked secrets, and who is to know of them: under the bell, and in a mail (ADR 51)."""

from datetime import timedelta
from typing import ClassVar, Final, Self

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from accounts.identity_providers import identity_provider
from accounts.models import AccessToken, ScimClient, User
from keys.models.interns import Intern
from keys.models.keys import Token

NEWS_FOR: Final = timedelta(days=30)
WHERE_LENGTH: Final = 500


class LeakReport(models.Model):
    """The first report of a secret of ours; later ones are counted."""

    class Source(models.TextChoices):
        """Who reported it."""

        GITHUB = "github", "GitHub"
        OTHER = "other", _("Another scanner")

    token = models.OneToOneField(Token, models.PROTECT, null=True, related_name="leak_report", editable=False)
    access_token = models.OneToOneField(
        AccessToken, models.CASCADE, null=True, related_name="leak_report", editable=False
    )
    scim_client = models.ForeignKey(ScimClient, models.CASCADE, null=True, related_name="leak_reports", editable=False)
    scim_digest = models.CharField(
        max_length=64, blank=True, editable=False, help_text="SHA-256 of the token: a client gets others later."
    )
    scim_last_four = models.CharField(max_length=4, blank=True, editable=False)
    source = models.CharField(max_length=10, choices=Source, editable=False)
    where = models.CharField(max_length=WHERE_LENGTH, blank=True, editable=False, help_text="A public address.")
    reported_at = models.DateTimeField(default=timezone.now, editable=False)
    repeats = models.PositiveIntegerField(default=0, editable=False)

    class Meta:
        default_permissions = ()
        constraints: ClassVar = [
            models.CheckConstraint(
                condition=Q(token__isnull=False, access_token=None, scim_client=None, scim_digest="")
                | Q(token=None, access_token__isnull=False, scim_client=None, scim_digest="")
                | Q(token=None, access_token=None, scim_client__isnull=False) & ~Q(scim_digest=""),
                name="keys_leak_of_one_secret",
            ),
            models.UniqueConstraint(
                fields=["scim_digest"], condition=~Q(scim_digest=""), name="keys_one_leak_report_per_scim_token"
            ),
            models.CheckConstraint(condition=Q(source__in=("github", "other")), name="keys_leak_source_known"),
        ]

    def __str__(self) -> str:
        return f"{self.source} {self.reported_at}"

    @property
    def owner(self) -> User | None:
        """The owner of the key, or of the access token; a SCIM token has none."""
        if self.token:
            return self.token.key.owner
        return self.access_token.owner if self.access_token else None

    @property
    def intern(self) -> Intern | None:
        """The intern who uses the key, if there is one."""
        return self.token.key.intern if self.token else None

    @property
    def label(self) -> str:
        """The name of the key, of the access token, or of the identity provider whose SCIM token it is."""
        if self.token:
            return self.token.key.label
        if self.access_token:
            return self.access_token.name
        provider = self.scim_client.provider if self.scim_client else ""
        found = identity_provider(provider)
        return found.title if found else provider

    @property
    def last_four(self) -> str:
        """The last characters of the secret."""
        row = self.token or self.access_token
        return row.last_four if row else self.scim_last_four


class LeakNoticeQuerySet(models.QuerySet["LeakNotice"]):
    """Queries of notices."""

    def shown_to(self, person: object) -> Self:
        """Keep those of this person that are still news."""
        return self.filter(person=person, made_at__gt=timezone.now() - NEWS_FOR)

    def with_secrets(self) -> Self:
        """Read their reports, keys and tokens with them."""
        return self.select_related(
            "report__token__key__owner",
            "report__token__key__intern",
            "report__access_token__owner",
            "report__scim_client",
            "person",
        )


class LeakNotice(models.Model):
    """A leak as one person is to know of it. Deleted when it is no news any more."""

    class Role(models.TextChoices):
        """Why they are to know."""

        OWNER = "owner", _("owner")
        INTERN = "intern", _("intern")
        ADMIN = "admin", _("administrator")

    report = models.ForeignKey(LeakReport, models.CASCADE, related_name="notices", editable=False)
    person = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, null=True, related_name="+", editable=False)
    role = models.CharField(max_length=10, choices=Role, editable=False)
    made_at = models.DateTimeField(default=timezone.now, editable=False)
    seen_at = models.DateTimeField(null=True, editable=False, help_text="Dismissed.")
    claimed_at = models.DateTimeField(null=True, editable=False, help_text="Its mail is being sent.")
    mailed_at = models.DateTimeField(null=True, editable=False, help_text="Or there is nobody to write to.")

    objects = LeakNoticeQuerySet.as_manager()

    class Meta:
        default_permissions = ()
        constraints: ClassVar = [
            models.CheckConstraint(condition=Q(role__in=("owner", "intern", "admin")), name="keys_leak_role_known"),
            models.CheckConstraint(  # an intern without an account has a mail only
                condition=Q(person__isnull=False) | Q(role="intern"), name="keys_leak_notice_has_a_reader"
            ),
            models.UniqueConstraint(fields=["report", "person"], name="keys_leak_one_notice_each"),
        ]

    def __str__(self) -> str:
        return f"{self.report_id} {self.role}"
