"""Conversations as rows: messages, answers, and their cost. No secret in any form.

A conversation is a tree of turns: an answer belongs to a message, a message follows an answer or opens the
conversation. Retried answers and edited messages stay as alternatives; `Conversation.head` is the last
answer of the shown branch. Active calls enforce the limits on parallel calls.
"""

import json
import uuid
from collections.abc import Mapping
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Any, ClassVar, Self

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.functional import cached_property
from django.utils.translation import gettext_lazy as _

from courses.models import Course, Preset
from playground.batch_models import Batch
from web.files import read_file
from web.money import UsdField

STALE_AFTER = timedelta(seconds=30)  # a stream without a write for so long has died with its process
ABANDONED_AFTER = timedelta(minutes=10)  # a column that no page requested; hidden pages poll seldom


class ParameterSetQuerySet(models.QuerySet["ParameterSet"]):
    """Queries of sets of parameters."""

    def unused(self) -> Self:
        """Keep those without references."""
        of_this = {"parameters": models.OuterRef("pk")}
        users = (Answer.objects.filter(**of_this), Conversation.objects.filter(**of_this))
        unused = self.exclude(models.Exists(Batch.objects.filter(**of_this)))
        for rows in users:
            unused = unused.exclude(models.Exists(rows))
        return unused


class ParameterSet(models.Model):
    """System prompt and parameters of answers: one row, however many answers use them.

    Its id is computed from owner and content, so that no query for the row is needed. It is not shared between
    people: each person's text is deleted with them. The model is not in it.
    """

    NAMED_ELSEWHERE: ClassVar = ("model", "models")

    id = models.UUIDField(primary_key=True, editable=False, help_text="Half the SHA-256 of owner and values.")
    owner = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="+")
    values = models.JSONField(help_text="Without those that are not set.")
    stored_bytes = models.PositiveBigIntegerField()

    objects = ParameterSetQuerySet.as_manager()

    def __str__(self) -> str:
        return ", ".join(self.values)

    @classmethod
    def of(cls, owner_id: int, params: Mapping[str, Any]) -> Self | None:
        """Return the row for `params`, which may not be saved yet; None if nothing but the model is set."""
        values = {name: value for name, value in params.items() if name not in cls.NAMED_ELSEWHERE}
        if not values:
            return None
        written = json.dumps([owner_id, values], sort_keys=True).encode()
        return cls(
            id=uuid.UUID(bytes=sha256(written).digest()[:16]),
            owner_id=owner_id,
            values=values,
            stored_bytes=len(json.dumps(values, ensure_ascii=False).encode("utf-8", "replace")),
        )


class ConversationQuerySet(models.QuerySet["Conversation"]):
    """Queries of conversations."""

    def owned_by(self, user: object) -> Self:
        """Keep those of `user`; every view starts here."""
        return self.filter(owner=user)

    def listed(self) -> Self:
        """Keep those in the list, most recent first; temporary ones are not in it."""
        return self.filter(kept=True).order_by("-used_at", "id")


class Conversation(models.Model):
    """A conversation as its owner, and nobody else, sees it."""

    class Kind(models.TextChoices):
        """The kind of page that began it."""

        CHAT = "chat", _("Chat")
        COMPARE = "compare", _("Compare")
        COMPLETION = "completion", _("Completion")

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    owner = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="conversations", db_index=False)
    kind = models.CharField(max_length=10, choices=Kind, default=Kind.CHAT)
    title = models.CharField(max_length=100)
    kept = models.BooleanField(default=True, help_text="If not, it is in no list and soon deleted.")
    model_names = models.JSONField(default=list, help_text="The one asked last, or all that are compared.")
    parameters = models.ForeignKey(
        ParameterSet, models.RESTRICT, null=True, related_name="+", help_text="As last sent; empty: none was set."
    )
    head = models.ForeignKey("Answer", models.SET_NULL, null=True, related_name="+", db_index=False)
    preset = models.ForeignKey(
        Preset, models.SET_NULL, null=True, related_name="+", help_text="Of a course: the locked one that began it."
    )
    paid_by = models.ForeignKey(
        Course, models.PROTECT, null=True, related_name="+", help_text="Of the next answers; empty: their owner."
    )
    stored_bytes = models.PositiveBigIntegerField(default=0, help_text="Of all that is in it: services.quotas.")
    created_at = models.DateTimeField(default=timezone.now)
    used_at = models.DateTimeField(default=timezone.now)

    objects = ConversationQuerySet.as_manager()

    class Meta:
        indexes: ClassVar = [
            models.Index(fields=["owner", "-used_at"], name="playground_of_owner"),  # listed
            models.Index(fields=["used_at"], name="playground_by_use"),  # services.prune
        ]

    def __str__(self) -> str:
        return self.title

    @property
    def locked_preset(self) -> Preset | None:
        """The preset of a course whose model, system prompt and parameters hold here."""
        return self.preset if self.preset and self.preset.is_locked else None

    @property
    def params(self) -> dict[str, Any]:
        """Model (models, where they are compared), system prompt and parameters as last sent."""
        if self.kind == self.Kind.COMPARE:
            named: dict[str, Any] = {"models": self.model_names}
        else:
            named = {"model": self.model_names[0]} if self.model_names else {}
        return {**named, **(self.parameters.values if self.parameters else {})}


