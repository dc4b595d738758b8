"""The parts of every request to the gateway, whichever library sends it: its key and its body."""

import json
from collections.abc import Mapping
from decimal import Decimal

from gateway.errors import GatewayKeyRefused, GatewayRejected
from gateway.secret import Secret


def is_sendable(secret: str) -> bool:
    """Tell whether a header can carry the secret: no spaces, no line ends, no letters beyond ASCII."""
    return secret.isascii() and secret.isprintable() and " " not in secret


def sendable(secret: Secret) -> Secret:
    """Return the secret; raise GatewayKeyRefused for what cannot be a key and would break the header."""
    if is_sendable(secret):
        return secret
    error = GatewayKeyRefused("A key has only letters, digits, - and _.", type="malformed_key")
    error.reason = "unknown"
    raise error


def json_body(body: Mapping[str, object]) -> bytes:
    """Return the body as JSON, or raise GatewayRejected."""
    try:
        return json.dumps(body, default=_plain, allow_nan=False).encode()
    except (TypeError, ValueError, RecursionError):
        raise GatewayRejected("The request cannot be written as JSON.", type="unsendable") from None


def _plain(value: object) -> float:
    """Write money as JSON numbers, as LiteLLM reads it."""
    if isinstance(value, Decimal):
        return float(value)
    raise TypeError
