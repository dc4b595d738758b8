"""Rows of the sandbox's database, as Python values."""

import json
import sqlite3
from collections.abc import Callable
from dataclasses import dataclass, fields
from datetime import datetime
from decimal import Decimal
from typing import Any, TypeVar

from sandbox.clock import stamp
from sandbox.config import usd


@dataclass(frozen=True, slots=True, kw_only=True)
class Key:
    """A virtual key. `spend_pusd` counts towards budgets, `seen_pusd` is what the gateway reports so far."""

    token: str
    key_name: str
    alias: str | None = None
    user_id: str | None = None
    team_id: str | None = None
    key_type: str = "default"
    models: tuple[str, ...] = ()
    metadata: dict[str, Any]
    max_budget: Decimal | None = None
    budget_duration: str | None = None
    budget_reset_at: datetime | None = None
    spend_pusd: int = 0
    seen_pusd: int = 0
    total_pusd: int = 0
    rpm_limit: int | None = None
    tpm_limit: int | None = None
    max_parallel_requests: int | None = None
    blocked: bool | None = None
    expires_at: datetime | None = None
    created_at: datetime
    updated_at: datetime
    settings_updated_at: datetime | None = None
    last_active_at: datetime | None = None
    deleted_at: datetime | None = None

    @property
    def over_budget(self) -> bool:
        """Say whether a call would be refused because of the budget."""
        return self.max_budget is not None and Decimal(self.spend_pusd).scaleb(-12) >= self.max_budget

    def expired(self, now: datetime) -> bool:
        """Say whether it has expired."""
        return self.expires_at is not None and self.expires_at <= now

    def status(self, now: datetime) -> str:
        """Return the status word of `/key/info`."""
        if self.deleted_at is not None:
            return "deleted"
        if self.blocked:
            return "revoked"
        return "expired" if self.expired(now) else "active"


@dataclass(frozen=True, slots=True, kw_only=True)
class User:
    """A person in the gateway; keys may name users without a row."""

    user_id: str
    user_email: str | None = None
    user_alias: str | None = None
    user_role: str | None = None
    max_budget: Decimal | None = None
    spend_pusd: int = 0
    models: tuple[str, ...] = ()
    metadata: dict[str, Any]
    created_at: datetime
    updated_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Team:
    """A group of keys with its own models, and one budget over all of them; spend is reported as for keys."""

    team_id: str
    team_alias: str | None = None
    models: tuple[str, ...] = ()
    max_budget: Decimal | None = None
    budget_duration: str | None = None
    budget_reset_at: datetime | None = None
    spend_pusd: int = 0
    seen_pusd: int = 0
    metadata: dict[str, Any]
    created_at: datetime


Record = TypeVar("Record", Key, User, Team)


def _moment(text: str) -> datetime:
    return datetime.fromisoformat(text)


def _names(text: str) -> tuple[str, ...]:
    return tuple(json.loads(text))


_DECODE: dict[str, Callable[[Any], Any]] = {
    "models": _names,
    "metadata": json.loads,
    "max_budget": Decimal,
    "blocked": bool,
}


def encode(value: object) -> object:
    """Convert a field's value for SQLite."""
    match value:
        case datetime():
            return stamp(value)
        case Decimal():
            return str(value)
        case tuple() | dict():
            return json.dumps(value)
    return value


def _decode(name: str, value: Any) -> Any:
    if value is None:
        return None
    if name.endswith("_at"):
        return _moment(str(value))
    return _DECODE[name](value) if name in _DECODE else value


def decode(kind: type[Record], row: sqlite3.Row) -> Record:
    """Build a record from a row with its columns."""
    return kind(**{field.name: _decode(field.name, row[field.name]) for field in fields(kind)})


def money(budget: Decimal | None) -> float | None:
    """Format a budget as JSON number."""
    return None if budget is None else float(budget)


def spent(key: Key) -> float:
    """Format the reported spend as JSON number."""
    return usd(key.seen_pusd)
