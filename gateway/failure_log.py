"""Failed calls of a team, from the gateway's log: which key, when, and the kind of failure; no texts are read."""

import time
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any, Final

from gateway.errors import GatewayUnreadable
from gateway.parsing import Body, Fields, Moment, Name, Whole, read
from gateway.transport import Transport

PAGE_SIZE: Final = 100  # rows; one has about 10 KB
MAX_PAGES: Final = 10
MAX_PAGE_BYTES: Final = 8 * 2**20
PAGE_TIMEOUT_S: Final = 10.0
DEADLINE_S: Final = 20.0  # for all pages


class FailureKind(StrEnum):
    """What a call failed of."""

    REQUESTS = "requests"
    TOKENS = "tokens"
    PARALLEL = "parallel"
    BUDGET = "budget"
    MODEL = "model"
    PROVIDER = "provider"
    OTHER = "other"


LIMITS: Final = {
    "requests": FailureKind.REQUESTS,
    "tokens": FailureKind.TOKENS,
    "concurrent_requests": FailureKind.PARALLEL,
    "budget": FailureKind.BUDGET,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class FailedCall:
    """A failed call; `token` is the hash of its key."""

    token: str
    at: datetime
    kind: FailureKind


@dataclass(frozen=True, slots=True, kw_only=True)
class Failures:
    """The failed calls that were read, and whether these are all."""

    calls: tuple[FailedCall, ...]
    is_complete: bool


class FailureLog:
    """The log of failed calls, as admin."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def of_team(
        self,
        team_id: str,
        since: datetime,
        until: datetime,
        *,
        page_size: int = PAGE_SIZE,
        max_pages: int = MAX_PAGES,
        max_page_bytes: int = MAX_PAGE_BYTES,
    ) -> Failures:
        """Return the failed calls of a team's keys from `since` on and before `until`, full seconds.

        The newest come first, so what bounds leave out is the oldest. Rows that cannot be read are left out.
        """
        query: dict[str, str | int] = {
            "team_id": team_id,
            "status_filter": "failure",
            "start_date": f"{since.astimezone(UTC):%Y-%m-%d %H:%M:%S}",
            "end_date": f"{until.astimezone(UTC):%Y-%m-%d %H:%M:%S}",
            "page_size": page_size,
        }
        found: dict[str, FailedCall] = {}  # by id: a page moves on by what failed since the one before
        ends_at = time.monotonic() + DEADLINE_S
        is_complete, page, total_pages = True, 0, 1
        while page < min(total_pages, max_pages) and time.monotonic() < ends_at:
            page += 1
            answer = self._transport.get(
                "/spend/logs/v2",
                {**query, "page": page},
                read_timeout_s=PAGE_TIMEOUT_S,
                retry=False,
                max_bytes=max_page_bytes,
            )
            body = read(answer.body, _Page)
            total_pages = body.total_pages
            is_complete = is_complete and body.total_is_capped is not True
            for value in body.data:
                row = None
                with suppress(GatewayUnreadable):
                    row = read(value, _Row)
                if row is None:
                    is_complete = False
                elif since <= row.started_at < until:
                    found[row.request_id] = FailedCall(
                        token=row.token, at=row.started_at, kind=kind_of_failure(row.metadata)
                    )
        return Failures(calls=tuple(found.values()), is_complete=is_complete and page >= total_pages)


class _Page(Body):
    data: list[Any]
    total_pages: Whole
    total_is_capped: Any = False


class _Row(Body, rename={"started_at": "startTime", "token": "api_key"}):
    request_id: Name
    token: Name
    started_at: Moment
    metadata: Fields


def kind_of_failure(metadata: dict[str, object]) -> FailureKind:
    """Return the kind of a failure; what is not known is of another kind."""
    error = metadata.get("error_information")
    if not isinstance(error, dict):
        return FailureKind.OTHER
    if kind := LIMITS.get(str(error.get("error_rate_limit_type"))):
        return kind
    name, code = str(error.get("normalized_error")), str(error.get("error_code"))
    if "MODEL_ACCESS_DENIED" in name or error.get("error_class") == "ProxyModelNotFoundError":
        return FailureKind.MODEL
    is_provider = error.get("error_rate_limit_category") == "vendor_rate_limit" or code in ("408", "429")
    return FailureKind.PROVIDER if is_provider or code.startswith("5") or "PROVIDER" in name else FailureKind.OTHER
