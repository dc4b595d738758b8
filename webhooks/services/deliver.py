"""Delivers messages from the outbox: at least once each, signed, with the same id at every attempt."""

import base64
import hashlib
import hmac
import logging
import secrets
import time
import uuid
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from django.conf import settings
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from django.views.decorators.debug import sensitive_variables

from accounts.audit import BY_THE_PORTAL
from accounts.models import Webhook, WebhookDelivery
from gateway.secret import redact
from keys.alerts import alert_admins
from keys.models import AdminAlert
from web.deletion import delete_in_batches
from web.encryption import Undecryptable, decrypt
from web.metrics import WEBHOOK_DELIVERIES
from web.outside import Reply, SendingFailed, post
from web.tasks import ask_worker
from webhooks.services.manage import MARK, SIGNING_PURPOSE, URL_PURPOSE, pause_webhook

logger = logging.getLogger(__name__)

DELAYS_S: Final = (5, 60, 300, 1800, 7200, 5 * 3600, 10 * 3600, 14 * 3600, 20 * 3600, 24 * 3600)  # between attempts
PAUSED_AFTER: Final = timedelta(days=3)  # without any success
ROUND_S: Final = 60.0  # after it no further message is begun; the next round goes on
SHARE_S: Final = 10.0  # of a round for each receiver
ANSWER_LENGTH: Final = 500
JITTER: Final = secrets.SystemRandom()
PERMISSION: Final = "accounts.manage_webhooks"


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What came of one attempt."""

    reply: Reply | None = None
    problem: str = ""

    @property
    def is_success(self) -> bool:
        """Whether the receiver took the message."""
        return self.reply is not None and 200 <= self.reply.status < 300


def deliver_due() -> tuple[int, int]:
    """Send the messages that are due; return how many were delivered and how many receivers failed.

    May run several times at once: only one serves a receiver at a time, so that one which is slow keeps one process
    of the worker busy. It has a share of a round, and they come in a random order, so that it keeps no other waiting.
    """
    until, delivered, failed = time.monotonic() + ROUND_S, 0, 0
    receivers = list(Webhook.objects.due().values_list("pk", flat=True))
    JITTER.shuffle(receivers)
    for pk in receivers:
        if time.monotonic() > until:
            break
        claimed_at = Webhook.objects.claim(pk)
        if claimed_at is None:
            continue
        try:
            sent, has_failed = _serve(pk)
        finally:
            Webhook.objects.filter(pk=pk, claimed_at=claimed_at).update(claimed_at=None)
        delivered, failed = delivered + sent, failed + has_failed
    _alert_about_paused()
    return delivered, failed


def _serve(pk: uuid.UUID) -> tuple[int, bool]:
    """Send the messages to one receiver, the oldest first, for its share or until one fails; return how many, and that.

    The others then wait for the next round.
    """
    until, delivered = time.monotonic() + SHARE_S, 0
    theirs = WebhookDelivery.objects.due().filter(webhook=pk).select_related("webhook")
    while time.monotonic() < until:
        delivery = theirs.first()
        if delivery is None or not WebhookDelivery.objects.claim(delivery):
            break
        outcome = _attempt(delivery)
        _record(delivery, outcome)
        if not outcome.is_success:
            return delivered, True
        delivered += 1
    return delivered, False


@sensitive_variables("secret", "url")
def _attempt(delivery: WebhookDelivery) -> Outcome:
    """Send one message."""
    webhook = delivery.webhook
    try:
        url = decrypt(webhook.url, purpose=URL_PURPOSE)
        secret = decrypt(webhook.secret, purpose=SIGNING_PURPOSE)
        headers = signed_headers(delivery, secret)
        hosts = settings.WEBHOOK_INTERNAL_HOSTS
        return Outcome(reply=post(url, delivery.body.encode(), headers, internal_hosts=hosts))
    except SendingFailed as failure:
        return Outcome(problem=failure.code)
    except Undecryptable:
        return Outcome(problem="undecryptable")


@sensitive_variables("secret")
def signed_headers(delivery: WebhookDelivery, secret: str) -> dict[str, str]:
    """Return the headers of Standard Webhooks, signed for now."""
    message_id, timestamp = f"msg_{delivery.pk.hex}", str(int(time.time()))
    key = base64.b64decode(secret.removeprefix(MARK))
    signed = f"{message_id}.{timestamp}.{delivery.body}".encode()
    signature = base64.b64encode(hmac.digest(key, signed, hashlib.sha256)).decode()
    return {
        "Content-Type": "application/json",
        "User-Agent": "Passerelle-Webhooks",
        "webhook-id": message_id,
        "webhook-timestamp": timestamp,
        "webhook-signature": f"v1,{signature}",
    }


def _record(delivery: WebhookDelivery, outcome: Outcome) -> None:
    """Record an attempt, and when the next one is due; pause a receiver that failed for days."""
    WEBHOOK_DELIVERIES.labels("delivered" if outcome.is_success else "failed").inc()
    now, reply = timezone.now(), outcome.reply
    attempts = delivery.attempts + 1
    values = {
        "claimed_at": None,
        "attempts": attempts,
        "tried_at": now,
        "status": reply and reply.status,
        "problem": outcome.problem,
        "answer": redact(reply.text.replace("\0", ""))[:ANSWER_LENGTH] if reply else "",
        "took_ms": reply and int(reply.took_s * 1000),
    }
    if outcome.is_success:
        values["state"] = WebhookDelivery.State.DELIVERED
    elif attempts > len(DELAYS_S):
        values["state"] = WebhookDelivery.State.FAILED
    else:
        values["next_at"] = now + timedelta(seconds=DELAYS_S[attempts - 1] * JITTER.uniform(1, 1.2))
    webhook = Webhook.objects.filter(pk=delivery.webhook_id)
    with transaction.atomic():
        WebhookDelivery.objects.filter(pk=delivery.pk).update(**values)
        if outcome.is_success:
            webhook.exclude(failing_since=None).update(failing_since=None)
        else:
            webhook.filter(failing_since=None).update(failing_since=now)
    if not outcome.is_success and webhook.filter(failing_since__lte=now - PAUSED_AFTER).exists():
        _pause_dead(delivery.webhook)


def _pause_dead(webhook: Webhook) -> None:
    """Pause a receiver that failed for days."""
    if pause_webhook(webhook=webhook, actor=BY_THE_PORTAL, why=Webhook.Pause.FAILING):
        logger.warning("webhooks: %s is paused, it failed for days", webhook.pk)


def _alert_about_paused() -> None:
    """Write to the admins about each receiver that was paused, unless that was done: a run may have been killed."""
    for webhook in Webhook.objects.filter(pause=Webhook.Pause.FAILING):
        code = f"webhook {webhook.pk}"
        if AdminAlert.objects.filter(code=code, mailed_at__gte=webhook.paused_at).exists():
            continue
        alert_admins(
            code,
            _("A webhook is paused"),
            _("A receiver of webhooks took no message for days. It gets none until you resume it under Webhooks."),
            permission=PERMISSION,
        )


def send_again(delivery: WebhookDelivery) -> bool:
    """Send a message once more, with the same id, and then retry as at first; False while it waits anyway."""
    done = WebhookDelivery.objects.filter(pk=delivery.pk).exclude(state=WebhookDelivery.State.WAITING)
    sent = done.update(state=WebhookDelivery.State.WAITING, attempts=0, next_at=timezone.now(), claimed_at=None)
    if sent:
        ask_worker("webhooks.deliver")
    return bool(sent)


def prune() -> int:
    """Delete old messages; return how many."""
    before = timezone.now() - timedelta(days=settings.WEBHOOK_RETENTION_DAYS)
    return delete_in_batches(WebhookDelivery.objects.filter(made_at__lt=before))
