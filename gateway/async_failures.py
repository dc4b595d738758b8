"""Turns exceptions of aiohttp into GatewayUnavailable; a module of its own, since few processes need aiohttp."""

import http.client
from collections.abc import Awaitable
from typing import Final, TypeVar

import aiohttp

from gateway.errors import GatewayError
from gateway.failures import Kinds, unavailable

T = TypeVar("T")

_OF_AIOHTTP: Final = Kinds(
    network=(aiohttp.ClientError, http.client.HTTPException, OSError),
    proxy=(aiohttp.ClientHttpProxyError, aiohttp.ClientProxyConnectionError),
    never_arrived=(
        aiohttp.ClientConnectorError,  # refused, no such host, no trusted certificate
        aiohttp.ConnectionTimeoutError,
        aiohttp.InvalidURL,
    ),
)


async def mapped_async(action: Awaitable[T]) -> T:
    """Do as `mapped` on an event loop."""
    try:
        return await action
    except GatewayError:
        raise
    except Exception as failure:  # noqa: BLE001  (any of them may quote a header)
        error = unavailable(failure, _OF_AIOHTTP)
    raise error  # outside of `except`, so that nothing is chained
