"""Limits set for one key: by an admin (ADR 29), its owner (ADR 45), or a teacher (ADR 34)."""

from decimal import Decimal
from typing import ClassVar, Final

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from accounts.models import BudgetPeriod
from keys.models.keys import Key
from web.money import UsdField

LONGEST_REASON: Final = 200


class LimitOverride(models.Model):
    """The overridden limits of a key; those missing in `fields` follow the policies, or the team. Only its budgets have
    no period."""

    key = models.OneToOneField(Key, models.CASCADE, primary_key=True, related_name="override")
    fields = models.JSONField(default=list, help_text="Names of those columns here that count.")
    budget_usd = UsdField(
        verbose_name=_("budget"), max_digits=10, decimal_places=4, null=True, help_text="Empty: none of its own."
    )
    extra_usd = UsdField(
        max_digits=10,
        decimal_places=4,
        default=Decimal(0),
        help_text="On top of the budget that the key has otherwise.",
    )
    extra_request_id = models.UUIDField(
        null=True, help_text="The form that added to it last: a second click adds nothing."
    )
    budget_period = models.CharField(_("budget period"), max_length=10, blank=True)
    rpm_limit = models.PositiveIntegerField(_("requests per minute"), null=True)
    tpm_limit = models.PositiveIntegerField(_("tokens per minute"), null=True)
    model_names = models.JSONField(_("models"), null=True, help_text="Empty: all.")
    expires_at = models.DateTimeField(_("end"), null=True, help_text="Empty: as the policies and renewals say.")
    within_policy = models.BooleanField(
        default=False, help_text="Set by the owner of the key: counts only as far as the policies allow it."
    )
    reason = models.CharField(_("reason"), max_length=LONGEST_REASON, blank=True)
    set_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, null=True, related_name="+")
    set_at = models.DateTimeField(default=timezone.now)

    class Meta:
        constraints: ClassVar = [
            models.CheckConstraint(
                condition=Q(budget_usd=None, budget_period="")
                | Q(budget_usd__gte=0, budget_period__in=["", *BudgetPeriod.values]),
                name="keys_override_budget_has_a_period",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.key_id}: {', '.join(self.fields)}"
