"""Sending to addresses that people typed: which are allowed, and how long and how much is read."""

import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.certificates import certificate_and_key
from web.outside import MAX_BYTES, SendingFailed, is_allowed_url, is_public, post

INTERNAL = ("127.0.0.1", "localhost")


def test_private_addresses_are_not_public() -> None:
    private = [
        *("127.0.0.1", "10.0.0.1", "172.16.0.1", "192.168.1.1", "169.254.169.254", "100.64.0.1", "0.0.0.0"),
        *("224.0.0.1", "255.255.255.255", "192.0.2.1", "::1", "::", "fe80::1", "fe80::1%eth0", "fc00::1", "ff02::1"),
        *("::ffff:127.0.0.1", "::ffff:10.0.0.1", "64:ff9b::a00:1", "2002:a00:1::1", "2001:0:a00:1::1"),
        *("64:ff9b:1::a00:1", "::ffff:0:a00:1", "::a00:1", "fec0::1", "5f00::1"),
    ]
    assert [address for address in private if is_public(address)] == []
    assert all(is_public(address) for address in ("8.8.8.8", "2606:4700:4700::1111", "::ffff:8.8.8.8"))


def test_only_https_is_allowed_and_http_to_named_hosts() -> None:
    allowed = ["https://example.org", "https://example.org:8443/x?y", "http://127.0.0.1:80/x"]
    refused = [
        *("http://example.org/", "ftp://example.org", "file:///etc/passwd", "https://", "https://a b/", "", "https:x"),
        *("https://me:pass@example.org/", "https://example.org:99999/", "https://exämple.org", "https://x/\r\nA: b"),
        "https://[::1",
    ]
    assert all(is_allowed_url(url, internal_hosts=INTERNAL) for url in allowed)
    assert [url for url in refused if is_allowed_url(url, internal_hosts=INTERNAL)] == []


@pytest.mark.parametrize(
    ("url", "code"),
    [
        ("https://127.0.0.1/", "private"),
        ("https://localhost/", "private"),
        ("https://[::1]/", "private"),
        ("http://example.org/", "address"),
    ],
)
def test_refuses_private_hosts_that_are_not_named(url: str, code: str) -> None:
    with pytest.raises(SendingFailed) as failure:
        post(url, b"", {}, internal_hosts=())
    assert failure.value.code == code


@contextmanager
def answering(answer: Callable[[socket.socket], None], context: ssl.SSLContext | None = None) -> Iterator[str]:
    """Answer one connection, with TLS where there is a context; return the address."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            connection, _address = server.accept()
            with connection:
                try:
                    stream = context.wrap_socket(connection, server_side=True) if context else connection
                    stream.recv(65536)
                    answer(stream)
                except OSError:
                    return

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{server.getsockname()[1]}/"
        thread.join(5)


def test_a_long_answer_is_cut() -> None:
    with answering(lambda sock: sock.sendall(b"HTTP/1.1 200 OK\r\n\r\n" + b"x" * 10 * MAX_BYTES)) as url:
        reply = post(url, b"{}", {}, internal_hosts=INTERNAL)
    assert (reply.status, len(reply.text)) == (200, MAX_BYTES)


@pytest.mark.parametrize("piece", [b"", b"HTTP/1.1 200 OK\r\nX: ", b"HTTP/1.1 200 OK\r\nContent-Length: 9999\r\n\r\n"])
def test_an_answer_without_end_is_ended(piece: bytes) -> None:
    over = threading.Event()

    def drip(sock: socket.socket) -> None:
        sock.sendall(piece)
        while not over.wait(0.05):
            sock.sendall(b"x" if piece else b"")

    with answering(drip) as url:
        began = time.monotonic()
        with pytest.raises(SendingFailed) as failure:
            post(url, b"{}", {}, internal_hosts=INTERNAL, total_s=0.5)
        assert failure.value.code == "timeout"
        assert time.monotonic() - began < 5
        over.set()


def test_a_certificate_of_nobody_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "both.pem"
    file.write_bytes(certificate_and_key())
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(file)
    with answering(lambda sock: None, context) as url, pytest.raises(SendingFailed) as failure:
        post(url.replace("http:", "https:"), b"{}", {}, internal_hosts=INTERNAL)
    assert failure.value.code == "certificate"


@pytest.mark.parametrize(
    "nonsense", [b"", b"hello\r\n\r\n", b"HTTP/1.1 abc\r\n\r\n", b"HTTP/1.1 200 OK\r\n" + b"A: b\r\n" * 500]
)
def test_what_is_no_http_is_a_failure(nonsense: bytes) -> None:
    with answering(lambda sock: sock.sendall(nonsense)) as url, pytest.raises(SendingFailed) as failure:
        post(url, b"{}", {}, internal_hosts=INTERNAL)
    assert failure.value.code == "connection"
