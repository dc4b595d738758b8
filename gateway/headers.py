"""Reads what the gateway says about a call in its headers. Never fails: an invalid header is ignored."""

from collections.abc import Mapping

from gateway import figures
from gateway.secret import redact
from gateway.types import Headers


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
