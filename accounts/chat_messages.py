"""Events as one line of text for chats: Slack, Mattermost, Rocket.Chat and Google Chat take `{"text": "…"}`."""

from collections.abc import Mapping
from typing import Any

from django.conf import settings
from django.utils import translation
from django.utils.translation import gettext as _

from accounts.models import WebhookEvent
from gateway.secret import redact


def chat_text(event: WebhookEvent, data: Mapping[str, Any]) -> str:
    """Return what happened, in the portal's language: what, to what, whose, by whom, and the address."""
    key = data.get("key") or {}
    name, person, by = data.get("name") or key.get("name"), data.get("person"), data.get("by")
    with translation.override(settings.LANGUAGE_CODE):
        parts = [
            str(event.label),
            name and _verbatim(name),
            data.get("group") and _("group %(name)s") % {"name": _verbatim(data["group"])},
            person and _("of %(name)s") % {"name": _verbatim(person["user_name"])},
            data.get("percent") and _spent(data),
            by and by != person and _("by %(name)s") % {"name": _verbatim(by["user_name"])},
        ]
    return f"{' · '.join(part for part in parts if part)} · {settings.PORTAL_URL}"


def _spent(data: Mapping[str, Any]) -> str:
    values = {"percent": data["percent"], "spent": data["spent_usd"], "budget": data["budget_usd"]}
    return _("%(percent)d%%: %(spent)s of %(budget)s USD") % values


def _verbatim(text: str) -> str:
    """Return a name that people chose as code: it mentions nobody, links nowhere and formats nothing.

    Slack reads `<!channel>` in code too, unless its angle brackets are entities.
    """
    plain = redact(text).replace("`", "'").replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return "`" + plain.replace("@", "@\u200b") + "`"  # with a space of no width, no chat sees a mention
