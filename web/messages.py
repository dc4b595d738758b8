"""Messages for the next page: only the newest few, so that a client that reads no page cannot accumulate them."""

from typing import Any, Final

from django.contrib.messages.storage.base import Message
from django.contrib.messages.storage.fallback import FallbackStorage
from django.http import HttpResponseBase

MOST: Final = 10


class NewestMessages(FallbackStorage):
    """Django's storage (a cookie, then the session), which by itself keeps all unread messages."""

    def _store(self, messages: list[Message], response: HttpResponseBase, *args: Any, **kwargs: Any) -> list[Message]:
        kept: list[Message] = super()._store(messages[-MOST:], response, *args, **kwargs)  # type: ignore[misc]  # Django's
        return kept
