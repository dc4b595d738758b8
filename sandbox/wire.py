"""Below HTTP: access the TCP connection of a request, wait for its client to disconnect."""

import asyncio
import contextlib
import socket
import struct

from starlette.types import Receive, Scope
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

_TRANSPORT = "sandbox.transport"


class OpenProtocol(HttpToolsProtocol):
    """Uvicorn's protocol, which also puts the transport into the scope, so that faults can drop it."""

    def on_message_begin(self) -> None:
        """Start a request."""
        super().on_message_begin()
        self.scope["extensions"] = {_TRANSPORT: {"is": self.transport}}


async def until_gone(receive: Receive) -> None:
    """Return when the client has closed the connection."""
    while (await receive())["type"] != "http.disconnect":
        pass


async def wait_or_gone(receive: Receive, seconds: float) -> None:
    """Return after these seconds, or when the client has disconnected."""
    with contextlib.suppress(TimeoutError):
        await asyncio.wait_for(until_gone(receive), seconds)


async def drop(scope: Scope, receive: Receive) -> None:
    """Abort the connection: the client sees it reset or closed, without a response."""
    scope["extensions"][_TRANSPORT]["is"].abort()
    await until_gone(receive)  # otherwise uvicorn would try to send a 500


async def reset(scope: Scope, receive: Receive) -> None:
    """Reset the connection at once, whatever the client has read by then."""
    connection = scope["extensions"][_TRANSPORT]["is"].get_extra_info("socket")
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    await drop(scope, receive)


async def hang_up(scope: Scope, receive: Receive) -> None:
    """Close the connection after the written data has been sent."""
    scope["extensions"][_TRANSPORT]["is"].close()
    await until_gone(receive)
