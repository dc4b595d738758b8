"""What groups with a monthly budget have spent (ADR 32)."""

from datetime import date
from typing import Self

from django.contrib.auth.models import Group
from django.db import models
from django.db.models import F
from django.utils import timezone

from web.money import UsdField


def month_first_day() -> date:
    """Return the first day (UTC) of the present month, in which budgets of groups are counted."""
    return timezone.now().date().replace(day=1)


class GroupSpendQuerySet(models.QuerySet["GroupSpend"]):
    """Queries of what groups have spent."""

    def stopping(self) -> Self:
        """Keep groups that have used up this month's budget, and whose policy stops the keys of their members."""
        used_up = {"group__policy__group_budget_stops": True, "group__policy__group_budget_usd__lte": F("spent_usd")}
        return self.filter(first_day=month_first_day(), **used_up)


class GroupSpend(models.Model):
    """What the members of a group have spent together in a month, as of the last poll; written by the usage app."""

    group = models.OneToOneField(Group, models.CASCADE, primary_key=True, related_name="spend")
    first_day = models.DateField(help_text="Of the month, UTC.")
    spent_usd = UsdField()

    objects = GroupSpendQuerySet.as_manager()

    class Meta:
        default_permissions = ()

    def __str__(self) -> str:
        return f"{self.group_id} since {self.first_day}"
