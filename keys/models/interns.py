"""Interns as rows: people with keys that a supervisor is responsible for (ADR 21)."""

import uuid
from typing import ClassVar, Self

from django.conf import settings
from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Lower
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from accounts.names import name_order

FORGOTTEN = "anonymous-"  # prefix of an anonymised intern's name


class InternQuerySet(models.QuerySet["Intern"]):
    """Queries of interns."""

    def supervised_by(self, user: object) -> Self:
        """Keep the interns of `user`; every view starts here."""
        return self.filter(supervisor=user)

    def to_forget(self) -> Self:
        """Keep those whose supervisor was anonymised while they were being added."""
        return self.filter(supervisor__anonymised_at__isnull=False).exclude(name__startswith=FORGOTTEN)

    def by_name(self) -> list["Intern"]:
        """Return them in the order of lists; one query."""
        return sorted(self.order_by("created_at", "pk"), key=lambda intern: name_order(intern.name))


class Intern(models.Model):
    """Somebody who uses keys that their supervisor owns; has an account of their own only if `account` is set."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    supervisor = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, related_name="interns", verbose_name=_("supervisor")
    )
    name = models.CharField(_("name"), max_length=100)
    email = models.EmailField(_("e-mail"), blank=True)
    stay_ends_on = models.DateField(
        _("end of the stay"), null=True, blank=True, help_text="Last day (TIME_ZONE); no key of theirs lives longer."
    )
    account = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        models.SET_NULL,
        null=True,
        blank=True,
        related_name="internships",
        verbose_name=_("account"),
        help_text=_("Their own account, found by its verified address at sign-in. Mails come in its language."),
    )
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    objects = InternQuerySet.as_manager()

    class Meta:
        verbose_name = _("intern")
        verbose_name_plural = _("interns")
        constraints: ClassVar = [
            models.UniqueConstraint(
                "supervisor",
                Lower("email"),
                condition=~Q(email=""),
                name="keys_intern_email_unique",
                violation_error_message=_("This supervisor has an intern with this e-mail address already."),
            ),
            models.CheckConstraint(condition=~Q(name=""), name="keys_intern_has_name"),
            models.CheckConstraint(
                condition=~Q(account=F("supervisor")),
                name="keys_intern_is_not_supervisor",
                violation_error_message=_("Nobody is their own intern."),
            ),
        ]

    def __str__(self) -> str:
        return self.name
