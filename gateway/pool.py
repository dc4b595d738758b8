"""The process's connections to the gateway, of which any can be ended from another thread.

A thread that waits in recv() does not notice that another closes the file; shutting the socket down wakes it.
"""

import re
import select
import socket
import ssl
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from http.client import HTTPResponse
from http.cookiejar import DefaultCookiePolicy
from io import BufferedReader

import requests
from requests.adapters import HTTPAdapter
from urllib3 import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.connection import HTTPConnection, HTTPSConnection

POOL_SIZE = 512  # connections kept; more are made when more streams run, and closed after
_LINE_END = 2  # bytes between two chunks
_CHUNK_HEAD = re.compile(rb"([0-9a-fA-F]{1,8})\r\n")


class Interrupter:
    """Ends one exchange from any thread, at whatever stage it is, also before the gateway's first byte."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._socket: socket.socket | None = None
        self._response: HTTPResponse | None = None
        self._poll: select.poll | None = None
        self._fired = False

    def watch(self, sock: socket.socket, response: HTTPResponse | None = None) -> None:
        """Remember the socket on which the exchange waits, and the response that reads from it."""
        with self._lock:
            self._socket, self._response, self._poll = sock, response, None
            if self._fired:
                _shut_down(sock)

    def fire(self) -> None:
        """End the exchange, now or as soon as it starts; again is harmless."""
        with self._lock:
            self._fired = True
            if self._socket is not None:
                _shut_down(self._socket)

    def forget(self) -> None:
        """Let go of the socket: its connection is closed or serves others now."""
        with self._lock:
            self._socket = self._response = self._poll = None

    def readable(self, until: float) -> bool:
        """Tell whether a read would return at once, waiting for that until a time of `monotonic`.

        For the thread that reads. To fire ends the wait, as the end is something to read.
        """
        with self._lock:
            sock, response = self._socket, self._response
            if sock is None or response is None:
                return True
            poll = self._poll = self._poll or _poll_of(sock)
        while not _at_hand(sock, response):
            if not poll.poll(max(0.0, until - time.monotonic()) * 1000):
                return False
            if not isinstance(sock, ssl.SSLSocket) or response.chunk_left == 0:
                return True  # else it may be a part of a record, or one without data
        return True


def _poll_of(sock: socket.socket) -> select.poll:
    poll = select.poll()
    poll.register(sock, select.POLLIN)
    return poll


def _at_hand(sock: socket.socket, response: HTTPResponse) -> bool:
    """Tell whether the response has bytes, or gets some from the socket without waiting, or is at its end."""
    file: BufferedReader | None = response.fp
    if file is None or file.closed:
        return True
    timeout_s = sock.gettimeout()
    sock.settimeout(0)
    try:
        buffered = len(file.peek())
        if buffered <= _LINE_END and response.chunk_left == 0:
            return isinstance(sock, ssl.SSLSocket) and sock.pending() > 0  # the next chunk may not have come yet
        return buffered > 0 or isinstance(sock, ssl.SSLSocket)  # a plain socket has nothing, or is at its end
    except ssl.SSLWantReadError:
        return False
    except OSError:
        return True  # what broke shows when it is read
    finally:
        sock.settimeout(timeout_s)


def _shut_down(sock: socket.socket) -> None:
    """Wake who waits on the socket. Not SSLSocket.shutdown, which would change the TLS state under the reader."""
    with suppress(OSError):  # already closed by the other side
        socket.socket.shutdown(sock, socket.SHUT_RDWR)


_watching: ContextVar[Interrupter | None] = ContextVar("_watching", default=None)


@contextmanager
def interruptible(interrupter: Interrupter) -> Iterator[None]:
    """Let the interrupter watch the exchange that this block begins."""
    before = _watching.set(interrupter)
    try:
        yield
    finally:
        _watching.reset(before)


class _Response(HTTPResponse):
    def __init__(self, sock: socket.socket, debuglevel: int = 0, method: str | None = None) -> None:
        super().__init__(sock, debuglevel, method)
        if interrupter := _watching.get():
            interrupter.watch(sock, self)

    def read1(self, n: int = -1) -> bytes:
        """Return what is at hand, of many chunks at once where it can: a stream has one for each token."""
        file: BufferedReader | None = self.fp
        if file is None or not self.chunked or self.chunk_left:
            return super().read1(n)
        at_hand = file.peek()
        if 0 <= n < len(at_hand):
            return super().read1(n)
        parts, used = _whole_chunks(at_hand, _LINE_END if self.chunk_left == 0 else 0)
        if not parts:  # a part of a chunk, the last one, one with an extension
            return super().read1(n)
        file.read(used)
        self.chunk_left = None  # at the head of the next one
        return b"".join(parts)


def _whole_chunks(raw: bytes, start: int) -> tuple[list[bytes], int]:
    """Return the data of the chunks that lie whole in `raw`, and where the last of them ends."""
    parts: list[bytes] = []
    while head := _CHUNK_HEAD.match(raw, start):
        end = head.end() + int(head[1], 16)
        if end == head.end() or raw[end : end + _LINE_END] != b"\r\n":
            break
        parts.append(raw[head.end() : end])
        start = end + _LINE_END
    return parts, start


class _Connection(HTTPConnection):
    response_class = _Response


class _SecureConnection(HTTPSConnection):
    response_class = _Response


class _Pool(HTTPConnectionPool):
    ConnectionCls = _Connection


class _SecurePool(HTTPSConnectionPool):
    ConnectionCls = _SecureConnection


class _Adapter(HTTPAdapter):
    def init_poolmanager(self, *args: object, **kwargs: object) -> None:
        super().init_poolmanager(*args, **kwargs)  # type: ignore[arg-type]  # passed on as requests gives them
        self.poolmanager.pool_classes_by_scheme = {"http": _Pool, "https": _SecurePool}


def new_session(ca_bundle: str | None = None) -> requests.Session:
    """Return a session that threads may share, as nothing in it changes by a call: it keeps no cookies.

    It heeds neither proxies nor ~/.netrc of the environment: they would send secrets elsewhere, or replace them.
    """
    session = requests.Session()
    session.trust_env = False
    session.verify = ca_bundle or True
    session.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))
    session.headers.update({"User-Agent": "passerelle", "Accept": "application/json"})
    for scheme in ("http://", "https://"):
        session.mount(scheme, _Adapter(pool_connections=1, pool_maxsize=POOL_SIZE))
    return session
