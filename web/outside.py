"""Sends to addresses that people typed: never to a private one, never further by a redirect, for a bounded time."""

import http.client
import ipaddress
import socket
import ssl
import threading
import time
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Final
from urllib.parse import SplitResult, urlsplit

import certifi

CONNECT_S: Final = 5.0
TOTAL_S: Final = 10.0  # from the connection to the end of the answer
MAX_BYTES: Final = 64 * 1024  # of the answer that are read
_IPV6_OF_THE_INTERNET: Final = ipaddress.ip_network("2000::/3")  # without IPv4 addresses in IPv6, private ones too


class SendingFailed(Exception):
    """There was no answer; `code` says why."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """The answer of a receiver."""

    status: int
    text: str
    took_s: float


def is_allowed_url(url: str, *, internal_hosts: Collection[str]) -> bool:
    """Tell whether a URL can be sent to: https, or http to a host of `internal_hosts`; without a name or password."""
    try:
        parts = urlsplit(url)
        valid = bool(parts.hostname) and parts.port != 0 and "@" not in parts.netloc
    except ValueError:
        return False
    is_internal = parts.hostname in internal_hosts
    printable = url.isascii() and url.isprintable() and " " not in url
    return printable and valid and (parts.scheme == "https" or (parts.scheme == "http" and is_internal))


def is_public(address: str) -> bool:
    """Tell whether an IP address is one of the internet: not of this machine, of a private network, or of a cloud."""
    ip = ipaddress.ip_address(address.partition("%")[0])
    if isinstance(ip, ipaddress.IPv6Address):
        if ip.ipv4_mapped:
            return is_public(str(ip.ipv4_mapped))
        if ip not in _IPV6_OF_THE_INTERNET or ip.sixtofour or ip.teredo:
            return False
    return ip.is_global and not ip.is_multicast


def post(
    url: str, body: bytes, headers: Mapping[str, str], *, internal_hosts: Collection[str], total_s: float = TOTAL_S
) -> Reply:
    """Send a POST and return the answer, whatever its status. Raises SendingFailed.

    The name is resolved once, and the connection goes to the address that was checked: a name that changes in
    between changes nothing.
    """
    if not is_allowed_url(url, internal_hosts=internal_hosts):
        raise SendingFailed("address")
    parts = urlsplit(url)
    began = time.monotonic()
    try:
        address = _resolve(parts, is_internal=parts.hostname in internal_hosts)
        with _Exchange(parts, address, total_s) as exchange:
            status, text = exchange.post(body, headers)
    except ssl.SSLError as error:
        raise SendingFailed("certificate" if isinstance(error, ssl.SSLCertVerificationError) else "tls") from error
    except TimeoutError as error:
        raise SendingFailed("timeout") from error
    except (OSError, http.client.HTTPException, ValueError) as error:
        raise SendingFailed("timeout" if time.monotonic() - began >= total_s else "connection") from error
    return Reply(status=status, text=text, took_s=time.monotonic() - began)


def _resolve(parts: SplitResult, *, is_internal: bool) -> tuple[str, int]:
    """Return the address to connect to. Raises SendingFailed for a name that has a private one, and is not internal."""
    port = parts.port or (443 if parts.scheme == "https" else 80)
    try:
        found = socket.getaddrinfo(parts.hostname, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        raise SendingFailed("name") from error
    addresses = [str(each[4][0]) for each in found]
    if not is_internal and not all(is_public(address) for address in addresses):
        raise SendingFailed("private")
    return addresses[0], port


class _Exchange:
    """One connection, that ends by itself after a time, however slowly the other side sends."""

    def __init__(self, parts: SplitResult, address: tuple[str, int], total_s: float) -> None:
        self._parts = parts
        self._until = time.monotonic() + total_s
        self._sock = socket.create_connection(address, timeout=min(CONNECT_S, total_s))
        self._timer = threading.Timer(total_s, self._abort)

    def __enter__(self) -> "_Exchange":
        self._timer.daemon = True
        self._timer.start()
        return self

    def __exit__(self, *_error: object) -> None:
        self._timer.cancel()
        self._sock.close()

    def post(self, body: bytes, headers: Mapping[str, str]) -> tuple[int, str]:
        """Return status and text of the answer; it is read up to MAX_BYTES."""
        self._sock.settimeout(max(0.1, self._until - time.monotonic()))
        host = str(self._parts.hostname)
        if self._parts.scheme == "https":
            context = ssl.create_default_context(cafile=certifi.where())
            context.load_default_certs()
            self._sock = context.wrap_socket(self._sock, server_hostname=host, do_handshake_on_connect=False)
            self._sock.do_handshake()
        connection = http.client.HTTPConnection(host)
        connection.sock = self._sock
        path = f"{self._parts.path or '/'}{'?' if self._parts.query else ''}{self._parts.query}"
        connection.request("POST", path, body, {"Host": self._parts.netloc, "Connection": "close", **headers})
        with connection.getresponse() as answer:  # which keeps the socket open
            text = answer.read(MAX_BYTES).decode(errors="replace")
        if time.monotonic() >= self._until:  # what there is may be the beginning of an answer
            raise TimeoutError
        return answer.status, text

    def _abort(self) -> None:
        """End the connection, whatever waits for it: reads return, and fail."""
        try:
            socket.socket.shutdown(self._sock, socket.SHUT_RDWR)
        except OSError:
            return
