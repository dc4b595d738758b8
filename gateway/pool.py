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
from typing import cast

import requests
from requests.adapters import HTTPAdapter
from urllib3 import HTTPConnectionPool, HTTPSConnectionPool, ProxyManager
from urllib3.connection import HTTPConnection, HTTPSConnection

POOL_SIZE = 512  # connections kept; more are made when more streams run, and closed after
_LINE_END = 2  # bytes between two chunks
_BUFFER_BYTES = 32 * 1024  # what is read at once; used as far as it is filled
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

    @contextmanager
    def unwaited(self) -> Iterator[int | None]:
        """Let `take` read in this block, and tell the descriptor; None where it could not: no chunks, or compressed."""
        with self._lock:
            sock, response = self._socket, self._response
        is_plain = response and response.chunked and response.headers.get("Content-Encoding", "identity") == "identity"
        if sock is None or not is_plain:
            yield None
            return
        timeout_s = sock.gettimeout()
        sock.settimeout(0)
        try:
            yield sock.fileno()
        finally:
            with suppress(OSError):  # closed meanwhile
                sock.settimeout(timeout_s)

    def take(self) -> bytes | None:
        """Return what has come, b"" if nothing has; None where one must wait to know what it is. In `unwaited` only."""
        with self._lock:
            sock, response = self._socket, self._response
        return response.take(sock) if sock and isinstance(response, _Response) else None

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


def _is_silent(sock: socket.socket) -> bool:
    """Tell whether a socket that does not wait, and had nothing to read, is merely silent and not at its end."""
    if isinstance(sock, ssl.SSLSocket):
        return False  # says so itself, by SSLWantReadError
    try:
        sock.recv(1, socket.MSG_PEEK)
    except BlockingIOError:
        return True
    except OSError:
        pass
    return False


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
        self.fp.close()
        self.fp = cast("BufferedReader", sock.makefile("rb", _BUFFER_BYTES))
        if interrupter := _watching.get():
            interrupter.watch(sock, self)

    def read1(self, n: int = -1) -> bytes:
        """Return what is at hand, of many chunks at once where it can: a stream has one for each token."""
        file: BufferedReader | None = self.fp
        if file is None or not self.chunked or self.chunk_left:
            return super().read1(n)
        at_hand = file.peek()
        whole = self._whole(file, at_hand) if n < 0 or len(at_hand) <= n else b""
        return whole or super().read1(n)

    def take(self, sock: socket.socket) -> bytes | None:
        """Return whole chunks from a socket that does not wait; b"" if nothing has come, None if something else has."""
        file: BufferedReader | None = self.fp
        if file is None or file.closed or not self.chunked or self.chunk_left:
            return None
        try:
            at_hand = file.peek()
        except ssl.SSLWantReadError:
            return b""  # a part of a record, or one without data
        except OSError:
            return None  # what broke shows when it is read
        if not at_hand:
            return b"" if _is_silent(sock) else None
        return self._whole(file, at_hand) or None

    def _whole(self, file: BufferedReader, at_hand: bytes) -> bytes:
        """Read the chunks that lie whole in the buffer: none of a part of one, the last one, one with an extension."""
        parts, used = _whole_chunks(at_hand, _LINE_END if self.chunk_left == 0 else 0)
        if parts:
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

    def proxy_manager_for(self, proxy: str, **options: object) -> ProxyManager:
        manager: ProxyManager = super().proxy_manager_for(proxy, **options)
        manager.pool_classes_by_scheme = {"http": _Pool, "https": _SecurePool}
        return manager


def new_session(ca_bundle: str | None = None, proxy_url: str | None = None) -> requests.Session:
    """Return a session that threads may share, as nothing in it changes by a call: it keeps no cookies.

    It heeds neither proxies nor ~/.netrc of the environment: they would send secrets elsewhere, or replace them.
    """
    session = requests.Session()
    session.trust_env = False
    session.verify = ca_bundle or True
    session.proxies = {"http": proxy_url, "https": proxy_url} if proxy_url else {}
    session.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))
    session.headers.update({"User-Agent": "passerelle", "Accept": "application/json"})
    for scheme in ("http://", "https://"):
        session.mount(scheme, _Adapter(pool_connections=1, pool_maxsize=POOL_SIZE))
    return session
