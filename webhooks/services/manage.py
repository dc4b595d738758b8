"""Webhooks as admins manage them: add, change, test, pause, resume, delete. Each is in the audit trail."""

import base64
import secrets
import uuid
from collections.abc import Iterable
from typing import Final
from urllib.parse import urlsplit

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.debug import sensitive_variables

from accounts.audit import Actor, record
from accounts.events import person_data, publish
from accounts.models import AuditAction, AuditObject, AuditOutcome, Webhook, WebhookEvent
from gateway.secret import Secret
from web.encryption import encrypt

MOST: Final = 20  # webhooks
MARK: Final = "whsec_"  # as Standard Webhooks has it
KEY_BYTES: Final = 32
URL_PURPOSE: Final = "webhook url"
SIGNING_PURPOSE: Final = "webhook signing"


class WebhookRefused(Exception):
    """The webhook is not created; the text says why."""


@sensitive_variables("url", "secret")
def create_webhook(
    *, name: str, url: str, events: Iterable[str], actor: Actor, format: str = Webhook.Format.SIGNED
) -> tuple[Webhook, Secret]:
    """Create a webhook; return it with the secret that signs its messages. Raises WebhookRefused."""
    secret = Secret(MARK + base64.b64encode(secrets.token_bytes(KEY_BYTES)).decode())
    with transaction.atomic():
        list(
            Webhook.objects.select_for_update().values_list("pk")
        )  # of two at once the second waits; a count locks none
        if Webhook.objects.count() >= MOST:
            raise WebhookRefused(_("There are %(count)d webhooks. Delete one first.") % {"count": MOST})
        webhook = Webhook.objects.create(
            name=name,
            url=encrypt(url, purpose=URL_PURPOSE),
            host=urlsplit(url).netloc[:255],
            secret=encrypt(secret, purpose=SIGNING_PURPOSE),
            events=list(events),
            format=format,
            created_by=actor.user,
        )
        audit(webhook, actor, AuditAction.ISSUE)
    return webhook, secret


def change_webhook(*, webhook: Webhook, name: str, events: Iterable[str], actor: Actor) -> bool:
    """Change its name, and what it is about; False if it was deleted meanwhile."""
    webhook.name, webhook.events = name, list(events)
    with transaction.atomic():
        changed = Webhook.objects.filter(pk=webhook.pk).update(name=webhook.name, events=webhook.events)
        if changed:
            audit(webhook, actor, AuditAction.CHANGE)
    return bool(changed)


def delete_webhook(*, webhook: Webhook, actor: Actor) -> bool:
    """Delete it with its messages; those that wait are not sent any more. False if it was deleted before."""
    with transaction.atomic():
        deleted = Webhook.objects.filter(pk=webhook.pk).delete()[1].get("accounts.Webhook", 0)
        if deleted:
            audit(webhook, actor, AuditAction.DELETE)
    return bool(deleted)


def pause_webhook(*, webhook: Webhook, actor: Actor, why: Webhook.Pause = Webhook.Pause.ADMIN) -> bool:
    """Send it nothing any more; False if it was paused before. What waits is sent when it is resumed."""
    with transaction.atomic():
        paused = Webhook.objects.active().filter(pk=webhook.pk).update(paused_at=timezone.now(), pause=why)
        if paused:
            audit(webhook, actor, AuditAction.PAUSE, "webhook.failing" if why == Webhook.Pause.FAILING else "")
    return bool(paused)


def resume_webhook(*, webhook: Webhook, actor: Actor) -> bool:
    """Send it messages again; False if it was not paused. What happened meanwhile is not sent."""
    values = {"paused_at": None, "pause": Webhook.Pause.NONE, "failing_since": None, "active_since": timezone.now()}
    with transaction.atomic():
        resumed = Webhook.objects.exclude(paused_at=None).filter(pk=webhook.pk).update(**values)
        if resumed:
            audit(webhook, actor, AuditAction.RESUME)
    return bool(resumed)


def test_webhook(*, webhook: Webhook, actor: Actor) -> None:
    """Send it a message that says nothing."""
    data = {"by": person_data(actor.user)}
    with transaction.atomic():
        publish(WebhookEvent.TEST, data, name=f"test {uuid.uuid4()}", person=actor.user, to=webhook)


def audit(webhook: Webhook, actor: Actor, action: AuditAction, code: str = "webhook.about") -> None:
    """Record an action; joins the caller's transaction."""
    record(
        actor=actor,
        action=action,
        outcome=AuditOutcome.DONE,
        kind=AuditObject.WEBHOOK,
        object_id=webhook.pk,
        label=webhook.name,
        code=code,
        details={"host": webhook.host, "events": webhook.events} if code == "webhook.about" else {},
    )
