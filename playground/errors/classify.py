"""Classifies errors of answers, as values that are saved with them; `cards` shows them to people.

LiteLLM's statuses say little: a filtered prompt, one that is too long and a parameter that the model does not know are
all 400. So message and type decide first. A provider's error reaches us within LiteLLM's message, as text only.
"""

import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, time, timedelta
from typing import Any, Final, Literal, NamedTuple, Self

from django.utils import timezone

from gateway.errors import (
    GatewayAdminKeyRefused,
    GatewayError,
    GatewayKeyRefused,
    GatewayModelDenied,
    GatewayOverBudget,
    GatewayRateLimited,
    GatewayRejected,
    GatewayUnavailable,
)
from gateway.secret import redact, without_addresses
from playground.services.requests import REFUSABLE

Tone = Literal["bad", "warn"]

_HASH: Final = re.compile(r"\b[0-9a-f]{64}\b")  # the gateway's name of a key; useless to anybody else
_MINUTE: Final = timedelta(seconds=60)  # LiteLLM's windows


@dataclass(frozen=True, slots=True, kw_only=True)
class AnswerError:
    """The error of an answer. `message` is the gateway's own, without secrets; times are aware UTC."""

    code: str
    status: int = 0
    type: str = ""
    message: str = ""
    retry_at: datetime | None = None
    resets_at: datetime | None = None
    provider: bool = False  # it was the model's provider, not the gateway
    parameter: str = ""  # refused by the model, by its name in the request
    free: bool = False  # certainly: no model was called
    course: str = ""  # the name of the one that paid, in place of the person
    unsaved: bool = False  # the end is not in the row: the database is unavailable

    def as_json(self) -> dict[str, object]:
        """Return the JSON that `from_json` reads."""
        return {
            name: value.isoformat() if isinstance(value, datetime) else value
            for name, value in asdict(self).items()
            if value
        }

    @classmethod
    def from_json(cls, kept: Mapping[str, Any]) -> Self:
        """Read the error saved with an answer, perhaps by an older release."""
        times = {name: datetime.fromisoformat(kept[name]) for name in ("retry_at", "resets_at") if kept.get(name)}
        known = {name: kept[name] for name in cls.__slots__ if name in kept}
        return cls(**{"code": "refused", **known, **times})


INTERRUPTED: Final = AnswerError(code="interrupted")  # the portal's process has died
UNSAVED: Final = AnswerError(code="unsaved", unsaved=True)  # the database was unavailable when the answer ended


class Traits(NamedTuple):
    """The properties of a code."""

    tone: Tone = "bad"
    free: bool = False  # no model had worked yet
    retry: bool = False  # a retry may well succeed
    other: bool = False  # another model may well answer


TRAITS: Final[Mapping[str, Traits]] = {
    "model_denied": Traits(free=True, other=True),
    "over_budget": Traits("warn", free=True),
    "budget_short": Traits("warn", free=True, other=True),
    "budget_midway": Traits("warn"),
    "rate_limited": Traits("warn", free=True, retry=True),
    "provider_rate_limited": Traits("warn", free=True, retry=True, other=True),
    "context_too_long": Traits("warn", free=True, other=True),
    "content_filtered": Traits("warn", other=True),
    "unsupported": Traits("warn", free=True, other=True),
    "key_refused": Traits(free=True, retry=True),  # the key has been checked again meanwhile
    "gateway_down": Traits(retry=True),
    "provider_down": Traits(retry=True, other=True),
    "timeout": Traits(retry=True, other=True),
    "silent": Traits(retry=True, other=True),
    "broke_off": Traits(retry=True),
    "interrupted": Traits(retry=True),
    "unsaved": Traits("warn"),
    "images_unavailable": Traits(free=True, retry=True),
    "bad_request": Traits(free=True, other=True),
    "custom_keys_forbidden": Traits(free=True),
    "refused": Traits(),
    # A complete but empty answer.
    "empty_filtered": Traits("warn", other=True),
    "empty_at_limit": Traits("warn", retry=True, other=True),
    "empty_thought": Traits("warn", retry=True, other=True),
    "empty": Traits("warn", retry=True, other=True),
}

_MESSAGES: Final[tuple[tuple[str, re.Pattern[str]], ...]] = (  # the first match decides
    # LiteLLM with `fail_closed_budget_enforcement` (ADR 10): some budget is left, but less than the call may cost
    ("budget_short", re.compile(r"Budget has been exceeded![^\n]{0,300} Estimated request cost: ")),
    ("over_budget", re.compile(r"Budget has been exceeded!|ExceededBudget|budget_exceeded")),
    ("custom_keys_forbidden", re.compile(r"[Cc]ustom API key values are disabled")),
    (
        "context_too_long",
        re.compile(
            r"ContextWindowExceeded|maximum context length|context_length_exceeded|prompt is too long|"
            r"exceeds? the (?:model's )?(?:context|maximum)|input is too long",
            re.IGNORECASE,
        ),
    ),
    (
        "content_filtered",
        re.compile(
            r"ContentPolicyViolation|content.?filter|content management policy|content policy|safety system|"
            r"ResponsibleAIPolicy",
            re.IGNORECASE,
        ),
    ),
    (
        "unsupported",
        re.compile(
            r"UnsupportedParamsError|does not support parameters|[Uu]nsupported (?:parameter|value)|extra_forbidden|"
            r"[Uu]nrecognized request argument|[Uu]nknown parameter|Extra inputs are not permitted|"
            r"unexpected keyword argument"
        ),
    ),
    ("model_denied", re.compile(r"Invalid model name passed in")),
    ("provider_down", re.compile(r"exceeded your current quota|insufficient_quota")),
    ("timeout", re.compile(r"litellm\.(?:exceptions\.)?Timeout")),
)
_PARAMETERS: Final = tuple(
    re.compile(pattern)
    for pattern in (
        r"does not support parameters: \[([^\]]{0,200})\]",  # limited, each: a message may quote a whole prompt
        r"'loc': \[([^\]]{0,200})\]",
        r"\b([\w.]{1,64}): Extra inputs are not permitted",
        r"(?:request arguments? supplied|(?:[Uu]nsupported|[Uu]nknown) (?:parameter|value)|keyword argument)"
        r"\W{1,20}(\w{1,64})",
    )
)
_OTHER_NAMES: Final = {"max_completion_tokens": "max_tokens", "functions": "tools"}
_RESETS: Final = re.compile(r"resets at: (\d{4}-\d\d-\d\d \d\d:\d\d:\d\d) UTC")
_TRY_IN: Final = re.compile(r"try again in (\d{1,4}(?:\.\d+)?) ?s")


