"""Announcements: a banner that admins show to everybody, or to some groups, for a time (ADR 30)."""

from hashlib import sha256
from typing import ClassVar, Final, Self

from django.contrib.auth.models import Group
from django.db import models
from django.db.models import Exists, F, OuterRef, Q
from django.utils import timezone
from django.utils.translation import get_language
from django.utils.translation import gettext_lazy as _

from accounts.models.people import User

LONGEST_ANNOUNCEMENT: Final = 1000  # characters


def in_language(row: models.Model, name: str) -> str:
    """Return the field `name` of a row in the active language: `name_fr` for French, otherwise `name_en`."""
    return str(getattr(row, f"{name}_{'fr' if (get_language() or '').startswith('fr') else 'en'}"))


def digest_of(*texts: str) -> str:
    """Return the SHA-256 of these texts: forms and the audit trail identify with it what somebody has read."""
    return sha256("\0".join(texts).encode()).hexdigest()


class AnnouncementQuerySet(models.QuerySet["Announcement"]):
    """Queries of announcements."""

    def current(self) -> Self:
        """Keep the current ones."""
        now = timezone.now()
        return self.filter(starts_at__lte=now, ends_at__gt=now)

    def for_person(self, person: User) -> Self:
        """Keep the current ones for everybody or a group of this person's."""
        groups = Announcement.groups.through.objects.filter(announcement=OuterRef("pk"), group__user=person)
        return self.current().filter(Q(for_everybody=True) | Exists(groups))

    def shown_to(self, person: User) -> Self:
        """Keep those of `for_person` that the person has not dismissed."""
        dismissed = AnnouncementDismissal.objects.filter(announcement=OuterRef("pk"), person=person)
        return self.for_person(person).exclude(Exists(dismissed))


class Announcement(models.Model):
    """A text at the top of every page, in each language of the portal, until its end."""

    class Level(models.TextChoices):
        """How it is shown."""

        INFO = "info", _("note")
        WARNING = "warning", _("warning")

    text_en = models.TextField(_("text in English"), max_length=LONGEST_ANNOUNCEMENT)
    text_fr = models.TextField(_("text in French"), max_length=LONGEST_ANNOUNCEMENT)
    level = models.CharField(_("level"), max_length=10, choices=Level, default=Level.INFO)
    starts_at = models.DateTimeField(_("from"), default=timezone.now)
    ends_at = models.DateTimeField(_("until"))
    # stored: without it, an announcement whose groups are deleted would be shown to everybody
    for_everybody = models.BooleanField(
        _("shown to"), default=True, choices=((True, _("everybody")), (False, _("members of these groups")))
    )
    groups = models.ManyToManyField(Group, verbose_name=_("groups"), related_name="+", blank=True)

    objects = AnnouncementQuerySet.as_manager()

    class Meta:
        verbose_name = _("announcement")
        verbose_name_plural = _("announcements")
        default_permissions = ()
        permissions: ClassVar = [("manage_announcements", _("Can publish announcements"))]
        constraints: ClassVar = [
            models.CheckConstraint(
                condition=Q(level__in=("info", "warning")), name="accounts_announcement_level_known"
            ),
            models.CheckConstraint(condition=Q(ends_at__gt=F("starts_at")), name="accounts_announcement_ends_later"),
        ]
        indexes: ClassVar = [models.Index(fields=["ends_at"], name="accounts_announcements_end")]  # current

    def __str__(self) -> str:
        return self.text[:60]

    @property
    def text(self) -> str:
        """The text in the reader's language."""
        return in_language(self, "text")

    @property
    def digest(self) -> str:
        """Identify what readers see of it: a dismissal is of this."""
        return digest_of(self.text_en, self.text_fr, self.level)

    @property
    def tone(self) -> str:
        """The CSS class of its colours."""
        return "warn" if self.level == self.Level.WARNING else "info"


class AnnouncementDismissal(models.Model):
    """Somebody has dismissed an announcement."""

    announcement = models.ForeignKey(Announcement, models.CASCADE, related_name="dismissals")
    person = models.ForeignKey(User, models.CASCADE, related_name="+")
    at = models.DateTimeField(default=timezone.now)

    class Meta:
        default_permissions = ()
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["announcement", "person"], name="accounts_one_dismissal_per_person"),
        ]

    def __str__(self) -> str:
        return str(self.at)
