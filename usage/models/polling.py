"""The state of the polling: runs, invalid numbers, freshness, comparisons with the gateway."""

from typing import ClassVar

from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from keys.models import Key
from usage.models.facts import MODEL_LENGTH, TOKEN_LENGTH


class PollRun(models.Model):
    """One poll of the gateway: what it read and wrote, and its outcome."""

    class Kind(models.TextChoices):
        """The reason for the run."""

        TODAY = "today", _("Today")
        RECENT = "recent", _("The two days before")
        NIGHTLY = "nightly", _("The last 35 days")
        BACKFILL = "backfill", _("The days before the first start")
        OLDER = "older", _("Older months, read again")
        BUTTON = "button", _("Refresh now")

    class Outcome(models.TextChoices):
        """The outcome; `running` without a running worker means that it was killed."""

        RUNNING = "running", _("Under way")
        DONE = "done", _("Done")
        FAILED = "failed", _("Failed")
        BUSY = "busy", _("Postponed")

    kind = models.CharField(max_length=10, choices=Kind)
    first_day = models.DateField()
    last_day = models.DateField()
    started_at = models.DateTimeField(default=timezone.now)
    ended_at = models.DateTimeField(null=True)
    pages = models.PositiveIntegerField(default=0)
    rows_read = models.PositiveIntegerField(default=0)
    rows_written = models.PositiveIntegerField(default=0, help_text="Facts made, changed and removed.")
    invalid = models.PositiveIntegerField(default=0, help_text="Numbers that make no sense, not in the sums.")
    missing = models.JSONField(default=list, help_text="What the gateway does not report, as older ones do not.")
    days_kept = models.PositiveIntegerField(default=0, help_text="Days of which far less was reported than before.")
    seconds = models.FloatField(default=0)
    gateway_s = models.FloatField(default=0, help_text="Of these, spent waiting for the gateway.")
    outcome = models.CharField(max_length=10, choices=Outcome, default=Outcome.RUNNING)
    problem = models.CharField(max_length=300, blank=True)

    class Meta:
        ordering: ClassVar = ["-started_at", "-id"]
        indexes: ClassVar = [models.Index(fields=["-started_at"], name="usage_runs_by_time")]
        constraints: ClassVar = [
            models.CheckConstraint(
                condition=Q(kind__in=("today", "recent", "nightly", "backfill", "older", "button")),
                name="usage_run_kind_known",
            ),
            models.CheckConstraint(
                condition=Q(outcome__in=("running", "done", "failed", "busy")), name="usage_run_outcome_known"
            ),
            models.CheckConstraint(condition=Q(last_day__gte=models.F("first_day")), name="usage_run_ends_after_start"),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.first_day} to {self.last_day}: {self.outcome}"


class Anomaly(models.Model):
    """An invalid number in the gateway's activity, as of the last time that its day was read."""

    day = models.DateField()
    token = models.CharField(max_length=TOKEN_LENGTH, blank=True, help_text="As TokenRef has it; empty: not readable.")
    model = models.CharField(max_length=MODEL_LENGTH, blank=True)
    measure = models.CharField(max_length=30, blank=True, help_text="As ActivityRow has it; empty: the whole row.")
    reported = models.CharField(max_length=40, blank=True, help_text="The number, or what is there instead.")
    seen_at = models.DateTimeField(default=timezone.now)

    class Meta:
        ordering: ClassVar = ["-day", "token", "model", "measure"]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["day", "token", "model", "measure"], name="usage_anomaly_is_one_row"),
        ]

    def __str__(self) -> str:
        return f"{self.day} {self.token[:12]} {self.model} {self.measure}: {self.reported}"


