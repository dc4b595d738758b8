"""What the portal knows of models beyond the gateway's list: their health, and what administrators wrote about them."""

from datetime import date, timedelta
from typing import ClassVar, Final

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from accounts.models.announcements import in_language
from keys.models import GatewayModel

DAYS: Final = 30  # of `ModelHealth.days`
NAME_LENGTH: Final = 200
LONGEST_GOOD_FOR: Final = 120  # characters
LONGEST_TEXT: Final = 2000
NOTE_TEXTS: Final = ("good_for_en", "good_for_fr", "text_en", "text_fr")  # of ModelNote


class ModelHealth(models.Model):
    """How well a model works: in the last hour, and on each of the last days. services/health.py measures it."""

    class State(models.TextChoices):
        """How it works in the last hour."""

        UP = "up", _("Works")
        SLOW = "slow", _("Slow")
        FAILING = "failing", _("Failing")
        UNKNOWN = "unknown", _("Not known")

    model = models.OneToOneField(GatewayModel, models.CASCADE, related_name="health")
    state = models.CharField(max_length=10, choices=State, default=State.UNKNOWN)
    ok = models.PositiveIntegerField(default=0, help_text="Calls of the last hour that succeeded.")
    failed = models.PositiveIntegerField(default=0)
    is_explained = models.BooleanField(default=False, help_text="The Playground knows why calls failed.")
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
        return f"{self.model_id}: {self.state}"

    @property
    def uptime(self) -> float | None:
        """The share of requests that succeeded in the last DAYS; None: there was none."""
        ok, failed = (sum(day[place] for day in self.days) for place in (0, 1))
        return ok / (ok + failed) if ok + failed else None

    def by_day(self) -> list[tuple[date, int, int]]:
        """Return (day, succeeded, failed), oldest first."""
        first = self.last_day - timedelta(days=len(self.days) - 1)
        return [(first + timedelta(days=number), ok, failed) for number, (ok, failed) in enumerate(self.days)]


class ModelNote(models.Model):
    """What an administrator wrote about a model. By name: a model may vanish for a while and return."""

    name = models.CharField(max_length=NAME_LENGTH, unique=True, editable=False)
    good_for_en = models.CharField(_("good for, in English"), max_length=LONGEST_GOOD_FOR, blank=True)
    good_for_fr = models.CharField(_("good for, in French"), max_length=LONGEST_GOOD_FOR, blank=True)
    text_en = models.TextField(_("description in English"), max_length=LONGEST_TEXT, blank=True)
    text_fr = models.TextField(_("description in French"), max_length=LONGEST_TEXT, blank=True)

    class Meta:
        default_permissions = ()
        permissions: ClassVar = [("describe_models", _("Can describe models"))]

    def __str__(self) -> str:
        return self.name

    @property
    def good_for(self) -> str:
        """A few words in the reader's language, else in the other."""
        return in_language(self, "good_for") or self.good_for_en or self.good_for_fr

    @property
    def text(self) -> str:
        """The description in the reader's language, else in the other."""
        return in_language(self, "text") or self.text_en or self.text_fr
