"""Requests to Django's handler without a server: the client's side of ASGI."""

import asyncio
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, Final

from web.handler import Handler

LONG_S: Final = 30.0


class Exchange:
    """One request and what comes back, within an event loop."""

    def __init__(
        self,
        handler: Handler,
        path: str,
        *,
        method: str = "GET",
        body: bytes = b"",
        language: str = "en",
        headers: Mapping[str, str] = MappingProxyType({}),
    ) -> None:
        self._coming: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        self._coming.put_nowait({"type": "http.request", "body": body, "more_body": False})
        self._new = asyncio.Event()
        self.status, self.headers, self.pieces = 0, dict[str, str](), list[bytes]()
        given = {"host": "127.0.0.1", "accept-language": language, **headers}
        raw = [(name.lower().encode(), value.encode()) for name, value in given.items()]
        scope = {"type": "http", "method": method, "path": path, "query_string": b"", "headers": raw}
        self.done = asyncio.create_task(handler(scope, self._coming.get, self._send))

    async def _send(self, message: Mapping[str, Any]) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            self.headers = {name.decode().lower(): value.decode() for name, value in message["headers"]}
        elif body := message.get("body", b""):
            self.pieces.append(body)
        self._new.set()

    def disconnect(self) -> None:
        """Go, as a client does."""
        self._coming.put_nowait({"type": "http.disconnect"})

    async def until(self, is_enough: Callable[["Exchange"], bool]) -> None:
        """Wait for more of the response until that holds."""
        async with asyncio.timeout(LONG_S):
            while not is_enough(self):
                self._new.clear()
                await self._new.wait()

    async def whole(self) -> bytes:
        """Return the whole body, at the end."""
        async with asyncio.timeout(LONG_S):
            await self.done
        return b"".join(self.pieces)
