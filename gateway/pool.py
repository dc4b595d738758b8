"""The process's connections to the gateway for calls, each of which can be ended from another thread.

A thread that waits in recv() does not notice that another closes the file; shutting the socket down wakes it up.
"""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from http.client import HTTPConnection as PlainConnection
from http.cookiejar import DefaultCookiePolicy

import requests
from requests.adapters import HTTPAdapter
from urllib3 import HTTPConnectionPool, HTTPSConnectionPool, ProxyManager
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.response import HTTPResponse

POOL_SIZE = 64  # connections kept; more are made when more calls run, and closed after


class Interrupter:
    """Ends one exchange from any thread, also before the gateway's first byte."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._socket: socket.socket | None = None
        self._fired = False

    def watch(self, sock: socket.socket) -> None:
        """Remember the socket on which the exchange waits."""
        with self._lock:
            self._socket = sock
            if self._fired:
                _shut_down(sock)

    def fire(self) -> None:
        """End the exchange, now or as soon as it starts; again is harmless."""
        with self._lock:
            self._fired = True
            if self._socket is not None:
                _shut_down(self._socket)

    def forget(self) -> None:
        """Release the socket: its connection is closed, or now serves others."""
        with self._lock:
            self._socket = None


def _shut_down(sock: socket.socket) -> None:
    """Wake up the thread on the socket. Not SSLSocket.shutdown, which would change the TLS state under the reader."""
    with suppress(OSError):  # already closed by the other side
        socket.socket.shutdown(sock, socket.SHUT_RDWR)


_watching: ContextVar[Interrupter | None] = ContextVar("_watching", default=None)


@contextmanager
def interruptible(interrupter: Interrupter) -> Iterator[None]:
    """Let the interrupter end the exchange of this block."""
    before = _watching.set(interrupter)
    try:
        yield
    finally:
        _watching.reset(before)


class _Connection(HTTPConnection):
    def getresponse(self) -> HTTPResponse:  # type: ignore[override]  # as in urllib3
        _watch(self)
        return super().getresponse()


class _SecureConnection(HTTPSConnection):
    def getresponse(self) -> HTTPResponse:  # type: ignore[override]  # as in urllib3
        _watch(self)
        return super().getresponse()


def _watch(connection: PlainConnection) -> None:
    if interrupter := _watching.get():
        interrupter.watch(connection.sock)


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
    """Return a session that threads may share, as no call changes it: it stores no cookies.

    It ignores proxies and ~/.netrc of the environment: they would send secrets elsewhere, or replace them.
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
