"""Rows of mails that a worker claims before it sends them."""

from datetime import timedelta
from typing import Final

from django.utils import timezone

from accounts import delivery
from accounts.models import (
    AccessRequest,
    Invitation,
    LeavingMail,
    MailChoices,
    RequestDigest,
    Webhook,
    WebhookDelivery,
)
from keys.models import (
    AdminAlert,
    KeyGift,
    LeakNotice,
    LeaveMail,
    LimitChange,
    ReminderMail,
    RequestedReminder,
)
from teaching.models import MessageMail
from usage.models import Notice, SavedView, UnusualSpend

CLAIMS: Final = (
    (AccessRequest, "mail_claimed_at"),
    (AdminAlert, "mail_claimed_at"),
    (Invitation, "claimed_at"),
    (KeyGift, "claimed_at"),
    (LeakNotice, "claimed_at"),
    (LeaveMail, "claimed_at"),
    (LeavingMail, "claimed_at"),
    (LimitChange, "claimed_at"),
    (MailChoices, "claimed_at"),
    (MessageMail, "mail_claimed_at"),
    (Notice, "mail_claimed_at"),
    (ReminderMail, "claimed_at"),
    (RequestDigest, "claimed_at"),
    (RequestedReminder, "claimed_at"),
    (SavedView, "mail_claimed_at"),
    (UnusualSpend, "mail_claimed_at"),
    (Webhook, "claimed_at"),  # no mail, and claimed in the same way
    (WebhookDelivery, "claimed_at"),
)


def let_claims_lapse() -> None:
    """Let other workers take what is claimed."""
    long_ago = timezone.now() - delivery.CLAIM_LASTS - timedelta(seconds=1)
    for table, field in CLAIMS:
        table._default_manager.exclude(**{field: None}).update(**{field: long_ago})
