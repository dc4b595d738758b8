"""Errors for Sentry and spans for OpenTelemetry: sent to programs on loopback, without anything private."""

import gzip
import json
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import brotli
import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Status
from pytest_django import Settings

from portal.telemetry import start_telemetry, telemetry_has_an_address, telemetry_is_installed
from tests.ports import free_port

PLANTED = {
    "query": "what-they-looked-for",
    "form": "a prompt about their illness",
    "cookie": "session-cookie-of-theirs",
    "header": "sk-Xy7_kk29-QpLm4TzVw81Ab",
    "mail": "ada.lovelace@example.edu",
    "message": "an error that quotes the prompt",
    "argument": "an argument of a line",
    "variable": "a variable of a frame",
    "hash": "a1" * 32,
}
DECODE: dict[str, Callable[[bytes], bytes]] = {"": bytes, "gzip": gzip.decompress, "br": brotli.decompress}
ACTIONS = """
import json, logging, os, sys
import django
django.setup()
from celery import current_app
planted = json.loads(os.environ["PLANTED"])
from django.conf import settings
from django.http import HttpResponse
from django.test import Client
from django.urls import path
from gateway import tracing
from gateway.django import get_gateway
from gateway.errors import GatewayError
from portal import urls

def fail(request):
    variable = planted["variable"]
    logging.getLogger("keys.services").error("a line of ours with %s", planted["argument"])
    raise RuntimeError(planted["message"] + planted["mail"] + variable)

urls.handler500 = lambda request: HttpResponse(status=500)
settings.MIDDLEWARE = ["web.request_log.RequestLog"]
urls.urlpatterns.append(path("fail/", fail, name="fail"))
client = Client(raise_request_exception=False)
client.cookies["session"] = planted["cookie"]
client.post("/fail/?q=" + planted["query"], {"prompt": planted["form"]}, headers={"Authorization": planted["header"]})
try:
    get_gateway().keys.info(planted["hash"])
except GatewayError:
    pass
with tracing.span("ours"):
    pass

@current_app.task(name="ours.fail")
def fail_as_task():
    raise LookupError(planted["message"])

fail_as_task.apply()
print("sentry_sdk" in sys.modules, "opentelemetry" in sys.modules)
"""


class Sink:
    """A server that takes whatever is sent to it."""

    def __init__(self) -> None:
        self.received: list[tuple[str, bytes]] = []
        sink = self

        class Taking(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                sink.received.append((self.path, DECODE[self.headers.get("Content-Encoding", "")](body)))
                self.send_response(200)
                self.send_header("Content-Length", "2")
                self.end_headers()
                self.wfile.write(b"{}")

            def log_message(self, format: str, *args: object) -> None:
                """Write nothing."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Taking)
        self.address = f"127.0.0.1:{self.server.server_port}"

    @property
    def outcomes(self) -> dict[str, tuple[int, str]]:
        """The status of each span by its name."""
        requests = [ExportTraceServiceRequest.FromString(body) for _, body in self.received]
        resources = [resource for request in requests for resource in request.resource_spans]
        spans = [span for resource in resources for scope in resource.scope_spans for span in scope.spans]
        return {span.name: (span.status.code, span.status.message) for span in spans}

    def sent_to(self, path: str) -> bytes:
        """Return all that came to an address."""
        return b"\n".join(body for where, body in self.received if where == path)


@contextmanager
def sink() -> Iterator[Sink]:
    """Run one."""
    sink = Sink()
    threading.Thread(target=sink.server.serve_forever, daemon=True).start()
    try:
        yield sink
    finally:
        sink.server.shutdown()
        sink.server.server_close()


def run(repository: Path, folder: Path, **variables: str) -> subprocess.CompletedProcess[str]:
    """Do what fails, as a program of the portal."""
    environment = {"PATH": os.environ["PATH"], "EMBEDDED": "1", "VAR_DIR": str(folder), "PLANTED": json.dumps(PLANTED)}
    environment |= {"DJANGO_SETTINGS_MODULE": "portal.settings", "LOG_FORMAT": "json"}
    environment |= {"GATEWAY_ADMIN_KEY": PLANTED["header"], "GATEWAY_URL": f"http://127.0.0.1:{free_port()}"}
    command = [sys.executable, "-c", ACTIONS]
    given = environment | variables
    return subprocess.run(command, cwd=repository, env=given, capture_output=True, text=True, timeout=120)


def test_sends_errors_and_spans_without_anything_private(repository: Path, tmp_path: Path) -> None:
    with sink() as sentry, sink() as collector:
        addresses = {"SENTRY_DSN": f"http://public@{sentry.address}/1"}
        addresses |= {"OTEL_EXPORTER_OTLP_ENDPOINT": f"http://{collector.address}"}
        done = run(repository, tmp_path, **addresses)

    assert (done.returncode, done.stdout) == (0, "True True\n"), done.stderr
    errors, spans = sentry.sent_to("/api/1/envelope/"), collector.sent_to("/v1/traces")
    request_id = next(line["request_id"] for line in map(json.loads, done.stderr.splitlines()) if "request_id" in line)
    for expected in (b"RuntimeError", b"a line of ours with %s", b'"route":"fail"', request_id.encode()):
        assert expected in errors, errors
    for expected in (b"POST fail", b"GET /key/info", b"GatewayUnavailable", b"ours", request_id.encode()):
        assert expected in spans, spans
    assert [name for name, text in PLANTED.items() if text.encode() in errors + spans] == []
    failed = {name: why for name, (status, why) in collector.outcomes.items() if status == Status.STATUS_CODE_ERROR}
    assert failed.pop("GET /key/info") == "GatewayUnavailable"
    assert failed == {"POST fail": "Internal Server Error", "ours.fail": "LookupError"}
    logged = [name for name, text in PLANTED.items() if text in done.stderr]
    assert logged == ["mail", "message", "argument", "variable"]  # of errors and lines: these stay on the server


def test_a_missing_library_stops_the_start(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    settings.SENTRY_DSN = "https://public@sentry.example.edu/1"
    assert telemetry_is_installed() == []
    monkeypatch.setitem(sys.modules, "sentry_sdk", None)  # as if it could not be found

    assert [error.id for error in telemetry_is_installed()] == ["portal.E050"]


def test_an_invalid_address_stops_the_start_without_a_traceback(settings: Settings) -> None:
    whole = "https://public@sentry.example.edu/x/1"
    for dsn in ("nowhere", whole.replace("public@", ""), whole.removesuffix("1"), "http://[", "http://public@/1"):
        settings.SENTRY_DSN = dsn
        start_telemetry()  # the checks end the program a moment later
        assert [error.id for error in telemetry_has_an_address()] == ["portal.E051"], dsn
        assert dsn not in str(telemetry_has_an_address())
    settings.SENTRY_DSN, settings.OTEL_EXPORTER_OTLP_ENDPOINT = whole, "collector:4318"
    assert [error.msg.partition(" ")[0] for error in telemetry_has_an_address()] == ["OTEL_EXPORTER_OTLP_ENDPOINT"]
