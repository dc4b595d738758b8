"""Messages that wait for the next page: the newest few, so that a script that reads no page cannot pile them up."""

from typing import Any, Final

from django.contrib.messages.storage.base import Message
from django.contrib.messages.storage.fallback import FallbackStorage
from django.http import HttpResponseBase

MOST: Final = 10


class NewestMessages(FallbackStorage):
    """Django's storage (a cookie, then the session), which by itself keeps whatever nobody reads."""

    def _store(self, messages: list[Message], response: HttpResponseBase, *args: Any, **kwargs: Any) -> list[Message]:
        kept: list[Message] = super()._store(messages[-MOST:], response, *args, **kwargs)  # type: ignore[misc]  # Django's
        return kept