class UsageState(models.Model):
    """How fresh the facts are, and when the next poll may start: one row, pk 1."""

    last_ok_at = models.DateTimeField(null=True, help_text="The end of the last run that read today.")
    last_try_at = models.DateTimeField(null=True)
    failing_since = models.DateTimeField(null=True, help_text="The first failure since the last success.")
    problem = models.CharField(max_length=300, blank=True)
    cooldown_until = models.DateTimeField(null=True, help_text="No run before it, to spare the gateway.")
    version = models.BigIntegerField(default=0, help_text="One more whenever a fact changed, or whose it is.")
    keys_version = models.BigIntegerField(null=True, help_text="The version of which the keys have their spend.")
    keys_day = models.DateField(null=True, help_text="UTC: the last of the days of that spend.")
    backfill_started_on = models.DateField(null=True, help_text="The day of the first start.")
    backfilled_to = models.DateField(null=True, help_text="The oldest day that the back-fill has read.")
    backfill_target = models.DateField(null=True, help_text="The day at which it is complete.")
    reread_to = models.DateField(null=True, help_text="How far back older months were read again; empty: begin anew.")
    daily_from = models.DateField(null=True, help_text="Facts of earlier days are summed up by month.")
    nightly_at = models.DateTimeField(null=True, help_text="When the nightly run last read all of its days.")
    lease_holder = models.CharField(max_length=40, blank=True, help_text="The run under way; empty: none.")
    lease_until = models.DateTimeField(null=True)

    class Meta:
        default_permissions = ()
        permissions: ClassVar = [
            ("view_everyone", _("Can see everyone's usage")),
            ("refresh", _("Can poll the gateway and compare with it")),
        ]

    def __str__(self) -> str:
        return f"usage as of {self.last_ok_at}"

    @classmethod
    def load(cls) -> "UsageState":
        """Return the row; before the first run, an empty one that is not saved."""
        return cls.objects.filter(pk=1).first() or cls(pk=1)

    @property
    def backfill_share(self) -> float:
        """The completed share of the back-fill, 0 to 1."""
        if not (self.backfill_started_on and self.backfill_target and self.backfilled_to):
            return 0.0
        total_days = (self.backfill_started_on - self.backfill_target).days
        return 1.0 if total_days <= 0 else (self.backfill_started_on - self.backfilled_to).days / total_days


class Reconciliation(models.Model):
    """One reconciliation with the gateway; its discrepancies are rows. The newest complete one is shown."""

    started_at = models.DateTimeField(default=timezone.now)
    ended_at = models.DateTimeField(null=True)
    keys_here = models.PositiveIntegerField(default=0)
    keys_there = models.PositiveIntegerField(default=0)
    days = models.PositiveIntegerField(default=0, help_text="UTC days whose sums were compared.")
    problem = models.CharField(max_length=300, blank=True, help_text="Why it did not come to its end.")

    class Meta:
        ordering: ClassVar = ["-started_at", "-id"]

    def __str__(self) -> str:
        return f"reconciliation of {self.started_at}"


class Discrepancy(models.Model):
    """A point on which the portal and the gateway disagree."""

    class Kind(models.TextChoices):
        """The kind of disagreement."""

        ONLY_HERE = "only_here", _("Only in the portal")
        ONLY_THERE = "only_there", _("Only at the gateway")
        EXPIRY = "expiry", _("Different expiry")
        OWNER_MISSING = "owner_missing", _("No owner in the portal")
        OWNER_DIFFERS = "owner_differs", _("Different owner")
        SUMS = "sums", _("Totals differ")

    class Fix(models.TextChoices):
        """The fix."""

        SYNC = "sync", _("Use the gateway’s value")
        REREAD = "reread", _("Read the day again")
        GATEWAY = "gateway", _("Decide at the gateway: give it an owner, or delete it there")

    reconciliation = models.ForeignKey(Reconciliation, models.CASCADE, related_name="discrepancies")
    kind = models.CharField(max_length=20, choices=Kind)
    fix = models.CharField(max_length=10, choices=Fix)
    key = models.ForeignKey(Key, models.CASCADE, null=True, related_name="discrepancies")
    name = models.CharField(max_length=TOKEN_LENGTH, help_text="Label, alias or token, to find it by.")
    day = models.DateField(null=True)
    measure = models.CharField(max_length=30, blank=True, help_text="Which sum, as Measures names it.")
    here = models.CharField(max_length=100, blank=True, help_text="ISO time or number.")
    there = models.CharField(max_length=100, blank=True)

    class Meta:
        ordering: ClassVar = ["id"]
        constraints: ClassVar = [
            models.CheckConstraint(
                condition=Q(kind__in=("only_here", "only_there", "expiry", "owner_missing", "owner_differs", "sums")),
                name="usage_discrepancy_kind_known",
            ),
            models.CheckConstraint(
                condition=Q(fix__in=("sync", "reread", "gateway")), name="usage_discrepancy_fix_known"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.kind}: {self.name or self.day}"
