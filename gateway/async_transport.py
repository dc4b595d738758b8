"""Streams of the gateway on an event loop: one aiohttp session for each loop, whose connections are reused."""

import asyncio
import io
import ssl
from collections.abc import Mapping
from contextlib import suppress
from functools import cached_property
from typing import Final
from weakref import WeakKeyDictionary

import aiohttp
import certifi
from yarl import URL

from gateway import parsing, tracing
from gateway.async_failures import mapped_async
from gateway.errors import GatewayError, GatewayUnavailable
from gateway.failures import log_failure
from gateway.headers import correlation_headers, headers_from, note_call
from gateway.observed import Observe, ignore, observed
from gateway.outgoing import json_body, sendable
from gateway.refusals import error_from
from gateway.secret import Secret

IDLE_CONNECTION_S: Final = 4.0  # kept open: shorter than the 5 s of uvicorn, so that none is closed during reuse
MAX_HEADER_BYTES: Final = 2**16
MAX_ERROR_BYTES: Final = 2**20
ERROR_TIMEOUT_S: Final = 30.0  # for the body of an error

_sessions: Final[WeakKeyDictionary[asyncio.AbstractEventLoop, aiohttp.ClientSession]] = WeakKeyDictionary()


class AsyncTransport:
    """Opens streams; they and the calls of `Transport` have the same address, keys and errors."""

    def __init__(
        self,
        base_url: str,
        *,
        connect_timeout_s: float,
        ca_bundle: str | None = None,
        proxy_url: str | None = None,
        observe: Observe = ignore,
    ) -> None:
        self._base_url = base_url
        self._timeout = aiohttp.ClientTimeout(total=None, connect=connect_timeout_s)
        self._ca_bundle = ca_bundle
        self._proxy_url = proxy_url
        self._observe = observe

    async def open(self, path: str, body: Mapping[str, object], *, secret: Secret) -> aiohttp.ClientResponse:
        """Return a response of status 200 that is a stream still to be read, and to be released by the caller.

        Raises a GatewayError; GatewayUnavailable where the response is no stream.
        """
        try:
            with tracing.span(f"POST {path}"), observed(self._observe, path):
                return await self._open(path, body, secret)
        except GatewayError as error:
            log_failure("POST", path, error)
            raise

    async def _open(self, path: str, body: Mapping[str, object], secret: Secret) -> aiohttp.ClientResponse:
        response = await mapped_async(self._post(path, json_body(body), sendable(secret)))
        note_call(response.headers)
        try:
            error = await _error_in(response, secret)
        except BaseException:
            response.close()
            raise
        if error is None:
            return response
        error.headers = headers_from(response.headers)
        response.close()
        del response  # its repr has what the gateway said, which may be a secret
        raise error

    async def _post(self, path: str, data: bytes, secret: Secret) -> aiohttp.ClientResponse:
        return await _session().post(
            URL(self._base_url + path, encoded=True),
            data=io.BytesIO(data),  # sent piece by piece: images have megabytes
            headers=correlation_headers()
            | {
                "Accept": "text/event-stream",
                "Accept-Encoding": "identity",
                "Authorization": f"Bearer {secret}",
                "Content-Type": "application/json",
            },
            timeout=self._timeout,
            ssl=self._tls,
            proxy=self._proxy_url,
            allow_redirects=False,
        )

    @cached_property
    def _tls(self) -> ssl.SSLContext | bool:
        if self._base_url.startswith("https:") or (self._proxy_url or "").startswith("https:"):
            return ssl.create_default_context(cafile=self._ca_bundle or certifi.where())
        return True


async def close_session() -> None:
    """Close the connections of this loop, which is about to end."""
    if session := _sessions.pop(asyncio.get_running_loop(), None):
        await session.close()


def _session() -> aiohttp.ClientSession:
    """Return the session of this loop. It stores no cookies, and ignores proxies and ~/.netrc of the environment."""
    loop = asyncio.get_running_loop()
    if loop not in _sessions:
        _sessions[loop] = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=0, keepalive_timeout=IDLE_CONNECTION_S),
            cookie_jar=aiohttp.DummyCookieJar(),
            headers={"User-Agent": "passerelle"},
            max_line_size=MAX_HEADER_BYTES,
            max_field_size=MAX_HEADER_BYTES,
        )
    return _sessions[loop]


async def _error_in(response: aiohttp.ClientResponse, secret: Secret) -> GatewayError | None:
    """Return the error that was sent in place of a stream."""
    if response.status == 200:
        is_stream = response.headers.get("Content-Type", "").lower().startswith("text/event-stream")
        return None if is_stream else parsing.not_understood("it is not a stream")
    body: object = None
    with suppress(GatewayUnavailable):  # cut, or no JSON: the status is all that we have
        body = parsing.load(await mapped_async(_body_of(response)), "it")
    retry_after_s = headers_from(response.headers).retry_after_s
    return error_from(response.status, body, secret, retry_after_s=retry_after_s)


async def _body_of(response: aiohttp.ClientResponse) -> bytes:
    chunks: list[bytes] = []
    async with asyncio.timeout(ERROR_TIMEOUT_S):
        async for chunk in response.content.iter_any():
            chunks.append(chunk)
            if sum(map(len, chunks)) > MAX_ERROR_BYTES:
                raise parsing.not_understood("it does not end")
    return b"".join(chunks)
