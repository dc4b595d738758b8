"""One HTTP exchange with the gateway: authorised, limited in time and size, its failures mapped to our errors."""

import logging
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import urlsplit

import requests
from requests.auth import AuthBase

from gateway import parsing, tracing
from gateway.errors import (
    GatewayAdminKeyRefused,
    GatewayError,
    GatewayKeyRefused,
    GatewayRejected,
    GatewayUnavailable,
)
from gateway.failures import log_failure, mapped
from gateway.headers import correlation_headers, headers_from, note_call
from gateway.observed import Observe, observed
from gateway.outgoing import is_sendable, json_body, sendable
from gateway.pool import Interrupter, interruptible, new_session
from gateway.refusals import error_from
from gateway.secret import Secret, redact, scrub
from gateway.types import Headers

logger = logging.getLogger(__name__)

READ_BYTES: Final = 2**16  # at most, at once
MAX_ANSWER_BYTES: Final = 64 * 2**20  # a page of activity has 4 MB
ANSWER_DEADLINE_FACTOR: Final = 1.25  # times the read timeout, for a complete answer: a gateway may send very slowly
SHORTEST_S: Final = 0.01  # for each attempt: sockets accept no time-out of zero

Waiting = Callable[[], AbstractContextManager[None]]

NOBODY: Final = Secret("")  # for routes without a key


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """A successful answer: parsed JSON, with numbers as int or Decimal."""

    body: object = field(repr=False)  # may hold a secret
    headers: Headers
    took_s: float


@dataclass(frozen=True, slots=True)
class _Bearer(AuthBase):
    secret: Secret

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        if self.secret:
            request.headers["Authorization"] = f"Bearer {self.secret}"
        return request


class Transport:
    """Makes the calls. Threads may share it; a forked process must make its own."""

    def __init__(
        self,
        base_url: str,
        admin_key: str,
        *,
        connect_timeout_s: float,
        read_timeout_s: float,
        call_timeout_s: float,
        retry_pauses_s: Sequence[float],
        ca_bundle: str | None,
        proxy_url: str | None,
        waiting: Waiting,
        observe: Observe,
    ) -> None:
        parts = urlsplit(base_url)
        if parts.scheme not in ("http", "https") or not parts.hostname or parts.username or parts.query:
            raise ValueError("The address of the gateway must look like https://gateway.example.edu/prefix")
        if not is_sendable(admin_key):
            raise ValueError("The portal's own key has spaces, line ends or other characters that no key has.")
        self.base_url = base_url.rstrip("/")
        self.connect_timeout_s = connect_timeout_s
        self.read_timeout_s = read_timeout_s
        self.call_timeout_s = call_timeout_s
        self.retry_pauses_s = retry_pauses_s
        self._waiting = waiting
        self._observe = observe
        self._admin_key = Secret(admin_key)
        self._session = new_session(ca_bundle, proxy_url)

    def close(self) -> None:
        """Close the idle connections."""
        self._session.close()

    def get(
        self,
        path: str,
        query: Mapping[str, str | int] | None = None,
        *,
        secret: Secret | None = None,
        read_timeout_s: float | None = None,
        retry: bool = True,
        max_bytes: int = MAX_ANSWER_BYTES,
    ) -> Answer:
        """GET, as admin unless a secret is given. Retried when the gateway is unavailable, not when it is slow."""
        until = self._deadline(read_timeout_s)
        pauses = iter(self.retry_pauses_s if retry else ())
        while True:
            with self._waiting():
                try:
                    return self._call(
                        "GET",
                        path,
                        query=query,
                        secret=secret,
                        read_timeout_s=read_timeout_s,
                        until=until,
                        max_bytes=max_bytes,
                    )
                except GatewayUnavailable as error:
                    pause_s = next(pauses, None)
                    if pause_s is None or error.timed_out or time.monotonic() + pause_s >= until:
                        raise
                time.sleep(pause_s)

    def post(
        self,
        path: str,
        body: Mapping[str, object],
        *,
        secret: Secret | None = None,
        read_timeout_s: float | None = None,
    ) -> Answer:
        """POST, as admin unless a secret is given. Never retried; a failure is logged, with the id of our request."""
        with self._waiting():
            until = self._deadline(read_timeout_s)
            try:
                return self._call("POST", path, body=body, secret=secret, read_timeout_s=read_timeout_s, until=until)
            except GatewayError as error:
                log_failure("POST", path, error)
                raise

    def _deadline(self, read_timeout_s: float | None) -> float:
        """Return when (`monotonic`) a call must have ended as a whole; one with its own read timeout gets more."""
        most_s = (read_timeout_s or self.read_timeout_s) * ANSWER_DEADLINE_FACTOR + self.connect_timeout_s
        return time.monotonic() + (min(most_s, self.call_timeout_s) if read_timeout_s is None else most_s)

    def _call(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, str | int] | None = None,
        body: Mapping[str, object] | None = None,
        secret: Secret | None,
        read_timeout_s: float | None,
        until: float,
        max_bytes: int = MAX_ANSWER_BYTES,
    ) -> Answer:
        """Exchange request and answer, or raise a GatewayError."""
        began = time.monotonic()
        left_s = max(until - began, SHORTEST_S)
        timeout_s = min(read_timeout_s or self.read_timeout_s, left_s)
        with tracing.span(f"{method} {scrub(path)}"), observed(self._observe, path), _ended_after(left_s):
            response = self.open(method, path, query=query, body=body, secret=secret, read_timeout_s=timeout_s)
            with response:
                kind = redact(response.headers.get("Content-Type", "an answer without a type"))[:100]
                body_told = parsing.load(_read(response, deadline=until, max_bytes=max_bytes), kind)
        return Answer(body=body_told, headers=headers_from(response.headers), took_s=time.monotonic() - began)

    def open(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, str | int] | None = None,
        body: Mapping[str, object] | None = None,
        secret: Secret | None = None,
        read_timeout_s: float,
    ) -> requests.Response:
        """Return a response of status 200 whose body is still to be read, and to be closed by the caller."""
        key = self._admin_key if secret is None else sendable(secret)
        response = mapped(
            lambda: self._session.request(
                method,
                self.base_url + path,
                params=query,
                data=None if body is None else json_body(body),
                headers=correlation_headers() | ({} if body is None else {"Content-Type": "application/json"}),
                auth=_Bearer(key),
                timeout=(min(self.connect_timeout_s, read_timeout_s), read_timeout_s),
                allow_redirects=False,
                stream=True,
            )
        )
        note_call(response.headers)
        if response.status_code == 200:
            return response
        with response:
            error = self._refusal(response, key)
        if secret is None:
            error = _of_the_portal(error)
        error.headers = headers_from(response.headers)
        raise error

    def _refusal(self, response: requests.Response, key: Secret) -> GatewayError:
        """Read the error that was sent in place of an answer."""
        body: object = None
        with suppress(GatewayUnavailable):  # cut, or no JSON: the status is all that we have
            body = parsing.load(_read(response, deadline=time.monotonic() + self.read_timeout_s), "it")
        return error_from(response.status_code, body, key, retry_after_s=headers_from(response.headers).retry_after_s)


