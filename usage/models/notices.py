"""Notices about budgets, and days of unusual spend."""

from typing import ClassVar

from django.conf import settings
from django.contrib.auth.models import Group
from django.db import models
from django.db.models import Q
from django.utils import timezone

from keys.models import Key
from web.money import UsdField


class Notice(models.Model):
    """A notice, once per budget period, that 80 % (of a group: what its policy says) or 100 % of a budget is spent.

    About a key's budget, or a group's, or without these the person's for all keys, or else the portal's.
    """

    person = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="usage_notices")
    key = models.ForeignKey(Key, models.CASCADE, null=True, related_name="notices")
    of_person = models.BooleanField(
        default=False, help_text="About the person's budget for all keys together; with a group: to a member it stops."
    )
    group = models.ForeignKey(Group, models.CASCADE, null=True, related_name="+", help_text="About its monthly budget.")
    period_first_day = models.DateField(help_text="UTC")
    threshold = models.PositiveSmallIntegerField(help_text="80 or 100, of a group any; percent")
    spent_usd = UsdField()
    budget_usd = UsdField()
    made_at = models.DateTimeField(default=timezone.now)
    mail_claimed_at = models.DateTimeField(null=True, help_text="The mail is being sent.")
    mailed_at = models.DateTimeField(null=True)
    seen_at = models.DateTimeField(null=True, help_text="When the person dismissed it.")

    class Meta:
        ordering: ClassVar = ["-made_at", "-id"]
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["person", "key", "period_first_day", "threshold"],
                condition=Q(key__isnull=False),
                name="usage_one_notice_of_key",
            ),
            models.UniqueConstraint(
                fields=["person", "of_person", "period_first_day", "threshold"],
                condition=Q(key__isnull=True, group__isnull=True),
                name="usage_one_notice_without_key",
            ),
            models.UniqueConstraint(
                fields=["person", "group", "of_person", "period_first_day", "threshold"],
                condition=Q(group__isnull=False),
                name="usage_one_notice_of_group",
            ),
            models.CheckConstraint(
                condition=Q(key=None) | Q(of_person=False, group=None),
                name="usage_notice_is_of_one_budget",
            ),
            models.CheckConstraint(
                condition=Q(threshold__in=(80, 100)) | Q(group__isnull=False, threshold__gte=1, threshold__lte=100),
                name="usage_threshold_known",
            ),
            models.CheckConstraint(
                condition=Q(spent_usd__gt=0, budget_usd__gt=0), name="usage_notice_amounts_positive"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.threshold} % since {self.period_first_day}"


class UnusualSpend(models.Model):
    """A day on which a key spent much more than its owner does on a usual day, at most one a week: one mail."""

    key = models.ForeignKey(Key, models.CASCADE, related_name="+")
    owner = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="+", help_text="On that day.")
    day = models.DateField(help_text="UTC")
    spent_usd = UsdField(help_text="With the key, when it was noticed.")
    usual_usd = UsdField(help_text="With all keys of the owner, on a usual day.")
    mail_claimed_at = models.DateTimeField(null=True, help_text="The mail is being sent.")
    mailed_at = models.DateTimeField(null=True)

    class Meta:
        default_permissions = ()
        constraints: ClassVar = [models.UniqueConstraint(fields=["day", "key"], name="usage_one_unusual_day")]

    def __str__(self) -> str:
        return f"{self.key_id} {self.day}"
