"""Steps of the setup that no other row records (notices.checklist)."""

from typing import ClassVar

from django.db import models
from django.utils.translation import gettext_lazy as _

from accounts.models.people import User


class SetupState(models.Model):
    """One row, pk 1: the test mail, the default policy, and whether the checklist was dismissed."""

    mail_sent_at = models.DateTimeField(null=True, help_text="When the mail server last took a test mail.")
    mail_received_at = models.DateTimeField(null=True, help_text="When somebody followed the link in a test mail.")
    policy_read_at = models.DateTimeField(null=True)
    dismissed_at = models.DateTimeField(null=True)
    dismissed_by = models.ForeignKey(User, models.PROTECT, null=True, related_name="+")

    class Meta:
        default_permissions = ()
        permissions: ClassVar = [("set_up_portal", _("Can see the setup checklist and the status of the portal"))]

    def __str__(self) -> str:
        return f"dismissed {self.dismissed_at}"

    @classmethod
    def load(cls) -> "SetupState":
        """Return the row; before the first step, an empty one that is not saved."""
        return cls.objects.filter(pk=1).first() or cls(pk=1)
