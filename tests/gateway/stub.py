"""A stub gateway: sends scripted answers over loopback HTTP, and records requests."""

import gc
import json
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

DATA = Path(__file__).parent / "data"

TEAM_VERBS = ("new", "info", "update")
Reply = Callable[["Handler"], None]


@dataclass(frozen=True, kw_only=True)
class Asked:
    """A request as it arrived."""

    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    body: Any


@dataclass
class StubGateway:
    """The stub gateway. The last reply is given again and again."""

    url: str
    asked: list[Asked] = field(default_factory=list)
    replies: list[Reply] = field(default_factory=list)
    connections: set[Any] = field(default_factory=set)
    released: threading.Event = field(default_factory=threading.Event)
    always: dict[str, Reply] = field(default_factory=dict)  # by path: not one of the replies in order, nor in `asked`

    def is_known(self) -> None:
        """Answer for the team by which the portal knows its gateway, whenever that is asked about."""
        row = {"team_id": "team", "metadata": {}}
        self.always |= {f"/team/{verb}": says({**row, "team_info": row, "data": row}) for verb in TEAM_VERBS}

    def will(self, *replies: Reply) -> None:
        """Answer the next requests with these, in order."""
        self.replies = list(replies)

    @property
    def last(self) -> Asked:
        """Return the latest request."""
        return self.asked[-1]

    def next_reply(self) -> Reply:
        """Take the next reply; keep the last one."""
        return self.replies.pop(0) if len(self.replies) > 1 else self.replies[0]


class Handler(BaseHTTPRequestHandler):
    """Records a request, then lets the test's reply write what it likes."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True  # else head and body of an answer come 40 ms apart
    stub: StubGateway

    def do_GET(self) -> None:
        self._answer()

    def do_POST(self) -> None:
        self._answer()

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""

    def _answer(self) -> None:
        raw = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        target = urlsplit(self.path)
        self.stub.connections.add(self.client_address)
        if target.path in self.stub.always:
            self.stub.always[target.path](self)
            return
        self.stub.asked.append(
            Asked(
                method=self.command,
                path=target.path,
                query=dict(parse_qsl(target.query)),
                headers={name.lower(): value for name, value in self.headers.items()},
                body=json.loads(raw) if raw else None,
            )
        )
        self.stub.next_reply()(self)

    def send(self, status: int, raw: bytes, headers: dict[str, str] | None = None) -> None:
        """Send a whole answer."""
        self.send_response(status)
        for name, value in {"content-type": "application/json", **(headers or {})}.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(raw)))
        self.end_headers()
        self.wfile.write(raw)

    def begin_stream(self) -> None:
        """Send the head of a stream whose end is the connection's."""
        self.close_connection = True
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream; charset=utf-8")
        self.send_header("Connection", "close")
        self.end_headers()


def says(body: object, *, status: int = 200, **headers: str) -> Reply:
    """Reply with JSON; headers by names with _ for -."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return lambda handler: handler.send(status, json.dumps(body).encode(), named)


def recorded(file: str, title: str) -> Reply:
    """Reply as LiteLLM did when it was recorded."""
    response = recording(file, title)["response"]
    raw = response["text"] if "text" in response else json.dumps(response["body"])
    return lambda handler: handler.send(response["status"], raw.encode(), response["headers"])


def recording(file: str, title: str) -> Any:
    """Return a recorded exchange of data/."""
    return json.loads((DATA / f"{file}.json").read_text(encoding="utf-8"))[title]


def titles(file: str) -> list[str]:
    """Return the names of the recorded exchanges of a file."""
    return list(json.loads((DATA / f"{file}.json").read_text(encoding="utf-8")))


def raw(text: str | bytes, *, status: int = 200, kind: str = "application/json") -> Reply:
    """Reply with any bytes at all."""
    data = text.encode() if isinstance(text, str) else text
    return lambda handler: handler.send(status, data, {"content-type": kind})


def nested(handler: Handler) -> None:
    """Reply with brackets beyond Python's limit of recursion, with no garbage left to collect amid them.

    A parser makes a list for each bracket, so that a collection is likeliest at the limit, where finalizers fail.
    """
    gc.collect()
    raw("[" * 100_000)(handler)


def events(*texts: str) -> Reply:
    """Reply with a stream of these bytes, one write each, then end the connection."""

    def reply(handler: Handler) -> None:
        handler.begin_stream()
        for text in texts:
            handler.wfile.write(text.encode("utf-8", "surrogatepass"))
            handler.wfile.flush()

    return reply


def silence(*texts: str, head: bool = True) -> Reply:
    """Begin as `events` (without `head`: say nothing at all), then fall silent until the client or the test ends it."""

    def reply(handler: Handler) -> None:
        handler.close_connection = True
        if head:
            events(*texts)(handler)
        handler.connection.settimeout(0.02)
        while not handler.stub.released.is_set():
            try:
                if not handler.connection.recv(1):
                    break
            except TimeoutError:
                continue
            except OSError:
                break
        handler.stub.released.set()

    return reply


class Server(ThreadingHTTPServer):
    """Lets many knock at once."""

    request_queue_size = 128


@contextmanager
def stub_gateway(tls: ssl.SSLContext | None = None) -> Iterator[StubGateway]:
    """Run a stub gateway on a free port."""
    handler = type("BoundHandler", (Handler,), {})
    server = Server(("127.0.0.1", 0), handler)
    if tls:
        server.socket = tls.wrap_socket(server.socket, server_side=True)
    stub = StubGateway(url=f"http{'s' if tls else ''}://127.0.0.1:{server.server_address[1]}")
    handler.stub = stub  # type: ignore[attr-defined]  # made by type() above
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield stub
    finally:
        stub.released.set()
        server.shutdown()
        thread.join()
        server.server_close()