def answer_error_of(
    error: GatewayError, *, begun: bool, budget_period: str = "", person_period: str = ""
) -> AnswerError:
    """Classify an error of the gateway; `begun`: a part of the answer had arrived.

    `budget_period` ("1d", "7d", "30d") of the Playground's key, or `person_period` of its owner's budget over all keys
    (a team of one at the gateway), dates the end of a spent budget.
    """
    message = _HASH.sub("…", redact(error.message if isinstance(error, GatewayRejected) else str(error)))
    code = _code(error, message, begun=begun)
    rejected = error if isinstance(error, GatewayRejected) else None
    spent = code in ("over_budget", "budget_midway") and "User=" not in message
    period = person_period if "Team=" in message else budget_period
    return AnswerError(
        code=code,
        status=rejected.status if rejected else 0,
        type=rejected.type if rejected else "",
        message=without_addresses(message),
        retry_at=_retry_at(code, error, message),
        resets_at=budget_reset(period) if spent else None,
        provider=bool(getattr(error, "provider", False)),
        parameter=_parameter(rejected, message) if code == "unsupported" else "",
        free=not begun and (TRAITS[code].free or not getattr(error, "may_have_happened", True)),
    )


def _code(error: GatewayError, message: str, *, begun: bool) -> str:
    code_of_text = next((code for code, pattern in _MESSAGES if pattern.search(message)), "")
    if code_of_text == "budget_short" and not begun:
        return code_of_text
    if isinstance(error, GatewayOverBudget) or code_of_text in ("over_budget", "budget_short"):
        return "budget_midway" if begun else "over_budget"
    if code_of_text and not (begun and code_of_text in ("provider_down", "timeout")):
        return code_of_text
    if isinstance(error, GatewayUnavailable):
        return _code_of_silence(error, begun=begun)
    return _code_of_refusal(error, begun=begun) if isinstance(error, GatewayRejected) else "refused"


def _code_of_silence(error: GatewayUnavailable, *, begun: bool) -> str:
    if error.timed_out:
        return "silent" if begun else "timeout"
    if begun:
        return "broke_off"
    return "provider_down" if error.provider else "gateway_down"


def _code_of_refusal(error: GatewayRejected, *, begun: bool) -> str:
    if isinstance(error, GatewayRateLimited):
        return "provider_rate_limited" if error.provider else "rate_limited"
    if begun:
        return "broke_off"
    if isinstance(error, GatewayModelDenied):
        return "model_denied"
    if isinstance(error, GatewayAdminKeyRefused):  # while the person's key was being created
        return "refused"
    if isinstance(error, GatewayKeyRefused) or "Team doesn't exist" in error.message:
        return "key_refused"
    if error.provider and error.status in (401, 403, 404):
        return "provider_down"
    if error.type == "redirect":
        return "gateway_down"
    return "bad_request" if error.status in (0, 400, 413, 422) else "refused"


def _retry_at(code: str, error: GatewayError, message: str) -> datetime | None:
    """Return when a rate limit lets the next call through; None for one on parallel calls, which has no such time."""
    if code not in ("rate_limited", "provider_rate_limited") or "max_parallel_requests" in message:
        return None
    now = timezone.now()
    if found := _RESETS.search(message):
        return min(datetime.fromisoformat(found[1]).replace(tzinfo=UTC), now + 2 * _MINUTE)
    reported_s = getattr(error, "retry_after_s", None)
    if reported_s is None and (found := _TRY_IN.search(message)):
        reported_s = float(found[1])
    return now + (_MINUTE if reported_s is None else timedelta(seconds=reported_s))


def _parameter(error: GatewayRejected | None, message: str) -> str:
    """Return the first parameter in the message that can be left out."""
    named = [name for pattern in _PARAMETERS for part in pattern.findall(message) for name in re.findall(r"\w+", part)]
    named.append((error and error.param) or "")
    known = (_OTHER_NAMES.get(name, name) for name in named)
    return next((name for name in known if name in REFUSABLE), "")


def budget_reset(period: str) -> datetime | None:
    """Return when a budget of this period ("1d", "7d", "30d") resets, as the gateway computes it (UTC)."""
    today = timezone.now().astimezone(UTC).date()
    days = {"1d": today + timedelta(days=1), "7d": today + timedelta(days=7 - today.weekday())}
    days["30d"] = (today.replace(day=1) + timedelta(days=32)).replace(day=1)
    return datetime.combine(days[period], time(), UTC) if period in days else None
