"""What a USD is worth in the lab's currency, by day (ADR 42)."""

from typing import ClassVar

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _


class ExchangeRate(models.Model):
    """A rate that holds from a day on, until the day of the next one."""

    currency = models.CharField(max_length=3)
    day = models.DateField(help_text="UTC.")
    per_usd = models.DecimalField(max_digits=16, decimal_places=8)
    entered_at = models.DateTimeField()
    entered_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="+")

    class Meta:
        default_permissions = ()
        permissions: ClassVar = [("enter_rates", _("Can enter exchange rates"))]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["currency", "day"], name="usage_rate_of_day_is_one_row"),
            models.CheckConstraint(condition=Q(per_usd__gt=0), name="usage_rate_is_positive"),
        ]

    def __str__(self) -> str:
        return f"{self.day}: 1 USD = {self.per_usd.normalize():f} {self.currency}"
