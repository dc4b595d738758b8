"""The last calls with a key, from the gateway's log: when, model, tokens, spend; no texts are read."""

from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, Final

from gateway.errors import GatewayUnreadable
from gateway.failure_log import FailureKind, kind_of_failure
from gateway.parsing import Body, Fields, Moment, Money, Name, Whole, read
from gateway.transport import Transport

MOST_ROWS: Final = 50  # one has about 10 KB
MAX_BYTES: Final = 4 * 2**20
TIMEOUT_S: Final = 10.0


@dataclass(frozen=True, slots=True, kw_only=True)
class LoggedCall:
    """A call; `failed_of` is None where it succeeded."""

    request_id: str
    at: datetime
    model: str
    input_tokens: int
    output_tokens: int
    spend_usd: Decimal
    duration_ms: int | None
    failed_of: FailureKind | None


class RequestLog:
    """The log of single calls, as admin."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def of_token(self, token: str, since: datetime, until: datetime, *, most: int = MOST_ROWS) -> list[LoggedCall]:
        """Return the last calls with a secret, the newest first; those that are unreadable are left out.

        Empty too where the gateway keeps no log. Raises GatewayUnavailable, GatewayRejected.
        """
        query: dict[str, str | int] = {
            "api_key": token,
            "start_date": f"{since.astimezone(UTC):%Y-%m-%d %H:%M:%S}",
            "end_date": f"{until.astimezone(UTC):%Y-%m-%d %H:%M:%S}",
            "page": 1,
            "page_size": most,
        }
        answer = self._transport.get(
            "/spend/logs/v2", query, read_timeout_s=TIMEOUT_S, retry=False, max_bytes=MAX_BYTES
        )
        calls = []
        for value in read(answer.body, _Page).data:
            with suppress(GatewayUnreadable):
                row = read(value, _Row)
                if row.token == token and since <= row.started_at <= until:
                    calls.append(_call_of(row))
        return sorted(calls, key=lambda call: call.at, reverse=True)


class _Page(Body):
    data: list[Any]


class _Row(Body, rename={"started_at": "startTime", "token": "api_key"}):
    request_id: Name
    token: Name
    started_at: Moment
    model: str = ""
    model_group: str | None = None
    prompt_tokens: Whole = 0
    completion_tokens: Whole = 0
    spend: Money = Decimal(0)
    request_duration_ms: Whole | None = None
    status: str | None = None
    metadata: Fields = {}


def _call_of(row: _Row) -> LoggedCall:
    return LoggedCall(
        request_id=row.request_id,
        at=row.started_at,
        model=row.model_group or row.model,
        input_tokens=row.prompt_tokens,
        output_tokens=row.completion_tokens,
        spend_usd=row.spend,
        duration_ms=row.request_duration_ms,
        failed_of=kind_of_failure(row.metadata) if row.status == "failure" else None,
    )
