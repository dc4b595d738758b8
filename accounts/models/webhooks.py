"""Webhooks of admins, and the messages that are to be delivered to them: an outbox (ADR 51)."""

import uuid
from datetime import datetime, timedelta
from typing import ClassVar, Final, Self

from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from accounts.models.people import User

CLAIM_LASTS: Final = timedelta(minutes=2)  # longer than one delivery, and a receiver's share of a round, take


class WebhookEvent(models.TextChoices):
    """What a webhook can be about."""

    KEY_CREATED = "key.created", _("A key was created")
    KEY_RENEWED = "key.renewed", _("A key was renewed")
    KEY_SECRET_REPLACED = "key.secret_replaced", _("The secret of a key was replaced")
    KEY_EXPIRED = "key.expired", _("A key has expired")
    KEY_DELETED = "key.deleted", _("A key was deleted")
    KEY_BLOCKED = "key.blocked", _("A key was blocked")
    KEY_LEAKED = "key.leaked", _("A key has leaked")
    BUDGET_REACHED = "budget.reached", _("A budget is nearly or wholly spent")
    REQUEST_CREATED = "request.created", _("Somebody asks for more")
    REQUEST_DECIDED = "request.decided", _("A request was decided")
    TEST = "webhook.test", _("Test message")


class WebhookQuerySet(models.QuerySet["Webhook"]):
    """Queries of webhooks."""

    def active(self) -> Self:
        """Keep those that are not paused."""
        return self.filter(paused_at=None)

    def due(self) -> Self:
        """Keep those with messages that are to be sent now."""
        return self.active().filter(pk__in=WebhookDelivery.objects.due().order_by().values("webhook"))

    def claim(self, pk: uuid.UUID) -> datetime | None:
        """Claim a receiver, so that only one process sends to it at a time; None if another has it."""
        now = timezone.now()
        free = Q(claimed_at=None) | Q(claimed_at__lt=now - CLAIM_LASTS)
        return now if self.active().filter(free, pk=pk).update(claimed_at=now) else None


class Webhook(models.Model):
    """A receiver outside of the portal."""

    class Pause(models.TextChoices):
        """Why it is paused."""

        NONE = "", ""
        ADMIN = "admin", _("by an administrator")
        FAILING = "failing", _("it did not answer for days")

    class Format(models.TextChoices):
        """What is sent."""

        SIGNED = "signed", _("Signed JSON, for programs (Standard Webhooks)")
        CHAT = "chat", _("A line of text, for chats (Slack, Mattermost, Rocket.Chat, Google Chat, Matrix by hookshot)")

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    name = models.CharField(_("name"), max_length=60)
    format = models.CharField(max_length=10, choices=Format, default=Format.SIGNED, editable=False)
    url = models.TextField(editable=False, help_text="Encrypted: it can contain a secret.")
    host = models.CharField(max_length=255, editable=False, help_text="Of the URL; shown.")
    secret = models.TextField(editable=False, help_text="Encrypted; signs what is sent.")
    events = models.JSONField(default=list, editable=False, help_text="Values of WebhookEvent.")
    created_by = models.ForeignKey(User, models.SET_NULL, null=True, related_name="+", editable=False)
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    paused_at = models.DateTimeField(null=True, editable=False)
    pause = models.CharField(max_length=10, choices=Pause, default=Pause.NONE, blank=True, editable=False)
    active_since = models.DateTimeField(default=timezone.now, editable=False, help_text="Earlier ends are not sent.")
    failing_since = models.DateTimeField(null=True, editable=False, help_text="The first failure after a success.")
    claimed_at = models.DateTimeField(null=True, editable=False, help_text="Messages are being sent to it.")

    objects = WebhookQuerySet.as_manager()

    class Meta:
        default_permissions = ()
        permissions: ClassVar = [("manage_webhooks", _("Can manage webhooks"))]
        constraints: ClassVar = [
            models.CheckConstraint(
                condition=Q(pause="", paused_at=None) | Q(pause__in=("admin", "failing"), paused_at__isnull=False),
                name="accounts_webhook_pause_known",
            ),
            models.CheckConstraint(condition=Q(format__in=("signed", "chat")), name="accounts_webhook_format_known"),
        ]

    def __str__(self) -> str:
        return self.name


