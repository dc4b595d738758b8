"""A proxy between the portal and a gateway that counts open streams and disconnects."""

import select
import socket
import socketserver
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from urllib.parse import urlsplit

from tests.browser.portal_process import Gateway

_CHAT = b"POST /v1/chat/completions "
_DONE = b"data: [DONE]"


class RecordingProxy(socketserver.ThreadingTCPServer):
    """Forwards both directions, and counts the streams of chats: open ones, and those left midway.

    A chat that is refused counts as open until its connection ends.
    """

    daemon_threads = True

    def __init__(self, gateway: Gateway) -> None:
        super().__init__(("127.0.0.1", 0), _Line)
        self.gateway_address = urlsplit(gateway.url)
        self.admin_key = gateway.admin_key
        self.open = 0
        self.disconnects = 0  # by the portal

    @property
    def url(self) -> str:
        """The gateway's address, by this line."""
        return f"http://127.0.0.1:{self.server_address[1]}"


class _Line(socketserver.BaseRequestHandler):
    server: RecordingProxy
    request: socket.socket  # the portal's side

    def handle(self) -> None:
        self.chatting, self.tail = False, b""
        there = self.server.gateway_address
        with socket.create_connection((there.hostname or "", there.port or 80)) as gateway:
            while all(self._pass_on(side, gateway) for side in select.select([self.request, gateway], [], [])[0]):
                pass
        self._chat_is(False)

    def _pass_on(self, side: socket.socket, gateway: socket.socket) -> bool:
        """Read from one side, and tell the other; False at the end of the connection."""
        try:
            said = side.recv(65536)
        except ConnectionError:
            said = b""
        if side is self.request and said:
            self._chat_is(self.chatting or said.startswith(_CHAT))
            gateway.sendall(said)
        elif side is self.request:
            midway = self.chatting
            self._chat_is(False)
            self.server.disconnects += midway  # last: who waits for it finds the rest done
        else:
            with suppress(ConnectionError):  # read from it next, and see that it has gone
                self.request.sendall(said)
            self.tail = self.tail[-len(_DONE) :] + said
            self._chat_is(self.chatting and _DONE not in self.tail)
        return bool(said)

    def _chat_is(self, under_way: bool) -> None:
        self.server.open += under_way - self.chatting
        self.chatting = under_way


@contextmanager
def recording_proxy(gateway: Gateway) -> Iterator[RecordingProxy]:
    """Let a gateway be asked by a line with an eye on it."""
    with RecordingProxy(gateway) as proxy:
        thread = threading.Thread(target=proxy.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        try:
            yield proxy
        finally:
            proxy.shutdown()
            thread.join()
