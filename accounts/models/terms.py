"""Terms of use: versions of a text, and who accepted which when (ADR 30)."""

from typing import ClassVar, Final, Self

from django.db import models
from django.db.models import Exists, OuterRef, Subquery
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from accounts.models.announcements import digest_of, in_language
from accounts.models.people import User

LONGEST_TERMS: Final = 50_000  # characters


class TermsQuerySet(models.QuerySet["Terms"]):
    """Queries of versions of the terms."""

    def published(self) -> Self:
        """Keep those that were published, newest first; the first is in force."""
        return self.exclude(published_at=None).order_by("-version")

    def in_force_for(self, person: User) -> "Terms | None":
        """Return the version in force, if there is one, with `accepted_at` of this person; one query."""
        accepted = TermsAcceptance.objects.filter(terms=OuterRef("pk"), person=person)
        return self.published().annotate(accepted_at=Subquery(accepted.values("accepted_at"))).first()


class Terms(models.Model):
    """A version of the terms of use: a draft until it is published, and never changed afterwards.

    There is at most one draft: its number is the next, and unique.
    """

    version = models.PositiveIntegerField(_("version"), unique=True)
    text_en = models.TextField(_("text in English"), max_length=LONGEST_TERMS)
    text_fr = models.TextField(_("text in French"), max_length=LONGEST_TERMS)
    published_at = models.DateTimeField(_("published"), null=True, editable=False)

    objects = TermsQuerySet.as_manager()

    class Meta:
        verbose_name = _("terms of use")
        verbose_name_plural = _("terms of use")
        default_permissions = ()
        permissions: ClassVar = [("manage_terms", _("Can publish terms of use and see who accepted them"))]

    def __str__(self) -> str:
        return str(self.version)

    @property
    def text(self) -> str:
        """The text in the reader's language."""
        return in_language(self, "text")

    @property
    def digest(self) -> str:
        """Identify the texts, in a form that publishes them and in the trail."""
        return digest_of(self.text_en, self.text_fr)


class TermsAcceptance(models.Model):
    """Somebody accepted a version. It stays after an anonymisation, as the account does, without a name."""

    terms = models.ForeignKey(Terms, models.PROTECT, related_name="acceptances")
    person = models.ForeignKey(User, models.PROTECT, related_name="terms_acceptances")
    accepted_at = models.DateTimeField(default=timezone.now)

    class Meta:
        default_permissions = ()
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["terms", "person"], name="accounts_one_acceptance_per_version"),
        ]

    def __str__(self) -> str:
        return str(self.accepted_at)


def owes_terms(person: User) -> Exists:
    """Return, as part of a query, whether there are terms in force that the person has not accepted."""
    published = Terms.objects.exclude(published_at=None)
    newer = published.filter(version__gt=OuterRef("version"))
    in_force = published.filter(~Exists(newer))
    accepted = TermsAcceptance.objects.filter(terms=OuterRef("pk"), person=person)
    return Exists(in_force.exclude(Exists(accepted)))