class WebhookDeliveryQuerySet(models.QuerySet["WebhookDelivery"]):
    """Queries of deliveries."""

    def due(self) -> Self:
        """Keep those that are to be sent now and that nobody is sending, the oldest first."""
        now = timezone.now()
        free = Q(claimed_at=None) | Q(claimed_at__lt=now - CLAIM_LASTS)
        waiting = self.filter(free, state=WebhookDelivery.State.WAITING, next_at__lte=now, webhook__paused_at=None)
        return waiting.order_by("next_at", "made_at")

    def claim(self, delivery: "WebhookDelivery") -> bool:
        """Claim a message as it was read, unless another process has, or has sent it; return whether we have it.

        Without a join, since PostgreSQL looks at the row again only for conditions outside of a subquery.
        """
        now = timezone.now()
        free = Q(claimed_at=None) | Q(claimed_at__lt=now - CLAIM_LASTS)
        mine = self.filter(free, pk=delivery.pk, state=WebhookDelivery.State.WAITING, attempts=delivery.attempts)
        return bool(mine.update(claimed_at=now))

    def newest_first(self) -> Self:
        """Order them."""
        return self.order_by("-made_at", "-pk")


class WebhookDelivery(models.Model):
    """A message to one webhook, and what came of it. Its id is that of the message, the same at each attempt."""

    class State(models.TextChoices):
        """The states; only "waiting" is sent."""

        WAITING = "waiting", _("Waiting")
        DELIVERED = "delivered", _("Delivered")
        FAILED = "failed", _("Given up")

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    webhook = models.ForeignKey(  # without a constraint: the deletion of a webhook must not fail what happens meanwhile
        Webhook, models.CASCADE, related_name="deliveries", db_constraint=False, db_index=False, editable=False
    )
    event = models.CharField(max_length=40, choices=WebhookEvent, editable=False)
    name = models.CharField(max_length=150, editable=False, help_text="Of what happened: each only once.")
    person = models.ForeignKey(User, models.CASCADE, null=True, related_name="+", editable=False)
    body = models.TextField(editable=False, help_text="JSON, as it is signed and sent.")
    made_at = models.DateTimeField(default=timezone.now, editable=False)
    state = models.CharField(max_length=10, choices=State, default=State.WAITING, editable=False)
    next_at = models.DateTimeField(default=timezone.now, editable=False)
    claimed_at = models.DateTimeField(null=True, editable=False, help_text="It is being sent.")
    attempts = models.PositiveIntegerField(default=0, editable=False)
    tried_at = models.DateTimeField(null=True, editable=False)
    status = models.PositiveSmallIntegerField(null=True, editable=False, help_text="Of the last answer.")
    problem = models.CharField(max_length=20, blank=True, editable=False, help_text="Why there was none.")
    answer = models.CharField(max_length=500, blank=True, editable=False, help_text="Its beginning.")
    took_ms = models.PositiveIntegerField(null=True, editable=False)

    objects = WebhookDeliveryQuerySet.as_manager()

    class Meta:
        default_permissions = ()
        constraints: ClassVar = [
            models.CheckConstraint(
                condition=Q(state__in=("waiting", "delivered", "failed")), name="accounts_delivery_state_known"
            ),
            models.UniqueConstraint(fields=["webhook", "name"], name="accounts_delivery_once"),
        ]
        indexes: ClassVar = [
            models.Index(  # due
                fields=["webhook", "next_at"], condition=Q(state="waiting"), name="accounts_deliveries_due"
            ),
            models.Index(fields=["webhook", "-made_at", "-id"], name="accounts_deliveries_of_webhook"),  # newest_first
            models.Index(fields=["made_at"], name="accounts_deliveries_by_age"),  # prune
        ]

    def __str__(self) -> str:
        return f"{self.event} {self.made_at}"
