"""gunicorn's worker with threads, which slow clients cannot occupy.

gunicorn gives a thread to each connection before anything has come, lets it wait for head and body as long as the
client likes, and stops the whole process for up to two seconds to close a connection that the client keeps open. Here a
silent connection waits without a thread, a slow one has a limited time (slow_requests.py), and closing never blocks.
TLS that ends here is left as gunicorn has it.
"""

import select
import socket
import time
from collections import deque
from functools import partial
from selectors import EVENT_READ
from typing import Any, Final

from django.conf import settings
from gunicorn.workers.gthread import TConn, ThreadWorker

from web.slow_requests import SlowRequests, TimedSocket

LINGER_S: Final = 2.0  # what a client may still send before the connection is closed, so that it sees the whole answer


class Connection(TConn):  # type: ignore[misc]  # gunicorn has no types
    """A connection whose requests are read by a TimedSocket."""

    worker: "Worker"
    reads: TimedSocket | None = None

    def init(self) -> None:
        """Put the TimedSocket where the parser reads."""
        super().init()
        if self.reads is None and not self.cfg.is_ssl and not self.is_http2:
            address = self.client[0] if isinstance(self.client, tuple) else ""
            self.reads = self.parser.unreader.sock = TimedSocket(self.sock, address, self.worker.slow)

    def close(self, graceful: bool = False) -> None:
        """Close the connection; where `graceful`, once the client has seen the end of the answer."""
        if graceful and not self.cfg.is_ssl:
            self.worker.linger(self.sock)
        else:
            super().close(graceful)


class Worker(ThreadWorker):  # type: ignore[misc]  # gunicorn has no types
    """Lets connections wait without a thread until something has come."""

    def init_process(self) -> None:
        """Let slow requests of one address wait in an eighth of the threads, all in half of them.

        Behind a proxy all come from its address.
        """
        limit = max(2, self.cfg.threads // 2)
        share = limit if settings.TRUSTED_PROXY_COUNT else max(2, self.cfg.threads // 8)
        self.slow = SlowRequests(limit=limit, limit_per_address=share)
        self.lingering: deque[tuple[float, socket.socket]] = deque()
        super().init_process()

    def accept(self, listener: Any) -> None:
        """Accept a connection, and wait for its first bytes in the poller."""
        try:
            client, address = listener.accept()
        except OSError:  # another process was faster, or the client has gone
            return
        self.nr_conns += 1
        connection = Connection(self.cfg, client, address, listener.getsockname())
        connection.worker = self
        if self.cfg.is_ssl:
            self.enqueue_req(connection)
            return
        connection.timeout = time.monotonic() + self.cfg.keepalive
        self.pending_conns.append(connection)
        self.poller.register(client, EVENT_READ, partial(self.on_pending_socket_readable, connection))

    def stop_accepting(self) -> None:
        """Take what has connected already, then close the port: who comes now is refused at once, and not left waiting.

        gunicorn would keep the port open until the last answer has ended, and nobody would take what comes to it.
        """
        self.set_accept_enabled(False)
        for listener in self.sockets:
            waiting = select.poll()
            waiting.register(listener, select.POLLIN)
            while waiting.poll(0):
                self.accept(listener)
            listener.close()

    def handle(self, conn: Connection) -> Any:
        """Read a request and answer it."""
        if conn.reads:
            conn.reads.start_request()
        return super().handle(conn)

    def linger(self, client: socket.socket) -> None:
        """End the answer, and close the connection when the client has done so too, or soon."""
        client.setblocking(False)
        try:
            client.shutdown(socket.SHUT_WR)
        except OSError:
            client.close()
            return
        self.nr_conns += 1
        self.lingering.append((time.monotonic() + LINGER_S, client))
        self.poller.register(client, EVENT_READ, self._drain)

    def _drain(self, client: socket.socket) -> None:
        try:
            ended = not client.recv(65536)
        except BlockingIOError:
            return
        except OSError:
            ended = True
        if ended:
            self._close(client)

    def _close(self, client: socket.socket) -> None:
        if client.fileno() >= 0:
            self.poller.unregister(client)
            client.close()
            self.nr_conns -= 1

    def murder_pending(self) -> None:
        """Close what has waited too long: called by gunicorn in each round of its loop."""
        super().murder_pending()
        while self.lingering and (self.lingering[0][0] < time.monotonic() or self.lingering[0][1].fileno() < 0):
            self._close(self.lingering.popleft()[1])
