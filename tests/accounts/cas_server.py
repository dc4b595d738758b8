"""A minimal CAS server on loopback, by the text of the protocol: one person at a time, who is signed in there."""

import secrets
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler
from typing import Any
from urllib.parse import parse_qs, urlsplit
from xml.sax.saxutils import escape

from tests.loopback import serving

NAMESPACE = "http://www.yale.edu/tp/cas"


class CasServer:
    """Who signs in next, and the tickets that were given."""

    def __init__(self) -> None:
        self.url = ""
        self.user = ""
        self.attributes: Mapping[str, list[str]] = {}
        self.answer: bytes | None = None  # what every ticket is answered with
        self.tickets: dict[str, str] = {}  # ticket -> service

    def login(self, service: str) -> str:
        """Return where the browser is sent back to."""
        ticket = f"ST-{secrets.token_urlsafe(16)}"
        self.tickets[ticket] = service
        return f"{service}{'&' if '?' in service else '?'}ticket={ticket}"

    def validate(self, ticket: str, service: str, *, with_attributes: bool) -> bytes:
        """Return the answer for a ticket, which is used up by it."""
        if self.answer is not None:
            return self.answer
        if self.tickets.pop(ticket, None) != service:
            failure = f'<cas:authenticationFailure code="INVALID_TICKET">{escape(ticket)}</cas:authenticationFailure>'
            return self._response(failure)
        values = "".join(
            f"<cas:{name}>{escape(value)}</cas:{name}>" for name, all_ in self.attributes.items() for value in all_
        )
        attributes = f"<cas:attributes>{values}</cas:attributes>" if with_attributes else ""
        user = f"<cas:user>{escape(self.user)}</cas:user>"
        return self._response(f"<cas:authenticationSuccess>{user}{attributes}</cas:authenticationSuccess>")

    def _response(self, content: str) -> bytes:
        return f'<cas:serviceResponse xmlns:cas="{NAMESPACE}">{content}</cas:serviceResponse>'.encode()


class _Handler(BaseHTTPRequestHandler):
    server_of_test: CasServer

    def do_GET(self) -> None:
        url = urlsplit(self.path)
        query = {name: values[0] for name, values in parse_qs(url.query).items()}
        if url.path == "/cas/login":
            self.send_response(302)
            self.send_header("Location", self.server_of_test.login(query["service"]))
            self.end_headers()
            return
        has_attributes = url.path == "/cas/p3/serviceValidate"
        body = self.server_of_test.validate(query["ticket"], query["service"], with_attributes=has_attributes)
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:
        pass


@contextmanager
def running() -> Iterator[CasServer]:
    """Run a server until the block ends."""
    cas = CasServer()
    with serving(_Handler, server_of_test=cas) as address:
        cas.url = f"{address}/cas"
        yield cas
