"""A call with a fault: its work, its response, and its connection, for the faults to act on."""

import contextlib
from collections.abc import Iterator

from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from sandbox.faults import Fault

PAGE = "<!doctype html><html><head><title>Bad gateway</title></head><body><h1>Bad gateway</h1></body></html>"


class Call:
    """One request, with the application that handles it."""

    def __init__(self, app: ASGIApp, scope: Scope, receive: Receive, send: Send, fault: Fault) -> None:
        self.app = app
        self.scope = scope
        self.receive = receive
        self.send = send
        self.fault = fault

    async def run(self, send: Send) -> None:
        """Do the work, with its response going to `send`."""
        await self.app(self.scope, self.receive, send)

    async def work(self) -> list[Message]:
        """Do the work and return the response instead of sending it."""
        messages: list[Message] = []

        async def keep(message: Message) -> None:
            messages.append(message)

        await self.run(keep)
        return messages

    async def answer(self, response: Response) -> None:
        """Send a response that is not the gateway's."""
        await response(self.scope, self.receive, self.send)

    @contextlib.contextmanager
    def counted(self) -> Iterator[None]:
        """Show this call as waiting, so that a test knows when to act."""
        self.fault.waiting += 1
        try:
            yield
        finally:
            self.fault.waiting -= 1
