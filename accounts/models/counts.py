"""Hourly counters of people's actions and stored bytes (accounts/quotas.py)."""

from typing import ClassVar

from django.db import models

from accounts.models.people import User


class HourlyCount(models.Model):
    """How often a person did one kind of action in the hour (UTC) of their last one: quotas.consume.

    A person has one row for each action, which is reused in the next hour.
    """

    user = models.ForeignKey(User, models.CASCADE, related_name="+", db_index=False, editable=False)
    action = models.CharField(max_length=40, editable=False)
    hour = models.DateTimeField(editable=False)
    amount = models.PositiveBigIntegerField(editable=False, help_text="Actions, or bytes.")

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["user", "action"], name="accounts_one_count_per_action"),
        ]

    def __str__(self) -> str:
        return f"{self.action}: {self.amount}"
