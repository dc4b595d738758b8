"""Sums of the measures: the numbers of one line of a page."""

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal
from typing import Final

from django.db.models import Sum

NOTHING_USD: Final = Decimal(0)
OFTEN_SHARE: Final = 0.05  # a share of failed requests that is high,
OFTEN_OF: Final = 20  # if there are at least so many
FIELDS: Final = (
    "spend_usd",
    "prompt_tokens",
    "completion_tokens",
    "ok_requests",
    "failed_requests",
    "response_ms",
)
SUMS: Final = {f"sum_{name}": Sum(name) for name in FIELDS}  # for `annotate`, in the order of FIELDS


@dataclass(frozen=True, slots=True)
class Sums:
    """Spend, tokens, requests; made from a row of SUMS by position."""

    spend_usd: Decimal = NOTHING_USD
    prompt_tokens: int = 0
    completion_tokens: int = 0
    ok_requests: int = 0
    failed_requests: int = 0
    response_ms: int = 0  # of successful requests

    def __add__(self, other: "Sums") -> "Sums":
        return Sums(
            self.spend_usd + other.spend_usd,
            self.prompt_tokens + other.prompt_tokens,
            self.completion_tokens + other.completion_tokens,
            self.ok_requests + other.ok_requests,
            self.failed_requests + other.failed_requests,
            self.response_ms + other.response_ms,
        )

    @property
    def requests(self) -> int:
        """All requests, including failed ones."""
        return self.ok_requests + self.failed_requests

    @property
    def failed_share(self) -> float | None:
        """The share of failed requests, 0 to 1; None without any request."""
        return self.failed_requests / self.requests if self.requests else None

    @property
    def fails_often(self) -> bool:
        """Whether so many requests failed that somebody should look into it."""
        return self.requests >= OFTEN_OF and (self.failed_share or 0) >= OFTEN_SHARE

    @property
    def response_s(self) -> float | None:
        """The mean response time; None without any request."""
        return self.response_ms / 1000 / self.ok_requests if self.ok_requests else None

    @property
    def prompt_tokens_each(self) -> int:
        """Mean input tokens of successful requests."""
        return round(self.prompt_tokens / self.ok_requests) if self.ok_requests else 0

    @property
    def completion_tokens_each(self) -> int:
        """Mean output tokens of successful requests."""
        return round(self.completion_tokens / self.ok_requests) if self.ok_requests else 0


def total_of(parts: Iterable[Sums]) -> Sums:
    """Return the sum of all parts."""
    return sum(parts, Sums())
