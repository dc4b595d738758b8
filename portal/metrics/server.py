"""`/metrics` on a port of its own (METRICS_PORT), served by a process that web and worker fork.

On one machine one of them serves the counts of all programs: the web server waits for the port while a worker has it, a
worker that finds it taken needs no such process.
"""

import logging
import os
import signal
import socket
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Final

from django.conf import settings
from django.db import connections

from portal.metrics.exposition import CONTENT_TYPE, exposition
from portal.metrics.views import is_allowed
from portal.supervisor import end_with_parent

logger = logging.getLogger(__name__)

TAKEN_PAUSE_S: Final = 5.0
CLIENT_S: Final = 10.0  # for a request: a client that says nothing is disconnected
DEFAULT_SIGNALS: Final = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)


def fork_server(*, waits: bool) -> None:
    """Start the process; it ends with this one. Call it before any thread is started.

    Where the port is taken it `waits` for it, or is not started.
    """
    if not waits:
        try:
            _Server((settings.METRICS_HOST, settings.METRICS_PORT), _Handler).server_close()
        except OSError as problem:
            logger.info("metrics: another program has port %s (%s)", settings.METRICS_PORT, problem.strerror)
            return
    parent = os.getpid()
    if os.fork() == 0:
        try:
            for number in DEFAULT_SIGNALS:
                signal.signal(number, signal.SIG_DFL)
            end_with_parent(signal.SIGTERM, parent)
            serve()
        finally:
            os._exit(1)


def serve() -> None:
    """Serve until the process is ended."""
    has_waited = False
    while True:
        try:
            server = _Server((settings.METRICS_HOST, settings.METRICS_PORT), _Handler)
        except OSError as problem:
            if not has_waited:
                logger.info("metrics: port %s is in use (%s)", settings.METRICS_PORT, problem.strerror)
            has_waited = True
            time.sleep(TAKEN_PAUSE_S)
            continue
        with server:
            server.serve_forever()


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, address: tuple[str, int], handler: type[BaseHTTPRequestHandler]) -> None:
        self.address_family = socket.AF_INET6 if ":" in address[0] else socket.AF_INET
        super().__init__(address, handler)


class _Handler(BaseHTTPRequestHandler):
    """Answers GET /metrics, with the token where one is set."""

    timeout = CLIENT_S
    server_version, sys_version = "passerelle", ""

    def do_GET(self) -> None:
        """Send the metrics."""
        if self.path.partition("?")[0] != "/metrics":
            return self._send(404, b"404\n", "text/plain")
        if settings.METRICS_TOKEN and not is_allowed(self.headers.get("Authorization", "")):
            return self._send(401, b"401\n", "text/plain")
        try:
            return self._send(200, exposition(), CONTENT_TYPE)
        finally:
            connections.close_all()

    def _send(self, status: int, body: bytes, content_type: str) -> None:
        self.send_response(status)
        self.send_header("Content-Type", content_type)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """Write no line for each request."""
