"""One HTTP exchange with the gateway: authorised, bounded in time and size, its failures mapped.

Exceptions of requests and urllib3 end here, unchained, since their frames hold headers with secrets.
"""

import http.client
import json
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Final
from urllib.parse import urlsplit

import requests
import urllib3
from requests.auth import AuthBase

from gateway import reading
from gateway.errors import GatewayError, GatewayKeyRefused, GatewayRejected, GatewayUnavailable
from gateway.headers import headers_from
from gateway.pool import new_session
from gateway.refusals import error_from
from gateway.secret import Secret, redact
from gateway.types import Headers

RETRY_PAUSES_S: Final = (0.1, 0.4)  # before each further attempt of a GET
MAX_ANSWER_BYTES: Final = 64 * 2**20  # a page of activity has 4 MB
ANSWER_DEADLINE_FACTOR: Final = 4  # times the read timeout, for a gateway that trickles

NOBODY: Final = Secret("")  # for routes that are open to all

_FAILURES: Final = (
    requests.RequestException,
    urllib3.exceptions.HTTPError,
    http.client.HTTPException,
    OSError,
    UnicodeError,
)
_NEVER_ARRIVED: Final = (
    urllib3.exceptions.NewConnectionError,  # refused, no such host
    urllib3.exceptions.ConnectTimeoutError,
    urllib3.exceptions.SSLError,
    urllib3.exceptions.LocationValueError,
)


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
        self, base_url: str, admin_key: str, *, connect_timeout_s: float, read_timeout_s: float, ca_bundle: str | None
    ) -> None:
        parts = urlsplit(base_url)
        if parts.scheme not in ("http", "https") or not parts.hostname or parts.username or parts.query:
            raise ValueError("The address of the gateway must look like https://gateway.example.edu/prefix")
        self.base_url = base_url.rstrip("/")
        self.connect_timeout_s = connect_timeout_s
        self.read_timeout_s = read_timeout_s
        self._admin_key = Secret(admin_key)
        self._session = new_session(ca_bundle)

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
    ) -> Answer:
        """Read, as admin unless a secret is given. Tried again twice when the gateway is away, not when it is slow."""
        pauses = iter(RETRY_PAUSES_S if retry else ())
        while True:
            try:
                return self._call("GET", path, query=query, secret=secret, read_timeout_s=read_timeout_s)
            except GatewayUnavailable as error:
                pause_s = next(pauses, None)
                if pause_s is None or error.timed_out:
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
        """Do, as admin unless a secret is given. Never tried again."""
        return self._call("POST", path, body=body, secret=secret, read_timeout_s=read_timeout_s)

    def _call(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, str | int] | None = None,
        body: Mapping[str, object] | None = None,
        secret: Secret | None,
        read_timeout_s: float | None,
    ) -> Answer:
        """Exchange request and answer, or raise a GatewayError."""
        timeout_s = read_timeout_s or self.read_timeout_s
        began = time.monotonic()
        response = self.open(method, path, query=query, body=body, secret=secret, read_timeout_s=timeout_s)
        with mapped_failures(), response:
            raw = _read(response, deadline=began + timeout_s * ANSWER_DEADLINE_FACTOR)
        return Answer(
            body=parsed(response, raw), headers=headers_from(response.headers), took_s=time.monotonic() - began
        )

    def open(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, str | int] | None = None,
        body: Mapping[str, object] | None = None,
        secret: Secret | None = None,
        read_timeout_s: float,
        headers: Mapping[str, str] | None = None,
    ) -> requests.Response:
        """Return a response of status 200 whose body is still to be read, and to be closed by the caller."""
        key = self._admin_key if secret is None else _sendable(secret)
        data = None if body is None else _json(body)
        with mapped_failures():
            response = self._session.request(
                method,
                self.base_url + path,
                params=query,
                data=data,
                headers={**(headers or {}), **({"Content-Type": "application/json"} if data is not None else {})},
                auth=_Bearer(key),
                timeout=(self.connect_timeout_s, read_timeout_s),
                allow_redirects=False,
                stream=True,
            )
        if response.status_code == 200:
            return response
        with response:
            raise self._refusal(response, key)

    def _refusal(self, response: requests.Response, key: Secret) -> GatewayError:
        """Read the error that came instead of an answer."""
        body: object
        try:
            with mapped_failures():
                body = reading.load(_read(response, deadline=time.monotonic() + self.read_timeout_s))
        except (GatewayUnavailable, ValueError):
            body = None
        return error_from(response.status_code, body, key, retry_after_s=headers_from(response.headers).retry_after_s)


def parsed(response: requests.Response, raw: bytes) -> object:
    """Parse a body, or say what came in place of JSON."""
    try:
        return reading.load(raw)
    except ValueError:
        kind = redact(response.headers.get("Content-Type", "nothing"))[:100]
        raise reading.not_understood(f"{kind} that is not JSON") from None


def _read(response: requests.Response, *, deadline: float) -> bytes:
    """Read a whole body, bounded in size and time: a read timeout alone lets a gateway trickle for ever."""
    chunks: list[bytes] = []
    size = 0
    for chunk in response.iter_content(2**16):
        chunks.append(chunk)
        size += len(chunk)
        if size > MAX_ANSWER_BYTES:
            raise reading.not_understood("it does not end")
        if time.monotonic() > deadline:
            raise GatewayUnavailable("The gateway takes too long to finish its answer.", timed_out=True)
    return b"".join(chunks)


@contextmanager
def mapped_failures() -> Iterator[None]:
    """Turn whatever HTTP libraries raise into GatewayUnavailable, with nothing chained to it."""
    try:
        yield
    except _FAILURES as failure:
        error = _unavailable(failure)
    else:
        return
    raise error


def _unavailable(failure: BaseException) -> GatewayUnavailable:
    cause = _cause(failure)
    if isinstance(cause, _NEVER_ARRIVED):
        said = redact(str(cause)).rpartition(": ")[2]
        return GatewayUnavailable(f"The gateway cannot be reached: {said}", may_have_happened=False)
    if isinstance(failure, requests.Timeout | TimeoutError) or isinstance(cause, urllib3.exceptions.TimeoutError):
        return GatewayUnavailable("The gateway takes too long to answer.", timed_out=True)
    return GatewayUnavailable(f"The connection to the gateway broke ({type(cause).__name__}).")


def _cause(failure: BaseException) -> BaseException:
    """Find urllib3's reason inside what requests wraps around it."""
    inner = failure.args[0] if failure.args else None
    if isinstance(inner, urllib3.exceptions.MaxRetryError):
        return inner.reason or inner
    return inner if isinstance(inner, urllib3.exceptions.HTTPError) else failure


def _sendable(secret: Secret) -> Secret:
    """Refuse here what can be no key and would break the header: spaces, line ends, letters beyond ASCII."""
    if not secret or (secret.isascii() and secret.isprintable() and " " not in secret):
        return secret
    error = GatewayKeyRefused("A key has only letters, digits, - and _.", type="malformed_key")
    error.reason = "unknown"
    raise error


def _json(body: Mapping[str, object]) -> bytes:
    try:
        return json.dumps(body, default=_plain, allow_nan=False).encode()
    except (TypeError, ValueError, RecursionError):
        raise GatewayRejected("The request cannot be written as JSON.", type="unsendable") from None


def _plain(value: object) -> float:
    """Write money as JSON numbers, as LiteLLM reads it."""
    if isinstance(value, Decimal):
        return float(value)
    raise TypeError
