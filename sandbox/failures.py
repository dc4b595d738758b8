"""The log of calls, with what LiteLLM's rows say of the reason why some failed; in memory."""

import secrets
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sandbox.clock import stamp
from sandbox.errors import RefusalError
from sandbox.records import Key

MOST_CALLS = 10_000


@dataclass(frozen=True, slots=True, kw_only=True)
class LoggedCall:
    """A call; `error` is None where it succeeded."""

    key: Key
    model: str
    at: datetime
    error: dict[str, str | None] | None = None
    spend_usd: float = 0
    prompt_tokens: int = 0
    completion_tokens: int = 0
    took_ms: int = 0
    request_id: str = field(default_factory=lambda: secrets.token_hex(16))

    def row(self) -> dict[str, Any]:
        """Format it as the gateway's log does."""
        return {
            "request_id": self.request_id,
            "api_key": self.key.token,
            "startTime": stamp(self.at),
            "endTime": stamp(self.at),
            "model": self.model,
            "user": self.key.user_id or "",
            "team_id": self.key.team_id,
            "spend": self.spend_usd,
            "prompt_tokens": self.prompt_tokens,
            "completion_tokens": self.completion_tokens,
            "total_tokens": self.prompt_tokens + self.completion_tokens,
            "request_duration_ms": self.took_ms,
            "model_group": "" if self.error else self.model,
            "status": "failure" if self.error else "success",
            "metadata": {
                "status": "failure" if self.error else None,
                "user_api_key": self.key.token,
                "user_api_key_team_id": self.key.team_id,
                **({"error_information": self.error} if self.error else {}),
            },
        }


def error_information(refusal: RefusalError | None) -> dict[str, str | None]:
    """Return what the log says of a refusal; None: the provider broke off."""
    info: dict[str, str | None] = dict.fromkeys(("error_rate_limit_type", "error_rate_limit_category"))
    if refusal is None:
        return info | {"error_code": "500", "error_class": "APIError", "normalized_error": "500_PROVIDER_ERROR"}
    body = refusal.body.get("error", {}) if isinstance(refusal.body, dict) else {}
    kind = str(body.get("type"))
    limit = "budget" if kind == "budget_exceeded" else refusal.headers.get("rate_limit_type")
    limit = "concurrent_requests" if limit == "max_parallel_requests" else limit
    name = "MODEL_ACCESS_DENIED" if kind.endswith("_model_access_denied") else "ERROR"
    return info | {
        "error_code": str(refusal.status),
        "error_class": kind,
        "error_rate_limit_type": limit,
        "error_rate_limit_category": limit and "litellm_rate_limit",
        "normalized_error": f"{refusal.status}_{name}",
    }
