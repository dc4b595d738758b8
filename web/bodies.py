"""Reads the body of a request on the event loop, before it takes a thread, so that slow clients occupy none."""

import asyncio
import tempfile
import time
from collections.abc import Awaitable, Callable, Mapping
from typing import IO, Any, Final

from django.conf import settings
from django.core.exceptions import RequestAborted

Receive = Callable[[], Awaitable[Mapping[str, Any]]]
IN_MEMORY_BYTES: Final = 128 * 1024  # then it goes to a file
GRACE_S: Final = 10.0  # for a small body
BYTES_PER_S: Final = 16 * 1024  # the average rate that a longer body must keep after that
MAX_S: Final = 300.0


class BodyRefused(Exception):
    """The body is refused; `status` says why."""

    def __init__(self, status: int) -> None:
        super().__init__(status)
        self.status = status


async def read_body(scope: dict[str, Any], receive: Receive, *, grace_s: float = GRACE_S) -> IO[bytes]:
    """Return the whole body; raise BodyRefused if it is too large or too slow, RequestAborted if the client leaves.

    Large ones are kept in a file.
    """
    if _length(scope) > settings.MAX_BODY_BYTES:
        raise BodyRefused(413)
    body = tempfile.SpooledTemporaryFile(max_size=IN_MEMORY_BYTES)  # noqa: SIM115  (closed with the request)
    began = time.monotonic()
    message: Mapping[str, Any] = {"more_body": True}
    try:
        while message.get("more_body"):
            allowed_s = min(MAX_S, grace_s + body.tell() / BYTES_PER_S)
            async with asyncio.timeout(began + allowed_s - time.monotonic()):
                message = await receive()
            if message["type"] == "http.disconnect":
                raise RequestAborted
            body.write(message.get("body", b""))
            if body.tell() > settings.MAX_BODY_BYTES:
                raise BodyRefused(413)
    except BaseException as problem:
        body.close()
        if isinstance(problem, TimeoutError):
            raise BodyRefused(408) from None
        raise
    body.seek(0)
    return body


def _length(scope: dict[str, Any]) -> int:
    """Return the announced length; the server has refused invalid ones."""
    return next((int(value) for name, value in scope["headers"] if name == b"content-length"), 0)
