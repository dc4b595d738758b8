"""Turns what HTTP libraries raise into GatewayUnavailable, unchained: their frames hold headers with secrets."""

import http.client
from collections.abc import Callable
from typing import Final, TypeVar

import requests
import urllib3

from gateway.errors import GatewayUnavailable
from gateway.secret import redact

T = TypeVar("T")

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


def mapped(act: Callable[[], T]) -> T:
    """Do it, and raise GatewayUnavailable if the network or the HTTP of it breaks."""
    try:
        return act()
    except _FAILURES as failure:
        error = _unavailable(failure)
    raise error  # outside of `except`, so that nothing is chained


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
