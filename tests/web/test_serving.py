"""The web server: limits, disconnects, old HTTP, and shutdown."""

import signal
import socket
from collections.abc import Iterator
from contextlib import suppress

import psutil
import pytest
import requests

from tests.browser.portal_process import Portal
from tests.ports import is_listening
from tests.sandbox_process import Sandbox
from tests.waiting import wait_until

pytestmark = pytest.mark.django_db(transaction=True)
PATIENCE_S = 60  # a machine that is busy with other tests


class Streaming(Portal):
    """A portal with the views of serving.py."""

    def __init__(self, gateway: Sandbox, **more: str) -> None:
        super().__init__(gateway, DEBUG="1", DJANGO_SETTINGS_MODULE="tests.web.serving_settings", **more)

    def prepare(self) -> None:
        """Need nothing: with DEBUG, static files need not be collected."""

    @property
    def first(self) -> psutil.Process:
        """The process that was started; its children serve."""
        assert self._process
        return psutil.Process(self._process.pid)

    def get(self, path: str) -> requests.Response:
        return requests.get(self.url + path, timeout=PATIENCE_S)

    def stream(self, pieces: int) -> "Reading":
        return Reading(requests.get(f"{self.url}/stream/{pieces}/", stream=True, timeout=PATIENCE_S))


class Reading:
    """Somebody who reads a stream, line by line."""

    def __init__(self, response: requests.Response) -> None:
        self.response = response
        self._lines = response.iter_lines(chunk_size=1)

    def line(self) -> str:
        return str(next(self._lines).decode())

    def rest(self) -> list[str]:
        return [line.decode() for line in self._lines]


@pytest.fixture
def portal(sandbox: Sandbox) -> Iterator[Streaming]:
    with Streaming(sandbox) as served:
        yield served


def raw(portal: Portal, head: bytes) -> bytes:
    """Return all that comes back."""
    with socket.create_connection(("127.0.0.1", portal.port), timeout=PATIENCE_S) as connection:
        connection.sendall(head)
        answer = b""
        while piece := connection.recv(65536):
            answer += piece
        return answer


def test_readers_limits_and_old_http(portal: Streaming) -> None:
    """All of what needs one server: it takes seconds to start."""
    a_reader_that_goes_ends_its_stream(portal)
    whole_questions_fit_into_a_link_and_no_more(portal)
    old_http_has_no_chunks(portal)
    the_others_end_with_the_first_process(portal)


def a_reader_that_goes_ends_its_stream(portal: Streaming) -> None:
    readers = [portal.stream(2) for _ in range(3)]
    assert [reader.line() for reader in readers] == ["0"] * 3
    assert portal.get("/under-way/").text == "3"
    for reader in readers[:2]:
        reader.response.close()
    wait_until(lambda: portal.get("/under-way/").text == "1")
    assert readers[2].line() == "1"
    readers[2].response.close()
    wait_until(lambda: portal.get("/under-way/").text == "0")


def whole_questions_fit_into_a_link_and_no_more(portal: Streaming) -> None:
    assert portal.get(f"/healthz/live?system={'x' * 8000}").status_code == 200
    with suppress(OSError):  # it may close while we still send
        refused = raw(portal, b"GET /healthz/live?" + b"x" * 100_000 + b" HTTP/1.1\r\nHost: a\r\n\r\n")
        assert not refused or refused.startswith(b"HTTP/1.1 414")
    assert portal.get("/healthz/live").status_code == 200


def old_http_has_no_chunks(portal: Streaming) -> None:
    head, _, body = raw(portal, b"GET /stream/100/ HTTP/1.0\r\nHost: 127.0.0.1\r\n\r\n").partition(b"\r\n\r\n")

    assert head.startswith(b"HTTP/1.0 200")
    assert b"transfer-encoding" not in head.lower()
    assert body == b"".join(b"%d\n" % number for number in range(100))


def the_others_end_with_the_first_process(portal: Streaming) -> None:
    others = portal.first.children(recursive=True)
    portal.first.kill()
    wait_until(lambda: not any(each.is_running() for each in others), PATIENCE_S)


def test_shutdown_waits_for_streams_and_ends_the_rest(sandbox: Sandbox) -> None:
    with Streaming(sandbox, WEB_LEAVING_S="2", WEB_GRACE_S="20", WEB_PROCESSES="2") as portal:
        short, long = portal.stream(150), portal.stream(1)
        assert (short.line(), long.line()) == ("0", "0")
        processes = [portal.first, *portal.first.children()]

        portal.first.send_signal(signal.SIGTERM)
        wait_until(lambda: portal.get("/healthz/ready").text == '{"state": "leaving"}')
        assert portal.get("/account/login/").status_code == 200
        wait_until(lambda: not is_listening(portal.port))

        assert short.rest() == [str(number) for number in range(1, 150)]
        assert long.rest() == ["interrupted"]
        _, alive = psutil.wait_procs(processes, PATIENCE_S)
        assert not alive
        assert portal._process
        assert portal._process.wait() == 0
