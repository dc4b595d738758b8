"""Events for webhooks: written to the outbox in the transaction of what happened, delivered later (webhooks)."""

import json
import uuid
from collections.abc import Mapping
from typing import Any, Final

from django.db import transaction
from django.utils import timezone

from accounts.chat_messages import chat_text
from accounts.models import (
    AuditAction,
    AuditEntry,
    AuditObject,
    AuditOutcome,
    User,
    Webhook,
    WebhookDelivery,
    WebhookEvent,
)
from web.tasks import ask_worker

OF_ENTRIES: Final = {  # what the trail records, and is an event
    (AuditObject.KEY, AuditAction.ISSUE): WebhookEvent.KEY_CREATED,
    (AuditObject.KEY, AuditAction.RENEW): WebhookEvent.KEY_RENEWED,
    (AuditObject.KEY, AuditAction.ROTATE): WebhookEvent.KEY_SECRET_REPLACED,
    (AuditObject.KEY, AuditAction.DELETE): WebhookEvent.KEY_DELETED,
    (AuditObject.KEY, AuditAction.BLOCK): WebhookEvent.KEY_BLOCKED,
    (AuditObject.KEY, AuditAction.LEAK): WebhookEvent.KEY_LEAKED,
    (AuditObject.KEY, AuditAction.LEAK_REPORT): WebhookEvent.KEY_LEAKED,
    (AuditObject.REQUEST, AuditAction.ISSUE): WebhookEvent.REQUEST_CREATED,
    (AuditObject.REQUEST, AuditAction.APPROVE): WebhookEvent.REQUEST_DECIDED,
    (AuditObject.REQUEST, AuditAction.REFUSE): WebhookEvent.REQUEST_DECIDED,
}


def publish(
    event: WebhookEvent, data: Mapping[str, Any], *, name: str, person: User | None, to: Webhook | None = None
) -> int:
    """Write a message to each webhook that wants this event, or `to` one; return how many. One query without any.

    Joins the caller's transaction. `name` is of what happened: a second message about it is not written.
    """
    webhooks = [to] if to else [each for each in Webhook.objects.active() if event in each.events]
    if not webhooks:
        return 0
    now = timezone.now()
    bodies = {
        Webhook.Format.SIGNED: {"type": event, "timestamp": now.isoformat(), "data": data},
        Webhook.Format.CHAT: {"text": chat_text(event, data)},
    }
    WebhookDelivery.objects.bulk_create(
        (
            WebhookDelivery(
                webhook=webhook,
                event=event,
                name=name,
                person=person,
                body=json.dumps(bodies[Webhook.Format(webhook.format)], ensure_ascii=False),
                made_at=now,
                next_at=now,
            )
            for webhook in webhooks
        ),
        ignore_conflicts=True,
    )
    transaction.on_commit(lambda: ask_worker("webhooks.deliver"), robust=True)
    return len(webhooks)


def publish_entry(entry: AuditEntry) -> None:
    """Publish what an entry of the trail says, if it is an event; joins the caller's transaction."""
    event = OF_ENTRIES.get((AuditObject(entry.object_kind), AuditAction(entry.action)))
    if event is None or entry.outcome != AuditOutcome.DONE:
        return
    if event == WebhookEvent.KEY_SECRET_REPLACED and entry.actor is None:
        return  # the portal replaces those of all Playground keys after a change of its secret
    data = {
        "kind": entry.object_kind,
        "id": entry.object_id,
        "name": entry.label,
        "action": entry.action,
        "person": person_data(entry.subject),
        "by": person_data(entry.actor),
        "code": entry.code,
    }
    publish(event, data, name=f"entry {uuid.uuid4()}", person=entry.subject)


def person_data(person: User | None) -> dict[str, Any] | None:
    """Return a person as messages name them."""
    return None if person is None else {"id": person.pk, "user_name": person.username}
