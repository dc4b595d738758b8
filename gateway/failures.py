"""Turns exceptions of HTTP libraries into GatewayUnavailable, unchained.

Their messages, and the frames of their tracebacks, hold headers and so secrets: http.client, for one, quotes a header
that it cannot send.
"""

import http.client
import logging
import traceback
from collections.abc import Callable
from typing import Final, NamedTuple, TypeVar

import requests
import urllib3

from gateway.errors import GatewayError, GatewayNotFound, GatewayRejected, GatewayUnavailable
from gateway.secret import redact, scrub

logger = logging.getLogger(__name__)

T = TypeVar("T")

Errors = tuple[type[Exception], ...]


class Kinds(NamedTuple):
    """The exceptions of an HTTP library."""

    network: Errors
    proxy: Errors
    never_arrived: Errors


_OF_REQUESTS: Final = Kinds(
    network=(requests.RequestException, urllib3.exceptions.HTTPError, http.client.HTTPException, OSError),
    proxy=(urllib3.exceptions.ProxyError,),
    never_arrived=(
        urllib3.exceptions.NewConnectionError,  # refused, no such host
        urllib3.exceptions.ConnectTimeoutError,
        urllib3.exceptions.SSLError,
        urllib3.exceptions.LocationValueError,
    ),
)


def mapped(action: Callable[[], T]) -> T:
    """Run it, and raise GatewayUnavailable for any exception, without what its message may quote."""
    try:
        return action()
    except GatewayError:  # our own, without secrets
        raise
    except Exception as failure:  # noqa: BLE001  (any of them may quote a header)
        error = unavailable(failure, _OF_REQUESTS)
    raise error  # outside of `except`, so that nothing is chained


def log_failure(method: str, path: str, error: GatewayError) -> None:
    """Write a line about a call that failed, without what the gateway said: that may quote a key or a prompt."""
    is_usual = isinstance(error, GatewayNotFound)  # whether something exists is asked so
    level = logging.WARNING if isinstance(error, GatewayUnavailable) else logging.DEBUG if is_usual else logging.INFO
    status = f" {error.status}" if isinstance(error, GatewayRejected) and error.status else ""
    logger.log(level, "%s %s failed: %s%s", method, scrub(path), type(error).__name__, status)


def unavailable(failure: Exception, kinds: Kinds) -> GatewayUnavailable:
    """Return the error for an exception of a library, or of a bug, which is logged."""
    if not isinstance(failure, kinds.network):  # a bug, ours or of a library: report its place, not its message
        place = traceback.extract_tb(failure.__traceback__)[-1]
        logger.error("unexpected %s in %s, line %s", type(failure).__name__, place.filename, place.lineno)
    cause = _cause(failure)
    if isinstance(cause, kinds.proxy):
        words = "The proxy on the way to the gateway cannot be reached, or refuses to connect us."
        return GatewayUnavailable(words, may_have_happened=False)
    if isinstance(cause, kinds.never_arrived):
        reason = redact(str(cause)).rpartition(": ")[2]
        return GatewayUnavailable(f"The gateway cannot be reached: {reason}", may_have_happened=False)
    if isinstance(failure, requests.Timeout | TimeoutError) or isinstance(cause, urllib3.exceptions.TimeoutError):
        return GatewayUnavailable("The gateway takes too long to answer.", timed_out=True)
    return GatewayUnavailable(f"The connection to the gateway broke ({type(cause).__name__}).")


def _cause(failure: BaseException) -> BaseException:
    """Find urllib3's reason inside what requests wraps around it."""
    inner = failure.args[0] if failure.args else None
    if isinstance(inner, urllib3.exceptions.MaxRetryError):
        return inner.reason or inner
    return inner if isinstance(inner, urllib3.exceptions.HTTPError) else failure
