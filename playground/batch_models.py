"""Batches as rows: many prompts, each sent to some models in the background (ADR 43).

A call is claimed in a committed state before it is made, so that no crash makes it twice.
"""

import uuid
from datetime import timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any, ClassVar, Self

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from courses.models import Course
from web.money import UsdField

if TYPE_CHECKING:
    from playground.models import ParameterSet

LOST_AFTER = timedelta(seconds=30)  # a call without a sign of life for so long was lost with its process


class BatchQuerySet(models.QuerySet["Batch"]):
    """Queries of batches."""

    def owned_by(self, user: object) -> Self:
        """Keep those of `user`; every view starts here."""
        return self.filter(owner=user)


class Batch(models.Model):
    """Prompts and models, with what was set for all of them. Its owner, and nobody else, sees it."""

    class State(models.TextChoices):
        """Whether calls are made: only in a batch that is running."""

        DRAFT = "draft", _("Not started")
        RUNNING = "running", _("Running")
        STOPPED = "stopped", pgettext_lazy("batch", "Stopped")
        PAUSED = "paused", _("Paused")
        DONE = "done", pgettext_lazy("batch", "Finished")

    STARTABLE: ClassVar = (State.DRAFT, State.STOPPED, State.PAUSED, State.DONE)

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    owner = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="batches", db_index=False)
    title = models.CharField(max_length=100)
    model_names = models.JSONField(help_text="One to four.")
    parameters: "models.ForeignKey[ParameterSet | None, ParameterSet | None]" = models.ForeignKey(
        "playground.ParameterSet", models.RESTRICT, null=True, related_name="+", help_text="Empty: none was set."
    )
    paid_by = models.ForeignKey(Course, models.PROTECT, null=True, related_name="+", help_text="Empty: the owner.")
    limit_usd = UsdField(max_digits=16, decimal_places=10, null=True, help_text="Of the owner's choice; empty: none.")
    cap_usd = UsdField(
        max_digits=16, decimal_places=10, null=True, help_text="What it may cost in all, set when it starts."
    )
    retried_usd = UsdField(
        max_digits=16,
        decimal_places=10,
        default=Decimal(0),
        help_text="By estimate, of calls that were made again though they may have been billed.",
    )
    state = models.CharField(max_length=10, choices=State, default=State.DRAFT)
    problem = models.TextField(blank=True, help_text="Why it is paused, or waits, in the language of its owner.")
    setbacks = models.PositiveIntegerField(default=0, help_text="Calls in a row that brought no answer.")
    not_before = models.DateTimeField(null=True, help_text="When the next call may be made; empty: now.")
    stored_bytes = models.PositiveBigIntegerField(default=0, help_text="Of prompts and answers: services.quotas.")
    created_at = models.DateTimeField(default=timezone.now)
    used_at = models.DateTimeField(default=timezone.now)

    objects = BatchQuerySet.as_manager()

    class Meta:
        default_permissions = ()
        indexes: ClassVar = [
            models.Index(fields=["owner", "-created_at"], name="playground_batch_of_owner"),  # the list
            models.Index(
                fields=["not_before"], condition=Q(state="running"), name="playground_batch_running"
            ),  # services.batch_run
        ]

    def __str__(self) -> str:
        return self.title

    @property
    def params(self) -> dict[str, Any]:
        """System prompt and parameters, without the model."""
        return dict(self.parameters.values) if self.parameters else {}


class BatchPrompt(models.Model):
    """One prompt."""

    batch = models.ForeignKey(Batch, models.CASCADE, related_name="prompts", db_index=False)
    number = models.PositiveIntegerField(help_text="From 1, in the order of the list.")
    text = models.TextField()

    class Meta:
        default_permissions = ()
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["batch", "number"], name="playground_batch_prompt_is_one"),
        ]

    def __str__(self) -> str:
        return self.text[:60]


class BatchCallQuerySet(models.QuerySet["BatchCall"]):
    """Queries of calls."""

    def lost(self) -> Self:
        """Keep the calls whose process died while they were made: they may have been billed."""
        return self.filter(state=BatchCall.State.CALLING, seen_at__lt=timezone.now() - LOST_AFTER)


class BatchCall(models.Model):
    """A prompt for one model, and its answer."""

    class State(models.TextChoices):
        """Waiting, in progress, or how it ended; unknown: no answer came, but the call may have been billed."""

        WAITING = "waiting", _("Waiting")
        CALLING = "calling", _("In progress")
        COMPLETE = "complete", _("Answered")
        FAILED = "failed", pgettext_lazy("call of a batch", "Failed")
        UNKNOWN = "unknown", _("Unknown, perhaps billed")

    prompt = models.ForeignKey(BatchPrompt, models.CASCADE, related_name="calls", db_index=False)
    batch = models.ForeignKey(Batch, models.CASCADE, related_name="calls", db_index=False)
    model = models.CharField(max_length=200)
    state = models.CharField(max_length=10, choices=State, default=State.WAITING)
    estimate_usd = UsdField(max_digits=16, decimal_places=10, null=True, help_text="Before it is made; empty: unknown.")
    claim = models.UUIDField(null=True, help_text="Of the run that makes it, or made it last.")
    seen_at = models.DateTimeField(null=True, help_text="Last sign of life of its process.")

    text = models.TextField(blank=True)
    reasoning = models.TextField(blank=True)
    finish_reason = models.CharField(max_length=40, blank=True)
    problem = models.JSONField(null=True, help_text="errors.classify.AnswerError as JSON.")
    call_id = models.CharField(max_length=200, blank=True)
    prompt_tokens = models.PositiveIntegerField(null=True)
    completion_tokens = models.PositiveIntegerField(null=True)
    cost_usd = UsdField(max_digits=16, decimal_places=10, null=True)
    cost_source = models.CharField(max_length=10, blank=True, help_text="As of an answer.")
    took_ms = models.PositiveIntegerField(null=True)

    objects = BatchCallQuerySet.as_manager()

    class Meta:
        default_permissions = ()
        indexes: ClassVar = [
            models.Index(fields=["batch", "state"], name="playground_calls_of_batch"),
            models.Index(fields=["seen_at"], condition=Q(state="calling"), name="playground_calls_made"),
        ]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["prompt", "model"], name="playground_batch_call_is_one"),
        ]

    def __str__(self) -> str:
        return f"{self.model}: {self.state}"


class BatchRun(models.Model):
    """The lease of the run that makes the calls: one row, pk 1."""

    lease_holder = models.CharField(max_length=40, blank=True)
    lease_until = models.DateTimeField(null=True)

    class Meta:
        default_permissions = ()

    def __str__(self) -> str:
        return f"run until {self.lease_until}"
