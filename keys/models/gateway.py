"""The gateway as rows: its models, its state, its identity, and alerts about it."""

from datetime import timedelta
from typing import ClassVar

from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from web.money import UsdField


class GatewayModel(models.Model):
    """A model of the gateway, as it reported it at `GatewayState.models_at`."""

    name = models.CharField(max_length=200, unique=True)
    mode = models.CharField(max_length=40, blank=True)
    provider = models.CharField(max_length=80, blank=True)
    max_input_tokens = models.PositiveIntegerField(null=True)
    max_output_tokens = models.PositiveIntegerField(null=True)
    input_usd_per_million = UsdField(max_digits=12, decimal_places=6, null=True)
    output_usd_per_million = UsdField(max_digits=12, decimal_places=6, null=True)
    odd_prices = models.JSONField(default=dict, help_text="What the gateway reports that is no price.")
    features = models.JSONField(default=list)
    position = models.PositiveIntegerField(default=0, help_text="Its place in the gateway's own list.")

    class Meta:
        ordering: ClassVar = ["position", "name"]
        constraints: ClassVar = [
            models.CheckConstraint(
                condition=(Q(input_usd_per_million=None) | Q(input_usd_per_million__gte=0))
                & (Q(output_usd_per_million=None) | Q(output_usd_per_million__gte=0)),
                name="keys_prices_not_negative",
            ),
        ]

    ODD_USD_PER_MILLION: ClassVar = 10_000  # ten times the most expensive model; mostly a price in another unit

    def __str__(self) -> str:
        return self.name

    @property
    def has_odd_price(self) -> bool:
        """Whether a price is invalid, or so high that it must be in another unit."""
        prices = (self.input_usd_per_million, self.output_usd_per_million)
        return bool(self.odd_prices) or any(usd and usd > self.ODD_USD_PER_MILLION for usd in prices)


class GatewayState(models.Model):
    """The last known state of the gateway: one row."""

    checked_at = models.DateTimeField(null=True)
    ok_at = models.DateTimeField(null=True)
    down_since = models.DateTimeField(null=True)
    problem = models.CharField(max_length=40, blank=True)
    version = models.CharField(max_length=40, blank=True)
    sandbox = models.BooleanField(default=False)
    models_at = models.DateTimeField(null=True)

    FRESH_FOR: ClassVar = timedelta(minutes=3)  # the gateway is checked every minute; an older result is outdated
    DOWN_AFTER: ClassVar = timedelta(seconds=45)  # less than a minute: a check may come a little early

    def __str__(self) -> str:
        return f"gateway, checked {self.checked_at}"

    @property
    def is_outdated(self) -> bool:
        """Whether the last check is so old that the present state is unknown: no worker, or no beat, is running."""
        return self.checked_at is not None and timezone.now() - self.checked_at > self.FRESH_FOR

    @property
    def is_down(self) -> bool:
        """Whether it did not answer at two checks a minute apart: a single slow answer can happen."""
        if self.is_outdated or self.down_since is None or self.checked_at is None:
            return False
        return self.checked_at - self.down_since >= self.DOWN_AFTER


class TaskRun(models.Model):
    """When the worker last finished a task: one row for each task."""

    name = models.CharField(primary_key=True, max_length=100)
    ended_at = models.DateTimeField(help_text="Well or badly.")
    ok_at = models.DateTimeField(null=True, help_text="Without an exception.")

    def __str__(self) -> str:
        return f"{self.name}, {self.ended_at}"


class Heartbeat(models.Model):
    """When a worker or beat was last alive: a row for each process, written every few seconds (keys/processes.py)."""

    class Kind(models.TextChoices):
        """The program."""

        WORKER = "worker", "worker"
        BEAT = "beat", "beat"

    kind = models.CharField(max_length=10, choices=Kind)
    name = models.CharField(max_length=200, help_text="Of the worker, or the machine.")
    queues = models.JSONField(default=list, help_text="Whose tasks a worker takes.")
    started_at = models.DateTimeField(default=timezone.now)
    seen_at = models.DateTimeField(default=timezone.now)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["kind", "name"], name="keys_one_heartbeat_per_process"),
            models.CheckConstraint(condition=Q(kind__in=("worker", "beat")), name="keys_known_kind_of_heartbeat"),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.name}, {self.seen_at}"


class GatewayIdentity(models.Model):
    """The gateway that the portal knows: one row, pk 1. keys/identity.py writes and checks it."""

    class Problem(models.TextChoices):
        """Why nothing is taken over from the gateway."""

        NONE = "", ""
        OTHER = "other", _("This is not the gateway that the portal knows.")
        OLDER = "older", _("The gateway was restored from an older copy.")
        VANISHED = "vanished", _("Many keys disappeared from the gateway at the same time.")

    marker = models.CharField(max_length=64, blank=True, help_text="The id of a team at the gateway that we made.")
    made_at = models.DateTimeField(null=True, help_text="When the gateway confirmed it.")
    stamp = models.DateTimeField(null=True, help_text="What we last wrote on the team.")
    next_stamp = models.DateTimeField(null=True, help_text="What we are writing on it.")
    problem = models.CharField(max_length=10, choices=Problem, default=Problem.NONE, blank=True)
    since = models.DateTimeField(null=True, help_text="Since when there is that problem.")
    missing_keys = models.PositiveIntegerField(default=0, help_text="Of `live_keys`, when many vanished.")
    live_keys = models.PositiveIntegerField(default=0)
    accepted_at = models.DateTimeField(null=True)
    accepted_by = models.CharField(max_length=150, blank=True)
    absences_accepted = models.BooleanField(default=False, help_text="The next sync may find many keys missing.")
    facts_kept_to = models.DateField(null=True, help_text="Usage of UTC days up to this one never shrinks.")

    class Meta:
        default_permissions = ()
        permissions: ClassVar = [("accept_gateway", _("Can accept another gateway"))]
        constraints: ClassVar = [
            models.CheckConstraint(
                condition=Q(problem__in=("", "other", "older", "vanished")), name="keys_identity_problem_known"
            ),
        ]

    def __str__(self) -> str:
        return self.marker or "no gateway known yet"

    @classmethod
    def load(cls) -> "GatewayIdentity":
        """Return the row; before the first use of a gateway, an empty one that is not saved."""
        return cls.objects.filter(pk=1).first() or cls(pk=1)


class AdminAlert(models.Model):
    """When the administrators last got an e-mail about a problem: once a day for each."""

    code = models.CharField(max_length=60, unique=True)
    mailed_at = models.DateTimeField(null=True)
    mail_claimed_at = models.DateTimeField(null=True, help_text="The mails are being sent.")

    def __str__(self) -> str:
        return self.code
