"""Keys that have expired: an event without anybody's action."""

from datetime import timedelta
from typing import Final

from django.db import transaction
from django.utils import timezone

from accounts.events import person_data, publish
from accounts.models import Webhook, WebhookDelivery, WebhookEvent
from keys.models import Key

SEEN_WITHIN: Final = timedelta(days=7)  # less than messages are kept, by which a second one is known
A_ROUND: Final = 500


def note_expired() -> int:
    """Write a message about each key that expired since a webhook for this is active; return how many keys.

    A key that was renewed and expires again gets another. A second run writes none.
    """
    listening = [each for each in Webhook.objects.active() if WebhookEvent.KEY_EXPIRED in each.events]
    if not listening:
        return 0
    now = timezone.now()
    since = max(min(each.active_since for each in listening), now - SEEN_WITHIN)
    expired = Key.objects.filter(state=Key.State.ACTIVE, expires_at__gt=since, expires_at__lte=now)
    known = set(
        WebhookDelivery.objects.filter(
            event=WebhookEvent.KEY_EXPIRED, webhook__in=listening, made_at__gt=since
        ).values_list("name", flat=True)
    )
    keys = [key for key in expired.select_related("owner").order_by("expires_at") if _name_of(key) not in known]
    for key in keys[:A_ROUND]:
        data = {
            "kind": "key",
            "id": str(key.pk),
            "name": key.label,
            "expires_at": key.expires_at and key.expires_at.isoformat(),
            "person": person_data(key.owner),
        }
        with transaction.atomic():
            publish(WebhookEvent.KEY_EXPIRED, data, name=_name_of(key), person=key.owner)
    return len(keys[:A_ROUND])


def _name_of(key: Key) -> str:
    return f"expired {key.pk} {key.expires_at and key.expires_at.isoformat()}"
