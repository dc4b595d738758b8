"""What the portal knows of models beyond the gateway's list. By name: a model may vanish for a while and return."""

from datetime import date, timedelta
from typing import ClassVar, Final

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

DAYS: Final = 30  # of `ModelHealth.days`
NAME_LENGTH: Final = 200


class ModelHealth(models.Model):
    """How well a model works: in the last hour, and on each of the last days. services/health.py measures it."""

    class State(models.TextChoices):
        """How it works in the last hour."""

        UP = "up", _("Works")
        SLOW = "slow", _("Slow")
        FAILING = "failing", _("Failing")
        UNKNOWN = "unknown", _("Not known")

    name = models.CharField(max_length=NAME_LENGTH, unique=True)
    state = models.CharField(max_length=10, choices=State, default=State.UNKNOWN)
    ok = models.PositiveIntegerField(default=0, help_text="Calls of the last hour that succeeded.")
    failed = models.PositiveIntegerField(default=0)
    first_token_ms = models.PositiveIntegerField(null=True, help_text="Mean of the Playground's in the last hour.")
    response_ms = models.PositiveIntegerField(null=True, help_text="Mean of all calls in the last hour.")
    last_day = models.DateField(help_text="UTC, of `days`.")
    days = models.JSONField(default=list, help_text="[succeeded, failed] on each of the last DAYS, oldest first.")

    class Meta:
        default_permissions = ()
        constraints: ClassVar = [
            models.CheckConstraint(
                condition=Q(state__in=("up", "slow", "failing", "unknown")), name="catalogue_health_state_known"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.name}: {self.state}"

    @property
    def uptime(self) -> float | None:
        """The share of requests that succeeded in the last DAYS; None: there was none."""
        ok, failed = (sum(day[place] for day in self.days) for place in (0, 1))
        return ok / (ok + failed) if ok + failed else None

    def by_day(self) -> list[tuple[date, int, int]]:
        """Return (day, succeeded, failed), oldest first."""
        first = self.last_day - timedelta(days=len(self.days) - 1)
        return [(first + timedelta(days=number), ok, failed) for number, (ok, failed) in enumerate(self.days)]
