"""The texts of the audit trail about webhooks."""

from collections.abc import Mapping
from typing import Any

from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from accounts.audit_words import add_words
from accounts.models import WebhookEvent


def _about(values: Mapping[str, Any]) -> str:
    """Name the host, and what is sent to it."""
    events = ", ".join(event_words(event) for event in values["events"])
    return gettext("To %(host)s: %(events)s") % {"host": values["host"], "events": events}


def event_words(event: str) -> str:
    """Return an event in words; one that is no longer known as it is."""
    return str(WebhookEvent(event).label) if event in WebhookEvent.values else event


add_words({"webhook.about": _about, "webhook.failing": _("It did not answer for days.")})