class Message(models.Model):
    """A person's message. Never changed: an edited one is another message, as an alternative."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    conversation = models.ForeignKey(Conversation, models.CASCADE, related_name="messages")
    parent = models.ForeignKey(
        "Answer", models.CASCADE, null=True, related_name="replies", help_text="Empty: it opens."
    )
    name = models.CharField(max_length=64, blank=True, help_text="Of who says it, sent to the model; often empty.")
    text = models.TextField()
    stored_bytes = models.PositiveBigIntegerField(default=0, help_text="With its files.")
    created_at = models.DateTimeField(default=timezone.now)

    def __str__(self) -> str:
        return self.text[:60]

    @cached_property
    def sent_files(self) -> list["Attachment"]:
        """Its files in order, read once. A message that is not stored yet is given them by assignment."""
        return list(self.attachments.all())


class StoredFile(models.Model):
    """A file, whose data are in the file storage; whoever deletes the row deletes the file: services.deletion."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    media_type = models.CharField(max_length=100, help_text="As found in the data: image/png, application/pdf, …")
    file = models.CharField(max_length=200, unique=True, help_text="Its name in the file storage for images.")
    size = models.PositiveBigIntegerField(help_text="Bytes.")

    class Meta:
        abstract = True

    def __str__(self) -> str:
        return self.media_type

    @cached_property
    def data(self) -> bytes:
        """The content of the file, read once. Raises FileNotFoundError or StorageUnavailable."""
        return read_file(self.file)


class Attachment(StoredFile):
    """An image or a file with text, sent with a message and deleted with it."""

    PDF: ClassVar = "application/pdf"

    message = models.ForeignKey(Message, models.CASCADE, related_name="attachments")
    name = models.CharField(max_length=200, help_text="Of the file that was sent.")
    position = models.PositiveSmallIntegerField(default=0)
    text = models.TextField(blank=True, help_text="What was read in it; empty for images and scans.")
    pages = models.PositiveIntegerField(null=True, help_text="Where its format has them.")
    tokens = models.PositiveIntegerField(null=True, help_text="Of the text, approximately; empty for images.")

    class Meta:
        ordering: ClassVar = ["position"]

    def __str__(self) -> str:
        return self.name

    @property
    def is_image(self) -> bool:
        """Whether it is shown, and sent, as an image."""
        return self.media_type.startswith("image/")

    @property
    def is_pdf(self) -> bool:
        """Whether models that read PDF files get it as it is."""
        return self.media_type == self.PDF


class AnswerQuerySet(models.QuerySet["Answer"]):
    """Queries of answers."""

    def owned_by(self, user: object) -> Self:
        """Keep the answers in conversations of `user`, with all related rows; every view starts here."""
        own = self.filter(message__conversation__owner=user)
        return own.select_related("message__conversation", "parameters")

    def lost(self, now: datetime) -> Self:
        """Keep those in progress whose process has died, or whose page never requested them."""
        waits_on = Q(state=Answer.State.WAITING, saved_at__gte=now - ABANDONED_AFTER)
        return self.filter(state__in=Answer.UNDER_WAY, saved_at__lt=now - STALE_AFTER).exclude(waits_on)


