"""Carries streams to browsers: one thread for all of the process, while the thread of each request sleeps.

Hundreds of threads that each wake for a few tokens keep Python's interpreter lock busy: a page that somebody opens then
waits for it after each exchange with the database. One thread does the same work at a third of the cost, and whoever
computes anything else has a single one to compete with.

It writes into the browser's connection itself, in the framing of HTTP/1.1, and never waits: what does not fit goes back
to the request's own thread, as does everything but the flow itself: the end, errors, silence.
"""

import os
import select
import socket
import threading
import time
from collections import OrderedDict, deque
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Final, Protocol, Self

from django.http import HttpRequest

from web.per_process import PerProcess

CAN_LOOP: Final = hasattr(os, "eventfd") and hasattr(select, "epoll")
JOIN_S: Final = 0.04  # pause between two rounds: what comes within it is sent together (docs/design.md)
MOST_JOIN_S: Final = 0.5
PATIENCE: Final = 3  # times as long as a round took it pauses, so that others find their turn
IDLE_S: Final = 1.0  # a stream that is silent for so long waits in its own thread


class BrowserGone(Exception):
    """The browser's connection takes nothing more."""


class Source(Protocol):
    """What a stream comes from. Everything here is called by the loop, and must not wait."""

    def fileno(self) -> int:
        """Return the descriptor that is readable when something has come."""

    def take(self) -> tuple[bytes, bool]:
        """Return what has come, as the browser is to have it, and whether more of it can be taken so."""


@dataclass(slots=True, eq=False)
class _Flow:
    source: Source
    outlet: "Outlet"
    over: threading.Event = field(default_factory=threading.Event)
    heard: float = 0.0
    rest: bytes = b""  # what the browser did not take
    error: Exception | None = None


class Outlet:
    """The browser's connection of one request."""

    def __init__(self, connection: socket.socket, *, chunked: bool) -> None:
        self._socket = connection
        self._chunked = chunked

    @classmethod
    def of(cls, request: HttpRequest) -> Self | None:
        """Return the connection where one can write to it past the server: gunicorn's, not encrypted, HTTP/1."""
        given, protocol = request.META.get("gunicorn.socket"), request.META.get("SERVER_PROTOCOL")
        if type(given) is not socket.socket or protocol not in ("HTTP/1.0", "HTTP/1.1") or not CAN_LOOP:
            return None
        return cls(given, chunked=protocol == "HTTP/1.1")

    def carry(self, source: Source) -> None:
        """Send what comes from `source`; return when it ends, falls silent or fails, to be looked at by the caller.

        For a response without a length that has begun. Raises BrowserGone, and whatever `source` raised.
        """
        flow = _Flow(source, self)
        _loop().add(flow)
        flow.over.wait()
        if flow.error:
            raise flow.error
        try:
            self._socket.sendall(flow.rest)  # waits, as the server itself would
        except OSError as error:
            raise BrowserGone from error

    def send(self, data: bytes) -> bytes:
        """Send without waiting; return what did not fit, as it is to be sent. Raises BrowserGone."""
        if self._chunked:
            data = b"%X\r\n%b\r\n" % (len(data), data)
        try:
            return data[self._socket.send(data, socket.MSG_DONTWAIT) :]
        except BlockingIOError:
            return data
        except OSError as error:
            raise BrowserGone from error


class _Loop:
    def __init__(self) -> None:
        self._epoll = select.epoll()
        self._bell = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)
        self._epoll.register(self._bell, select.EPOLLIN)
        self._new: deque[_Flow] = deque()
        self._flows: OrderedDict[int, _Flow] = OrderedDict()  # by descriptor; who was heard last is last
        threading.Thread(target=self._run, name="streams", daemon=True).start()

    def add(self, flow: _Flow) -> None:
        self._new.append(flow)
        os.eventfd_write(self._bell, 1)

    def _run(self) -> None:
        while True:
            readable = self._epoll.poll(IDLE_S if self._flows else None)
            began = time.monotonic()
            for descriptor, _ in readable:
                if descriptor == self._bell:
                    os.eventfd_read(self._bell)
                elif flow := self._flows.get(descriptor):
                    self._move(descriptor, flow, began)
            self._let_in(began)
            self._let_go_of_the_silent(began)
            time.sleep(min(MOST_JOIN_S, max(JOIN_S, PATIENCE * (time.monotonic() - began))))

    def _let_in(self, now: float) -> None:
        while self._new:
            flow = self._new.popleft()
            flow.heard = now
            try:
                descriptor = flow.source.fileno()
                self._epoll.register(descriptor, select.EPOLLIN)
            except Exception as error:  # noqa: BLE001  (raised again in its own thread; the others go on)
                flow.error = error
                flow.over.set()
            else:
                self._flows[descriptor] = flow
                self._move(descriptor, flow, now)  # something may lie in buffers already

    def _move(self, descriptor: int, flow: _Flow, now: float) -> None:
        """Carry what has come of one stream."""
        goes_on = False
        try:
            data, goes_on = flow.source.take()
            if data:
                flow.rest = flow.outlet.send(data)
                flow.heard = now
                self._flows.move_to_end(descriptor)
        except Exception as error:  # noqa: BLE001  (as above)
            flow.error = error
        if flow.rest or flow.error or not goes_on:
            self._let_go(descriptor)

    def _let_go_of_the_silent(self, now: float) -> None:
        while self._flows:
            descriptor, flow = next(iter(self._flows.items()))
            if flow.heard + IDLE_S > now:
                return
            self._let_go(descriptor)

    def _let_go(self, descriptor: int) -> None:
        flow = self._flows.pop(descriptor)
        with suppress(OSError):  # closed with the end of the exchange, and so gone from here
            self._epoll.unregister(descriptor)
        flow.over.set()


_loop = PerProcess(_Loop)
