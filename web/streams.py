"""Streaming responses: an async generator each, iterated on the event loop until it ends, or its client disconnects.

A generator is cancelled where it waits, so that its `finally` runs at that point. It may catch that, and
yield how it ended before it returns; `web.shutdown.leaving` tells whether the shutdown of this process is why.
"""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from contextlib import aclosing
from typing import Any, ClassVar, Final, TypeVar

View = TypeVar("View", bound=Callable[..., object])
Send = Callable[[Mapping[str, Any]], Awaitable[None]]
LAST_SEND_S: Final = 2.0  # to end a stream whose client does not read


def streaming_view(view: View) -> View:
    """Mark a view that answers with a stream of events, and is quick until that begins: it need not queue for long."""
    view.__dict__["is_streaming"] = True
    return view


def is_streaming(view: Callable[..., object]) -> bool:
    """Tell whether a view is a `streaming_view`."""
    return "is_streaming" in view.__dict__


class Stream:
    """One streaming response; made within the task that runs it."""

    under_way: ClassVar[set["Stream"]] = set()  # in this process

    def __init__(self, content: AsyncGenerator[bytes, None], send: Send) -> None:
        self._content, self._send = content, send
        self._is_waiting = self._is_to_end = self._is_told = False

    async def run(self) -> None:
        """Send all chunks."""
        self._task = asyncio.current_task()
        self.under_way.add(self)
        try:
            async with aclosing(self._content):
                while (part := await self._next()) is not None:
                    await self._send({"type": "http.response.body", "body": part, "more_body": True})
        except asyncio.CancelledError:
            if not self._is_told:
                raise
        finally:
            self.under_way.discard(self)
        await self._send({"type": "http.response.body"})

    async def _next(self) -> bytes | None:
        if self._is_to_end:
            self._tell()
        self._is_waiting = True
        try:
            return await anext(self._content, None)
        finally:
            self._is_waiting = False

    def end(self) -> None:
        """Cancel what the generator waits for; during a send, what it will wait for after that."""
        self._is_to_end = True
        if self._is_waiting:
            self._tell()
        else:
            asyncio.get_running_loop().call_later(LAST_SEND_S, self._tell)

    def _tell(self) -> None:
        if self._task and not self._is_told:
            self._is_told = True
            self._task.cancel()
