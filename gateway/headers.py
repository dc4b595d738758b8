"""Reads what the gateway says about a call in its headers, and names our request to it.

Reading never fails: an invalid header is ignored.
"""

from collections.abc import Mapping
from typing import Final

from gateway import figures, log_context, tracing
from gateway.secret import redact
from gateway.types import Headers

CALL_ID_LENGTH: Final = 100


def correlation_headers() -> dict[str, str]:
    """Return what names our request: proxies log the first, LiteLLM’s spend log has the second as its session."""
    request_id, traceparent = log_context.request_id(), tracing.traceparent()
    headers = {"X-Request-ID": request_id, "x-litellm-trace-id": request_id, "traceparent": traceparent}
    return {name: value for name, value in headers.items() if value}


def note_call(answer: Mapping[str, str]) -> None:
    """Note the gateway's id of this call for the lines that follow in the log; only calls of models have one."""
    if call_id := answer.get("x-litellm-call-id"):
        log_context.note(gateway_call_id=redact(call_id)[:CALL_ID_LENGTH])


def headers_from(answer: Mapping[str, str]) -> Headers:
    """Read the headers of an answer by name."""
    headers = {name.lower(): redact(value) for name, value in answer.items()}
    litellm = {
        name.removeprefix("x-litellm-"): value for name, value in headers.items() if name.startswith("x-litellm-")
    }
    olla = {name.removeprefix("x-olla-"): value for name, value in headers.items() if name.startswith("x-olla-")}
    return Headers(
        call_id=litellm.get("call-id"),
        model_id=litellm.get("model-id"),
        model_group=litellm.get("model-group"),
        cost_usd=figures.usd(litellm.get("response-cost")),
        key_spend_usd=figures.usd(litellm.get("key-spend")),
        duration_ms=figures.amount(litellm.get("response-duration-ms")),
        overhead_ms=figures.amount(litellm.get("overhead-duration-ms")),
        version=litellm.get("version"),
        retry_after_s=_seconds(headers.get("retry-after")),
        sandbox=headers.get("x-passerelle-sandbox") == "1",
        olla=olla,
        raw={name: value for name, value in headers.items() if name.startswith(("x-litellm-", "x-olla-"))},
    )


def _seconds(value: str | None) -> int | None:
    """Read Retry-After in seconds; its other form, a date, is sent by no gateway that we know."""
    return int(value) if value and value.isascii() and value.isdigit() and len(value) < 7 else None
