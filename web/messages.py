"""Messages for the next page: only the newest few, so that a client that reads no page cannot accumulate them."""

from typing import Any, Final

from django.conf import settings
from django.contrib.messages.storage.base import Message
from django.contrib.messages.storage.cookie import CookieStorage
from django.contrib.messages.storage.fallback import FallbackStorage
from django.contrib.messages.storage.session import SessionStorage
from django.http import HttpResponseBase

MOST: Final = 10


class PortalCookie(CookieStorage):
    """Django's cookie, with a name of the portal: sites of one host would read each other's."""

    cookie_name = settings.MESSAGES_COOKIE_NAME


class NewestMessages(FallbackStorage):
    """Django's storage (a cookie, then the session), which by itself keeps all unread messages."""

    storage_classes = (PortalCookie, SessionStorage)

    def update(self, response: HttpResponseBase) -> list[Message] | None:
        """Store them; the cookie has the path of the portal, and Django's would always have `/`."""
        unstored = super().update(response)
        if PortalCookie.cookie_name in response.cookies:
            response.cookies[PortalCookie.cookie_name]["path"] = settings.PORTAL_PATH
        return unstored

    def _store(self, messages: list[Message], response: HttpResponseBase, *args: Any, **kwargs: Any) -> list[Message]:
        kept: list[Message] = super()._store(messages[-MOST:], response, *args, **kwargs)  # type: ignore[misc]  # Django's
        return kept
