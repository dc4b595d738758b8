"""Slow and stalled clients occupy nothing that others need."""

import socket
import time
from collections.abc import Iterator

import pytest
import requests

from tests.browser.portal_process import Portal
from tests.sandbox_process import Sandbox

PAGE = "/account/login/"
HEAD = b"POST /account/login/ HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/x-www-form-urlencoded\r\n"
KINDS = {
    "a body that never comes": HEAD + b"Content-Length: 500\r\n\r\nlogin=a",
    "chunks that never end": HEAD + b"Transfer-Encoding: chunked\r\n\r\n5\r\nlogin\r\n",
    "a head that never ends": HEAD,
    "nothing at all": b"",
    "an answer after which they do not hang up": b"GET /healthz/live HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
}
PAGE_S = 4.0  # it was 40; a busy machine takes longer for any page


class ServedPortal(Portal):
    """Two processes."""

    def __init__(self, gateway: Sandbox) -> None:
        super().__init__(gateway, DEBUG="1", WEB_PROCESSES="2", WEB_THREADS="8")

    def prepare(self) -> None:
        """Need nothing: with DEBUG, static files need not be collected."""


@pytest.fixture
def portal(transactional_db: None, sandbox: Sandbox) -> Iterator[ServedPortal]:
    with ServedPortal(sandbox) as served:
        yield served


def connect(portal: Portal, data: bytes) -> socket.socket:
    connection = socket.create_connection(("127.0.0.1", portal.port), timeout=30)
    connection.sendall(data)
    return connection


def answer_on(connection: socket.socket) -> bytes:
    answer = b""
    while piece := connection.recv(65536):
        answer += piece
    return answer


def seconds_of_pages(portal: Portal, pages: int = 6) -> float:
    """Return how long the slowest of some pages took."""
    took: list[float] = []
    for _ in range(pages):
        since = time.monotonic()
        assert requests.get(portal.url + PAGE, timeout=60).status_code == 200
        took.append(time.monotonic() - since)
    return max(took)


def test_pages_work_while_three_hundred_clients_stall(portal: ServedPortal) -> None:
    usual_s = seconds_of_pages(portal)
    slow = [connect(portal, start) for start in KINDS.values() for _ in range(60)]

    assert seconds_of_pages(portal) < PAGE_S + 10 * usual_s

    for connection in slow:
        connection.close()


def test_a_form_that_is_too_large_is_refused_while_it_is_sent(portal: ServedPortal) -> None:
    large = connect(portal, HEAD + b"Content-Length: 900000000\r\n\r\n")
    chunked = connect(portal, HEAD + b"Transfer-Encoding: chunked\r\n\r\n")
    piece = b"100000\r\n" + b"x" * 0x100000 + b"\r\n"
    for _ in range(40):
        try:
            chunked.sendall(piece)
        except OSError:  # it has been refused
            break

    assert b"HTTP/1.1 413" in answer_on(large)
    assert b"HTTP/1.1 413" in answer_on(chunked)
    for connection in (large, chunked):
        connection.close()
