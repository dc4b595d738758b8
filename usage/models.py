"""Usage as rows: facts as last reported by the gateway, rollups of them, and the state of the polling.

A fact refers to the gateway's token (`TokenRef`), never to a key or a person: only the TokenRef has its owner, so
that a later attribution changes one row. services/refresh.py and services/rollups.py write facts and rollups,
in one transaction for each day.
"""

from datetime import date
from decimal import Decimal
from typing import ClassVar, Final

from django.conf import settings
from django.contrib.auth.models import Group
from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from keys.models import Key
from web.money import UsdField

TOKEN_LENGTH: Final = 200
MODEL_LENGTH: Final = 200
COLOURS: Final = 12  # static/css/tokens.css has so many for models


class UsedModel(models.Model):
    """A model by its public name, as the gateway bills it; "" stands for failures before the model was known."""

    name = models.CharField(max_length=MODEL_LENGTH, unique=True)
    provider = models.CharField(max_length=80, blank=True, help_text="From the gateway's list of models.")
    colour = models.PositiveSmallIntegerField(default=0, help_text="On every page: 1 to COLOURS, given once.")

    class Meta:
        constraints: ClassVar = [
            models.CheckConstraint(condition=Q(colour__lte=COLOURS), name="usage_colour_known"),
        ]

    def __str__(self) -> str:
        return self.name


class TokenRef(models.Model):
    """A token as the gateway names it in its activity: mostly a key's hash, sometimes a hash of that, or a word.

    A token of a key that was handed over has a row for each owner: the facts of a day belong to its owner at that time,
    and on the day of the handover to both (usage.services.owners).
    """

    token = models.CharField(max_length=TOKEN_LENGTH)
    until = models.DateTimeField(null=True, help_text="When its key was handed over; empty: the owner has it now.")
    alias = models.CharField(max_length=TOKEN_LENGTH, blank=True, help_text="The gateway's name of it, last reported.")
    gateway_user_id = models.CharField(max_length=TOKEN_LENGTH, blank=True, help_text="As the gateway reports it.")
    key = models.ForeignKey(Key, models.PROTECT, null=True, related_name="token_refs")
    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        models.PROTECT,
        null=True,
        related_name="token_refs",
        help_text="The key's owner, else whom the gateway names; empty: unattributed.",
    )

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["token"], condition=Q(until=None), name="usage_token_has_one_owner"),
            models.UniqueConstraint(fields=["token", "until"], name="usage_token_one_owner_at_a_time"),
        ]

    def __str__(self) -> str:
        return self.alias or self.token[:12]


class Measures(models.Model):
    """The measures; sums of these are exact."""

    spend_usd = UsdField(default=Decimal(0))
    prompt_tokens = models.BigIntegerField(default=0)
    completion_tokens = models.BigIntegerField(default=0)
    cache_read_tokens = models.BigIntegerField(default=0)
    cache_creation_tokens = models.BigIntegerField(default=0)
    ok_requests = models.BigIntegerField(default=0)
    failed_requests = models.BigIntegerField(default=0)
    response_ms = models.BigIntegerField(default=0, help_text="Summed over the successful requests.")

    class Meta:
        abstract = True


MEASURES: Final = (
    "spend_usd",
    "prompt_tokens",
    "completion_tokens",
    "cache_read_tokens",
    "cache_creation_tokens",
    "ok_requests",
    "failed_requests",
    "response_ms",
)


class Fact(Measures):
    """What one token used of one model on one UTC day."""

    day = models.DateField()
    token_ref = models.ForeignKey(TokenRef, models.PROTECT, related_name="facts", db_index=False)
    model = models.ForeignKey(UsedModel, models.PROTECT, related_name="facts")

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["day", "token_ref", "model"], name="usage_fact_is_one_row"),
        ]
        indexes: ClassVar = [
            models.Index(fields=["token_ref", "day"], name="usage_facts_of_token"),  # a person's pages and exports
        ]

    def __str__(self) -> str:
        return f"{self.day} {self.token_ref_id} {self.model_id}"


class DayModel(Measures):
    """The facts of a UTC day by model: everybody's pages."""

    day = models.DateField()
    model = models.ForeignKey(UsedModel, models.PROTECT, related_name="days")

    class Meta:
        constraints: ClassVar = [models.UniqueConstraint(fields=["day", "model"], name="usage_day_model_is_one_row")]

    def __str__(self) -> str:
        return f"{self.day} {self.model_id}"


class DayToken(Measures):
    """The facts of a UTC day by token; the last day of a token is its last use."""

    day = models.DateField()
    token_ref = models.ForeignKey(TokenRef, models.PROTECT, related_name="days", db_index=False)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["token_ref", "day"], name="usage_day_token_is_one_row")
        ]
        indexes: ClassVar = [models.Index(fields=["day", "token_ref"], name="usage_tokens_of_day")]  # everybody's pages

    def __str__(self) -> str:
        return f"{self.day} {self.token_ref_id}"


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
    backfill_started_on = models.DateField(null=True, help_text="The day of the first start.")
    backfilled_to = models.DateField(null=True, help_text="The oldest day that the back-fill has read.")
    backfill_target = models.DateField(null=True, help_text="The day at which it is complete.")
    reread_to = models.DateField(null=True, help_text="How far back older months were read again; empty: begin anew.")
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


def utc_today() -> date:
    """Return the gateway's present day."""
    return timezone.now().date()
