"""The streams of other servers behind a real LiteLLM, through the portal's own page."""

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import product

import pytest
from django.test import Client
from pytest_django import Settings

from accounts.models import User
from playground.models import Answer
from tests.gateway.dialects import DIALECTS
from tests.keys.real_gateway import real_gateway
from tests.playground.sse import received, send
from tests.playground.streams import know_the_models

CUT_SHORT = (Answer.State.COMPLETE, "Bees", "")  # it takes the error, or the end, for a proper one
REFUSED = (Answer.State.FAILED, "", "")
# What LiteLLM 1.106.2 makes of a stream that it does not read as its server meant it.
CHANGED = {
    "dialect": {
        "vLLM, error of an older release": CUT_SHORT,
        "llama.cpp, error": CUT_SHORT,
        "LM Studio, error": CUT_SHORT,
        "FastAPI, error": CUT_SHORT,
        "cut in the midst": CUT_SHORT,
        "no empty lines between events": REFUSED,
        "Mistral, parts of content": REFUSED,
    },
    "dialect-openrouter": {
        "llama.cpp, error": CUT_SHORT,
        "cut in the midst": CUT_SHORT,
        "Mistral, parts of content": REFUSED,
        "JSON over several lines": (Answer.State.COMPLETE, "", ""),
        "DeepSeek": (Answer.State.COMPLETE, "Bees fly.", ""),  # reads only `reasoning` there
    },
}

pytestmark = [pytest.mark.real_gateway, pytest.mark.second_real_gateway]


class Provider(ThreadingHTTPServer):
    """A model's server behind the gateway: says these bytes, whatever it is asked."""

    allow_reuse_address = True
    raw = b""


class _Handler(BaseHTTPRequestHandler):
    server: Provider

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        with suppress(OSError):
            self.wfile.write(b"HTTP/1.0 200 OK\r\nContent-Type: text/event-stream\r\n\r\n" + self.server.raw)


@contextmanager
def provider(port: int) -> Iterator[Provider]:
    with Provider(("127.0.0.1", port), _Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()


@pytest.mark.skipif("REAL_DIALECT_PORT" not in os.environ, reason="needs a gateway with the models of .ci/run")
def test_reads_what_the_gateway_lets_through(as_intern: Client, intern: User, settings: Settings) -> None:
    """Ask all in one test: the provider's port is the one that the gateway's configuration names."""
    settings.PLAYGROUND_REQUESTS_PER_MINUTE = settings.PLAYGROUND_CONVERSATIONS_PER_HOUR = 1000
    found: dict[str, dict[str, tuple[str, str, str]]] = {model: {} for model in CHANGED}
    with (
        real_gateway(settings, intern, variable="REAL_OTHER_GATEWAY_URL"),
        provider(int(os.environ["REAL_DIALECT_PORT"])) as server,
    ):
        know_the_models()
        for model, name in product(CHANGED, DIALECTS):
            server.raw = DIALECTS[name].raw
            answer = received(send(as_intern, "Do bees fly?", model=model)).answer
            found[model][name] = (answer.state, answer.text, answer.reasoning)

    expected = {
        name: (Answer.State.FAILED if dialect.failure else Answer.State.COMPLETE, dialect.text, dialect.reasoning)
        for name, dialect in DIALECTS.items()
    }
    assert found == {model: {**expected, **changed} for model, changed in CHANGED.items()}
