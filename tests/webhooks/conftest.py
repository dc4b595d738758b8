"""Receivers of webhooks."""

from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler
from typing import Any

import pytest
from django.test import Client
from pytest_django import Settings

from accounts.audit import Actor
from accounts.models import User, Webhook, WebhookEvent
from tests.conftest import signed_in
from tests.loopback import serving
from tests.people.conftest import with_permissions
from webhooks.services import create_webhook


class Handler(BaseHTTPRequestHandler):
    """Notes what comes, and answers as it is to."""

    receiver: "Receiver"

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.receiver.received.append((dict(self.headers), body))
        self.send_response(self.receiver.status)
        for name, value in self.receiver.headers.items():
            self.send_header(name, value)
        self.end_headers()
        self.receiver.answer(self.wfile)

    def log_message(self, *args: object) -> None:
        """Print nothing."""


class Receiver:
    """A receiver on loopback."""

    def __init__(self) -> None:
        self.received: list[tuple[dict[str, str], bytes]] = []
        self.status = 200
        self.headers: dict[str, str] = {}
        self.text = b"thanks"
        self.address = ""

    def answer(self, out: Any) -> None:
        """Write the answer."""
        out.write(self.text)

    def add(self, *events: WebhookEvent, by: User | None = None) -> tuple[Webhook, str]:
        """Add a webhook to this receiver, and return it with its secret."""
        wanted = events or (WebhookEvent.KEY_CREATED,)
        return create_webhook(name="chat", url=f"{self.address}/hook?x=1", events=wanted, actor=Actor(user=by))


@pytest.fixture
def receiver(settings: Settings) -> Iterator[Receiver]:
    """Start a receiver that the settings allow."""
    settings.WEBHOOK_INTERNAL_HOSTS = ["127.0.0.1"]
    found = Receiver()
    with serving(Handler, receiver=found) as address:
        found.address = address
        yield found


@pytest.fixture
def keeper(db: None) -> User:
    """Return somebody who manages webhooks, and nothing else."""
    return with_permissions("keeper", "manage_webhooks")


@pytest.fixture
def as_keeper(keeper: User) -> Client:
    """Return their browser."""
    return signed_in(keeper)
