"""The configuration of a sandbox."""

from dataclasses import dataclass
from decimal import Decimal

ADMIN_KEY = "sk-sandbox-admin"  # valid for sandboxes only
VERSION = "1.106.2"  # the simulated version of LiteLLM
SANDBOX_HEADER = ("x-passerelle-sandbox", "1")


@dataclass(frozen=True, slots=True, kw_only=True)
class Config:
    """`data` is a SQLite file, or None to keep everything in memory."""

    admin_key: str = ADMIN_KEY
    data: str | None = None
    spend_delay_s: float = 2.0
    pace_ms: float = 20.0
    history_days: int = 0
    seed: int = 1
    prefix: str = ""
    remember_secrets: bool = False
    custom_keys: bool = True


def usd(amount_pusd: int) -> float:
    """Convert picodollars to the nearest JSON number of dollars."""
    return float(Decimal(amount_pusd).scaleb(-12))


def pusd(amount_usd: Decimal) -> int:
    """Convert dollars to whole picodollars, which the sandbox uses for exact sums."""
    return int(amount_usd.scaleb(12).to_integral_value())