@contextmanager
def _ended_after(seconds: float) -> Iterator[None]:
    """End the exchange of this block after so long, whatever it waits for: header, body, or single slow bytes."""
    interrupter = Interrupter()
    timer = threading.Timer(seconds, interrupter.fire)
    timer.daemon = True
    began = time.monotonic()
    timer.start()
    try:
        with interruptible(interrupter):
            yield
    except GatewayUnavailable as error:
        if time.monotonic() - began < seconds or not error.may_have_happened:
            raise
        raise GatewayUnavailable("The gateway takes too long to finish its answer.", timed_out=True) from None
    finally:
        timer.cancel()
        interrupter.forget()


def _read(response: requests.Response, *, deadline: float, max_bytes: int = MAX_ANSWER_BYTES) -> bytes:
    """Read a whole body, limited in size and time: with a read timeout alone a slow gateway could take for ever."""
    chunks: list[bytes] = []
    size = 0
    while chunk := mapped(lambda: response.raw.read1(READ_BYTES, decode_content=True)):
        chunks.append(chunk)
        size += len(chunk)
        if size > max_bytes:
            raise parsing.not_understood("it does not end")
        if time.monotonic() > deadline:
            raise GatewayUnavailable("The gateway takes too long to finish its answer.", timed_out=True)
    return b"".join(chunks)


def _of_the_portal(error: GatewayError) -> GatewayError:
    """Return the error of a call with the portal's own key as people may read it.

    LiteLLM's sentence about a key that it refuses carries that key's hash and last four characters.
    """
    if isinstance(error, GatewayKeyRefused):
        reported = scrub(error.message)
        logger.error("the gateway does not accept the portal's own key (GATEWAY_ADMIN_KEY): %s", reported)
        return GatewayAdminKeyRefused(
            "The gateway does not accept the portal's own key.", status=error.status, reported=reported
        )
    if isinstance(error, GatewayRejected):
        error.message = scrub(error.message)
        error.args = (error.message,)
    return error
