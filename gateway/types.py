"""What the gateway says about keys, models, people, usage and itself, as frozen values. Chats: inference_types.py."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from enum import Enum
from typing import Final

from gateway.secret import Secret


class Unset(Enum):
    """The kind of UNSET: leave this setting as it is (None would clear it)."""

    UNSET = "unset"


UNSET: Final = Unset.UNSET


@dataclass(frozen=True, slots=True, kw_only=True)
class Headers:
    """What the gateway says about a call in its headers; None where it says nothing.

    `key_spend_usd` lags and is no running total. `raw` is every x-litellm-* and x-olla-* header, names in lower
    case; it contains addresses of model servers, so show it only to admins.
    """

    call_id: str | None = None
    model_id: str | None = None
    model_group: str | None = None
    cost_usd: Decimal | None = None  # not reported by streams
    key_spend_usd: Decimal | None = None
    duration_ms: Decimal | None = None
    overhead_ms: Decimal | None = None
    version: str | None = None
    retry_after_s: int | None = None
    sandbox: bool = False
    olla: Mapping[str, str] = field(default_factory=dict)
    raw: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class IssuedKey:
    """A key that was just made; the only place where its secret is ever returned."""

    secret: Secret = field(repr=False)
    token: str
    last_four: str
    alias: str | None
    user_id: str | None
    team_id: str | None
    expires_at: datetime | None  # None: never
    headers: Headers = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyInfo:
    """A key as the gateway has it.

    `models` empty: all. `spend_usd` counts towards the budget and is set to zero at `budget_reset_at`: never show it
    as "spent so far". `routes` of a key that can only call models is ("llm_api_routes",).
    """

    token: str
    alias: str | None
    key_name: str
    last_four: str
    user_id: str | None
    team_id: str | None
    expires_at: datetime | None
    created_at: datetime | None
    last_active_at: datetime | None
    blocked: bool
    deleted: bool
    models: tuple[str, ...]
    routes: tuple[str, ...]
    budget_usd: Decimal | None
    budget_duration: str | None
    budget_reset_at: datetime | None
    spend_usd: Decimal
    rpm_limit: int | None
    tpm_limit: int | None
    metadata: Mapping[str, object]


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelInfo:
    """A model by its public name. None: the gateway does not know."""

    name: str
    mode: str | None  # chat, embedding, moderation, completion, …
    provider: str | None
    max_input_tokens: int | None
    max_output_tokens: int | None
    input_usd_per_million: Decimal | None
    output_usd_per_million: Decimal | None
    odd_prices: Mapping[str, str] = field(default_factory=dict)  # by "input", "output": invalid prices, as reported
    supports_vision: bool | None
    supports_pdf: bool | None = None
    supports_tools: bool | None
    supports_reasoning: bool | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Readiness:
    """Whether the gateway says that it can serve."""

    status: str  # "healthy"
    db: str | None  # "connected"
    version: str | None  # LiteLLM tells strangers only in old versions; see Health.details
    headers: Headers = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class TeamInfo:
    """A LiteLLM team. `spend_usd` is of all its keys, deleted ones too, since the last reset."""

    team_id: str
    alias: str | None
    budget_usd: Decimal | None
    budget_duration: str | None
    budget_reset_at: datetime | None
    spend_usd: Decimal
    models: tuple[str, ...]
    member_ids: tuple[str, ...]
    blocked: bool
    metadata: Mapping[str, object]


@dataclass(frozen=True, slots=True, kw_only=True)
class ActivityRow:
    """Use of one model by one key on one UTC day, as one page reports it; other pages may have more of the same.

    `token` can be a hash of a wrong key, empty, or a name like "litellm_proxy_master_key".
    """

    day: date
    model_group: str
    token: str
    alias: str | None
    user_id: str | None
    user_email: str | None
    team_id: str | None
    key_exists: bool
    spend_usd: Decimal
    prompt_tokens: int
    completion_tokens: int
    cache_read_tokens: int
    cache_creation_tokens: int
    requests: int
    successful_requests: int
    failed_requests: int
    response_time_ms: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class InvalidMetric:
    """An invalid number in an activity row, which then has 0 there; measure "": the whole row.

    `token` None: all rows of this model. `reported` is the number, or what is there instead.
    """

    token: str | None
    model_group: str
    measure: str  # as the field of ActivityRow is called
    reported: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ActivityPage:
    """A page of activity. `took_s` is how long the gateway worked for it.

    `missing` names what its rows do not report, as older gateways do not: measures, and "model_groups" where `rows`
    have the providers' names of models.
    """

    rows: tuple[ActivityRow, ...]
    invalid: tuple[InvalidMetric, ...] = ()
    missing: frozenset[str] = frozenset()
    page: int
    total_pages: int
    has_more: bool
    took_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class DayTotals:
    """The gateway's own sums of a UTC day. `took_s` is how long it worked for them. None: invalid."""

    spend_usd: Decimal | None
    prompt_tokens: int | None
    completion_tokens: int | None
    successful_requests: int | None
    failed_requests: int | None
    took_s: float