class Answer(models.Model):
    """A model's answer to a message, as far as received. Times in ms, money in USD; null: not known."""

    class State(models.TextChoices):
        """Waiting (no page has opened its stream yet), streaming, or one of the final states."""

        WAITING = "waiting", _("Waiting")
        STREAMING = "streaming", _("Answering")
        COMPLETE = "complete", _("Finished")
        STOPPED = "stopped", _("Stopped")
        FAILED = "failed", _("Broke off")

    class CostSource(models.TextChoices):
        """The source of the cost; all but that reported by the gateway are estimates."""

        UNKNOWN = "", _("unknown")
        REPORTED = "reported", _("reported by the gateway")
        CALCULATED = "calculated", _("calculated by the gateway from the tokens")
        LISTED = "listed", _("calculated from listed prices")

    UNDER_WAY: ClassVar = (State.WAITING, State.STREAMING)

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    message = models.ForeignKey(Message, models.CASCADE, related_name="answers")
    model = models.CharField(max_length=200, help_text="Asked for.")
    parameters = models.ForeignKey(
        ParameterSet, models.RESTRICT, null=True, related_name="+", help_text="Empty: none was set."
    )
    paid_by = models.ForeignKey(
        Course, models.PROTECT, null=True, related_name="+", db_index=False, help_text="Empty: the owner."
    )
    state = models.CharField(max_length=10, choices=State, default=State.STREAMING)

    text = models.TextField(blank=True)
    reasoning = models.TextField(blank=True)
    tool_calls = models.JSONField(default=list, help_text="[{id, name, arguments}], arguments as the model wrote them.")
    others = models.JSONField(
        default=list, help_text="With n > 1 the further choices: [{text, reasoning, tool_calls, finish_reason}]."
    )
    extras = models.JSONField(
        default=dict, help_text="{images: [ids], sources: [{url, title}], unshown: [names]}; also in `others`."
    )
    finish_reason = models.CharField(max_length=40, blank=True)
    problem = models.JSONField(null=True, help_text="What went wrong: errors.classify.AnswerError as JSON.")

    imported = models.BooleanField(default=False, help_text="From a file: no call was made, and it has no figures.")
    answered_by = models.CharField(max_length=200, blank=True, help_text="The model that the gateway names.")
    call_id = models.CharField(max_length=200, blank=True)
    headers = models.JSONField(default=dict, help_text="x-litellm-*, x-olla-*.")
    prompt_tokens = models.PositiveIntegerField(null=True)
    completion_tokens = models.PositiveIntegerField(null=True)
    reasoning_tokens = models.PositiveIntegerField(null=True)
    cached_tokens = models.PositiveIntegerField(null=True)
    cost_usd = UsdField(max_digits=16, decimal_places=10, null=True)
    cost_source = models.CharField(max_length=10, choices=CostSource, default=CostSource.UNKNOWN, blank=True)
    first_token_ms = models.PositiveIntegerField(null=True)
    took_ms = models.PositiveIntegerField(null=True)

    active_call = models.ForeignKey(
        "ActiveCall",
        models.DO_NOTHING,
        null=True,
        related_name="+",
        db_index=False,
        db_constraint=False,
        help_text="Its call.",
    )
    stop_requested = models.BooleanField(default=False, help_text="For the process that makes it: services.autosave.")
    followed_at = models.DateTimeField(null=True, help_text="When a page last followed it in another process.")

    stored_bytes = models.PositiveBigIntegerField(default=0)
    started_at = models.DateTimeField(default=timezone.now)
    saved_at = models.DateTimeField(default=timezone.now, help_text="Last sign of life.")
    ended_at = models.DateTimeField(null=True)

    objects = AnswerQuerySet.as_manager()

    class Meta:
        indexes: ClassVar = [
            models.Index(  # AnswerQuerySet.lost
                fields=["saved_at"], condition=Q(state__in=("waiting", "streaming")), name="playground_under_way"
            ),
        ]
        constraints: ClassVar = [
            models.CheckConstraint(
                condition=Q(cost_usd=None) | Q(cost_usd__gte=0), name="playground_cost_not_negative"
            ),
        ]

    def __str__(self) -> str:
        return self.text[:60]

    @property
    def params(self) -> dict[str, Any]:
        """Model, system prompt and parameters of its request."""
        return {"model": self.model, **(self.parameters.values if self.parameters else {})}

    @property
    def is_under_way(self) -> bool:
        """Whether more may come; one whose process died has ended, even before a task has recorded it."""
        limit = ABANDONED_AFTER if self.state == self.State.WAITING else STALE_AFTER
        return self.state in self.UNDER_WAY and self.saved_at > timezone.now() - limit


class AnswerCount(models.Model):
    """How many answers of a model ended alike in an interval (web.intervals), without anything about people.

    Conversations are deleted, these rows stay for `services.counts.RETENTION`.
    """

    at = models.DateTimeField(help_text="The beginning of the interval.")
    model = models.CharField(max_length=200)
    outcome = models.CharField(max_length=40, blank=True, help_text="AnswerError.code; empty: nothing went wrong.")
    answers = models.PositiveIntegerField(default=0)
    timed = models.PositiveIntegerField(default=0, help_text="Those with a first token.")
    first_token_ms = models.BigIntegerField(default=0, help_text="Summed over these.")

    class Meta:
        default_permissions = ()
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["at", "model", "outcome"], name="playground_answer_count_is_one_row"),
        ]

    def __str__(self) -> str:
        return f"{self.at} {self.model} {self.outcome}: {self.answers}"


class GeneratedImage(StoredFile):
    """An image that a model generated, deleted with its answer. Its id is in the answer's `extras`."""

    answer = models.ForeignKey(Answer, models.CASCADE, related_name="images")


class ActiveCall(models.Model):
    """A call in progress, or of the last minute: what the limits count."""

    owner = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="+", db_index=False)
    began_at = models.DateTimeField(default=timezone.now)
    renewed_at = models.DateTimeField(default=timezone.now, help_text="Last sign of life.")
    ended_at = models.DateTimeField(null=True)

    class Meta:
        indexes: ClassVar = [
            models.Index(fields=["owner", "began_at"], name="playground_calls_of_owner"),  # services.limits
            models.Index(fields=["renewed_at"], condition=Q(ended_at=None), name="playground_open_calls"),
        ]

    def __str__(self) -> str:
        return f"call of {self.began_at}"
