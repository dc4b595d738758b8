"""Turns the gateway's error responses into errors that say what to do.

LiteLLM's statuses are not enough: a blocked key, an expired one and a provider's own 401 share theirs. So `type` and
message decide first, the status only where they do not.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from gateway.errors import (
    GatewayError,
    GatewayKeyRefused,
    GatewayModelDenied,
    GatewayNotFound,
    GatewayOverBudget,
    GatewayRateLimited,
    GatewayRejected,
    GatewayUnavailable,
    Reason,
)
from gateway.parsing import not_understood
from gateway.secret import redact

_TRY_AGAIN = frozenset({408, 425})  # 4xx that say "later": timeout, too early
_MAX_MESSAGE = 1000  # characters; some providers send whole pages
_REASONS: Mapping[str, Reason] = {"expired_key": "expired", "token_not_found_in_db": "unknown"}


@dataclass(frozen=True, slots=True, kw_only=True)
class ErrorBody:
    """What an error body says; all empty if it is not one of LiteLLM's."""

    message: str = ""
    type: str = ""
    param: str | None = None

    @property
    def provider(self) -> bool:
        """Whether the gateway relays the error of a model's provider."""
        return self.message.startswith("litellm.")


def error_body_of(body: object, *secrets: str) -> ErrorBody:
    """Read either of LiteLLM's error shapes: {"error": {message, type, param}} or {"detail": …}."""
    if not isinstance(body, dict):
        return ErrorBody()
    error = body.get("error", body.get("detail"))
    if isinstance(error, dict):
        message, kind, param = (error.get(name) for name in ("message", "type", "param"))
        return ErrorBody(
            message=_short(message or error.get("error") or "", *secrets), type=_name(kind) or "", param=_name(param)
        )
    return ErrorBody(message=_short(error or "", *secrets))


def _short(message: object, *secrets: str) -> str:
    return redact(str(message), *secrets)[:_MAX_MESSAGE]


def _name(value: object) -> str | None:
    """Return a name; LiteLLM writes some absent ones as the text "None"."""
    return redact(value)[:_MAX_MESSAGE] if isinstance(value, str) and value != "None" else None


def error_from(status: int, body: object, *secrets: str, retry_after_s: int | None = None) -> GatewayError:
    """Return the error for an answer with this status and parsed body (None if it was no JSON)."""
    error_body = error_body_of(body, *secrets)
    if status >= 500 or status in _TRY_AGAIN:
        message = f"The gateway answered {status}" + (f": {error_body.message}" if error_body.message else ".")
        return GatewayUnavailable(message, provider=error_body.provider)
    if status < 300:
        return not_understood(f"its status is {status}")
    if status < 400:
        return GatewayRejected("The address of the gateway redirects elsewhere.", status=status, type="redirect")
    if _is_no_gateway(status, body, error_body):
        message = f"There is no gateway at this address ({status})."
        return GatewayUnavailable(message, may_have_happened=False, no_route=True)
    return _rejection(status, error_body, retry_after_s)


def _is_no_gateway(status: int, body: object, error_body: ErrorBody) -> bool:
    """Tell whether a 404 comes from a reverse proxy, or is about a route, and not about a key that LiteLLM lacks.

    Proxies answer so while the gateway restarts. To read it as "this key was deleted" would lose keys.
    """
    return status == 404 and (not isinstance(body, dict) or error_body.message in ("", "Not Found"))


def _rejection(status: int, error_body: ErrorBody, retry_after_s: int | None) -> GatewayRejected:
    kind = _kind(status, error_body)
    error = kind(
        error_body.message, status=status, type=error_body.type, param=error_body.param, provider=error_body.provider
    )
    if isinstance(error, GatewayRateLimited):
        error.retry_after_s = retry_after_s
    if isinstance(error, GatewayKeyRefused):
        error.reason = _reason(error_body)
    return error


def _kind(status: int, error_body: ErrorBody) -> type[GatewayRejected]:
    if error_body.provider:
        return GatewayRateLimited if status == 429 else GatewayRejected
    if error_body.type == "budget_exceeded":
        return GatewayOverBudget
    if error_body.type == "throttling_error":
        return GatewayRateLimited
    if error_body.type.endswith("_model_access_denied"):
        return GatewayModelDenied
    if error_body.type in _REASONS:
        return GatewayKeyRefused
    return {401: GatewayKeyRefused, 404: GatewayNotFound, 429: GatewayRateLimited}.get(status, GatewayRejected)


def _reason(error_body: ErrorBody) -> Reason:
    if error_body.type in _REASONS:
        return _REASONS[error_body.type]
    if " is blocked" in error_body.message:  # "Key is blocked", "Team=… is blocked"
        return "blocked"
    malformed = ("Malformed API Key", "Virtual Key expected")  # it cannot be a key at all
    return "unknown" if any(words in error_body.message for words in malformed) else "other"
