"""`passerelle alive`: what the health check of a container says."""

import socket
import socketserver
import threading
from datetime import timedelta

import pytest
from django.utils import timezone

from keys.models import Heartbeat
from keys.processes import write_heartbeat
from portal import alive
from tests.browser.portal_process import database_url
from tests.ports import free_port


@pytest.mark.only_on("postgresql")
@pytest.mark.django_db(transaction=True)
def test_a_worker_is_alive_while_its_heartbeat_is_new(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", database_url())
    host = socket.gethostname()
    write_heartbeat(Heartbeat.Kind.WORKER, "celery@elsewhere")

    assert alive.main(["worker"]) == f"No heartbeat of a worker on {host} was found."
    write_heartbeat(Heartbeat.Kind.WORKER, f"celery@{host}")
    assert alive.main(["worker"]) is None
    Heartbeat.objects.update(seen_at=timezone.now() - timedelta(minutes=2))
    assert "120 s old" in str(alive.main(["worker"]))


def test_an_absent_database_is_no_fault_of_the_program(monkeypatch: pytest.MonkeyPatch) -> None:
    for options in ("", "?conn_max_age=60&sslmode=disable"):
        monkeypatch.setenv("DATABASE_URL", f"postgres://127.0.0.1:{free_port()}/none{options}")

        assert alive.main(["beat"]) is None


def test_a_database_that_accepts_and_never_answers_holds_nobody_up(monkeypatch: pytest.MonkeyPatch) -> None:
    welcome = b"".join((b"R\0\0\0\x08\0\0\0\0", b"K\0\0\0\x0c\0\0\0\x01\0\0\0\x01", b"Z\0\0\0\x05I"))
    is_over = threading.Event()

    class Silent(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            """Let it sign in; read what it then asks."""
            self.request.recv(4096)
            self.request.sendall(welcome)
            self.request.recv(4096)
            asked.set()
            is_over.wait(30)

    asked = threading.Event()
    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Silent) as server:
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        monkeypatch.setenv("DATABASE_URL", f"postgres://portal@127.0.0.1:{server.server_address[1]}/x?sslmode=disable")

        assert alive.main(["worker"], database_timeout_s=2) is None
        assert asked.is_set()
        is_over.set()
        server.shutdown()


def test_a_missing_setting_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("DATABASE_URL", "DATABASE_URL_FILE"):
        monkeypatch.delenv(name, raising=False)

    assert "DATABASE_URL" in str(alive.main(["worker"]))


def test_a_web_server_that_does_not_answer_is_not_alive(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PORT", str(free_port()))

    assert "Connection refused" in str(alive.main(["web"]))
