"""Views of the explorer that people saved."""

import uuid
from typing import ClassVar

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _


class SavedView(models.Model):
    """A view of somebody: which page, and its URL parameters. What a reader sees of it depends on their own rights."""

    class Page(models.TextChoices):
        """The pages, by the names of their routes."""

        MINE = "usage:index", _("My usage")
        INTERNS = "usage:interns", _("My interns")
        EVERYONE = "usage:everyone", _("Everyone")

    class Mail(models.TextChoices):
        """How often its numbers are sent."""

        NEVER = "", _("never")
        WEEKLY = "weekly", _("each week, with the numbers of the week before")
        MONTHLY = "monthly", _("each month, with the numbers of the month before")

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    owner = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="+", editable=False)
    name = models.CharField(_("Name"), max_length=60)
    page = models.CharField(max_length=20, choices=Page, editable=False)
    query = models.TextField(editable=False, help_text="The query string of the page.")
    is_shared = models.BooleanField(
        _("Anyone who is signed in can open the link"),
        default=False,
        help_text=_(
            "Readers see only what they may see: without the right to everyone’s usage, that of their own keys."
        ),
    )
    is_start = models.BooleanField(_("Open this view when I open Usage"), default=False)
    mail = models.CharField(_("Mail me its numbers"), max_length=10, choices=Mail, default=Mail.NEVER, blank=True)
    mailed_on = models.DateField(
        null=True, editable=False, help_text="First day of the last week or month with a mail."
    )
    mail_claimed_at = models.DateTimeField(null=True, editable=False, help_text="Since when a process sends the next.")

    class Meta:
        default_permissions = ()
        ordering: ClassVar = ["name"]
        constraints: ClassVar = [
            models.CheckConstraint(
                condition=Q(page__in=("usage:index", "usage:interns", "usage:everyone")), name="usage_view_page_known"
            ),
            models.CheckConstraint(condition=Q(mail__in=("", "weekly", "monthly")), name="usage_view_mail_known"),
            models.UniqueConstraint(fields=["owner", "name"], name="usage_view_has_a_name_of_its_own"),
            models.UniqueConstraint(fields=["owner"], condition=Q(is_start=True), name="usage_view_one_start"),
        ]
        indexes: ClassVar = [models.Index(fields=["mail"], condition=~Q(mail=""), name="usage_views_with_mail")]

    def __str__(self) -> str:
        return self.name
