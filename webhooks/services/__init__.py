"""Services of webhooks."""

from webhooks.services.deliver import deliver_due, prune, send_again
from webhooks.services.expired import note_expired
from webhooks.services.manage import (
    MARK,
    MOST,
    WebhookRefused,
    change_webhook,
    create_webhook,
    delete_webhook,
    pause_webhook,
    resume_webhook,
    test_webhook,
)

__all__ = [
    "MARK",
    "MOST",
    "WebhookRefused",
    "change_webhook",
    "create_webhook",
    "delete_webhook",
    "deliver_due",
    "note_expired",
    "pause_webhook",
    "prune",
    "resume_webhook",
    "send_again",
    "test_webhook",
]
