"""Former owners of keys: after a handover, the spend until then stays with the former owner."""

from typing import ClassVar

from django.conf import settings
from django.db import models
from django.utils import timezone

from keys.models.keys import Key


class FormerOwner(models.Model):
    """Somebody who owned a key until a moment; the first one since its creation, each other since the one before."""

    key = models.ForeignKey(Key, models.PROTECT, related_name="former_owners")
    owner = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="+")
    until = models.DateTimeField(default=timezone.now)

    class Meta:
        constraints: ClassVar = [models.UniqueConstraint(fields=["key", "until"], name="keys_one_owner_at_a_time")]
        indexes: ClassVar = [models.Index(fields=["until"], name="keys_handed_over_by_time")]  # usage.services.owners

    def __str__(self) -> str:
        return f"until {self.until}"
