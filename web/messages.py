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
    """Django's cookie, which by itself has one name and the path `/`: sites of one host would read each other's."""

    cookie_name = settings.MESSAGES_COOKIE_NAME

    def _update_cookie(self, encoded_data: str, response: HttpResponseBase) -> None:
        super()._update_cookie(encoded_data, response)  # type: ignore[misc]  # Django's
        response.cookies[self.cookie_name]["path"] = settings.PORTAL_PATH


class NewestMessages(FallbackStorage):
    """Django's storage (a cookie, then the session), which by itself keeps all unread messages."""

    storage_classes = (PortalCookie, SessionStorage)

    def _store(self, messages: list[Message], response: HttpResponseBase, *args: Any, **kwargs: Any) -> list[Message]:
        kept: list[Message] = super()._store(messages[-MOST:], response, *args, **kwargs)  # type: ignore[misc]  # Django's
        return kept
