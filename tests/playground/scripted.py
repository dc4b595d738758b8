"""A gateway with scripted bytes for chats; everything else is forwarded to the sandbox."""

import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import requests
from pytest_django import Settings

from tests.sandbox_process import Sandbox

_CALL_S = 10.0
_HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nConnection: close\r\n"
NAMED = "x-litellm-call-id: call-1\r\nx-litellm-model-api-base: http://10.0.0.7:8000/v1\r\n"


class ScriptedGateway(ThreadingHTTPServer):
    """Says `pieces` in answer to a chat, one write each; `status` other than 200 makes them an error's body."""

    def __init__(self, sandbox: Sandbox) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.sandbox = sandbox
        self.pieces: Iterable[bytes] = ()
        self.status = 200
        self.asked: list[bytes] = []
        self.on_price: Callable[[], object] = lambda: None  # called before a price is reported

    @property
    def url(self) -> str:
        """The gateway's address."""
        return f"http://127.0.0.1:{self.server_address[1]}"


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: ScriptedGateway

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""

    def do_GET(self) -> None:
        self._pass_on()

    def do_POST(self) -> None:
        if self.path.endswith("/chat/completions"):
            self._say()
        else:
            if self.path.endswith("/spend/calculate"):
                self.server.on_price()
            self._pass_on()

    def _say(self) -> None:
        self.server.asked.append(self.rfile.read(int(self.headers["Content-Length"])))
        self.close_connection = True
        if self.server.status == 200:
            head = _HEAD
        else:
            head = b"HTTP/1.1 %d No\r\nContent-Type: application/json\r\nConnection: close\r\n" % self.server.status
        with suppress(OSError):  # the portal has read enough
            self.wfile.write(head + NAMED.encode() + b"\r\n")
            for piece in self.server.pieces:
                self.wfile.write(piece)

    def _pass_on(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        kept = {
            name: value for name, value in self.headers.items() if name.lower() in ("authorization", "content-type")
        }
        with requests.Session() as session:
            session.trust_env = False
            url = self.server.sandbox.url + self.path
            answer = session.request(self.command, url, data=body, headers=kept, timeout=_CALL_S)
        self.send_response(answer.status_code)
        self.send_header("Content-Type", answer.headers.get("Content-Type", "application/json"))
        self.send_header("Content-Length", str(len(answer.content)))
        self.end_headers()
        self.wfile.write(answer.content)


@contextmanager
def scripted_gateway(sandbox: Sandbox, settings: Settings) -> Iterator[ScriptedGateway]:
    """Run one, with the portal pointed at it."""
    with ScriptedGateway(sandbox) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        settings.GATEWAY_URL = settings.GATEWAY_PUBLIC_URL = server.url
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()
