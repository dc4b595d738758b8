"""The metrics of the explorer: what is added up, divided or counted, and what a line or a bar of it is."""

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final, NamedTuple

from django.db.models import Sum

Number = Decimal | int | float


@dataclass(frozen=True, slots=True, kw_only=True)
class Metric:
    """Sums of fields; a mean or a share, with `per`; or the number of different people or keys, with `counts`."""

    sums: tuple[str, ...] = ()
    per: tuple[str, ...] = ()
    counts: str = ""

    @property
    def adds_up(self) -> bool:
        """Whether the parts of a split, and the days, add up to the whole."""
        return not (self.per or self.counts)

    def aggregates(self) -> dict[str, Any]:
        """Return what a query computes, in the order of `amount`."""
        return {f"sum_{number}": Sum(name) for number, name in enumerate((*self.sums, *self.per))}

    def amount(self, numbers: Iterable[Any]) -> "Amount":
        """Return the amount of a row of `aggregates`."""
        row = [number or 0 for number in numbers]
        at = len(self.sums) if self.per else len(row)
        return Amount(sum(row[:at]), sum(row[at:]))

    def value(self, amount: "Amount") -> Number | None:
        """Return the number that is shown; None for the mean of nothing."""
        if not self.per:
            return amount.top
        return float(amount.top) / float(amount.per) * self.scale if amount.per else None

    @property
    def scale(self) -> float:
        """Milliseconds are shown as seconds."""
        return 0.001 if self.sums == ("response_ms",) else 1


class Amount(NamedTuple):
    """A sum, or a count; `per` is what a mean or a share divides it by."""

    top: Decimal | int = 0
    per: Decimal | int = 0

    def plus(self, other: "Amount") -> "Amount":
        """Add two amounts."""
        return Amount(self.top + other.top, self.per + other.per)

    def minus(self, other: "Amount") -> "Amount":
        """Subtract an amount."""
        return Amount(self.top - other.top, self.per - other.per)


METRICS: Final = {
    "spend": Metric(sums=("spend_usd",)),
    "requests": Metric(sums=("ok_requests", "failed_requests")),
    "failed": Metric(sums=("failed_requests",)),
    "failed-share": Metric(sums=("failed_requests",), per=("ok_requests", "failed_requests")),
    "tokens-in": Metric(sums=("prompt_tokens",)),
    "tokens-out": Metric(sums=("completion_tokens",)),
    "cached": Metric(sums=("cache_read_tokens",)),
    "response": Metric(sums=("response_ms",), per=("ok_requests",)),
    "people": Metric(counts="people"),
    "keys": Metric(counts="keys"),
}
