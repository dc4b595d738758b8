"""Facts in the shape of `/user/daily/activity`: rows of user, day, key, model and endpoint, summed in many ways."""

import sqlite3
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from sandbox.config import usd
from sandbox.database import COUNTERS
from sandbox.keyring import Keyring
from sandbox.people import People

Json = dict[str, Any]
_FITTING = """
FROM facts
WHERE day BETWEEN :first_day AND :last_day
  AND (:user_id IS NULL OR user_id = :user_id)
  AND (:token IS NULL OR token = :token)
  AND (:upstream IS NULL OR upstream = :upstream)
"""
_COUNT = "SELECT COUNT(*)" + _FITTING
_PAGE = "SELECT *" + _FITTING + "ORDER BY day DESC, user_id, token, model, endpoint LIMIT :size OFFSET :start"
_BREAKDOWNS = {"models": "upstream", "model_groups": "model", "providers": "provider", "endpoints": "endpoint"}
_NEVER = ("compression_saved_tokens", "cache_creation_input_tokens")
_NEVER_USD = (
    "flat_cost",
    "compression_savings_spend",
    "prompt_caching_savings_spend",
    "gateway_injected_caching_savings_spend",
    "autorouter_savings_spend",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """The requested facts; days as ISO dates, inclusive."""

    first_day: str
    last_day: str
    user_id: str | None = None
    token: str | None = None
    upstream: str | None = None

    def values(self) -> Json:
        """Return the parameters of the queries."""
        return {name: getattr(self, name) for name in ("first_day", "last_day", "user_id", "token", "upstream")}


@dataclass(slots=True)
class _Sum:
    """Counters added up, and the same for each key."""

    counters: dict[str, int] = field(default_factory=lambda: dict.fromkeys(COUNTERS, 0))
    tokens: dict[str, "_Sum"] = field(default_factory=dict)

    def add(self, row: sqlite3.Row, *, by_key: bool) -> None:
        """Add one fact."""
        for name in COUNTERS:
            self.counters[name] += row[name]
        if by_key:
            self.tokens.setdefault(row["token"], _Sum()).add(row, by_key=False)

    def metrics(self) -> Json:
        """Format the sums."""
        counters = self.counters
        return {
            **dict.fromkeys(_NEVER_USD, 0.0),
            **dict.fromkeys(_NEVER, 0),
            "spend": usd(counters["spend_pusd"]),
            "prompt_tokens": counters["prompt_tokens"],
            "completion_tokens": counters["completion_tokens"],
            "cache_read_input_tokens": counters["cached_tokens"],
            "total_tokens": counters["prompt_tokens"] + counters["completion_tokens"],
            "successful_requests": counters["successes"],
            "failed_requests": counters["failures"],
            "api_requests": counters["successes"] + counters["failures"],
            "total_response_time_ms": counters["took_ms"],
            "timed_requests": counters["successes"],
        }


class Activity:
    """Reads and formats facts."""

    def __init__(self, database: sqlite3.Connection, keys: Keyring, people: People) -> None:
        self._db = database
        self._keys = keys
        self._people = people

    def rows(self, span: Span, *, size: int = -1, start: int = 0) -> list[sqlite3.Row]:
        """Return facts, newest day first; all of them by default."""
        return self._db.execute(_PAGE, {**span.values(), "size": size, "start": start}).fetchall()

    def count(self, span: Span) -> int:
        """Return the number of matching facts."""
        (number,) = self._db.execute(_COUNT, span.values()).fetchone()
        return int(number)

    def results(self, rows: list[sqlite3.Row], *, keys: int | None = None) -> list[Json]:
        """Format facts day by day; of the keys only so many, those with the highest spend."""
        included = None if keys is None else _dearest(rows, keys)
        days: dict[str, list[sqlite3.Row]] = {}
        for row in rows:
            days.setdefault(row["day"], []).append(row)
        about: dict[str, Json] = {}
        return [self._day(day, facts, about, included) for day, facts in days.items()]

    def _day(self, day: str, facts: list[sqlite3.Row], about: dict[str, Json], included: set[str] | None) -> Json:
        for row in facts:
            if row["token"] not in about and (included is None or row["token"] in included):
                about[row["token"]] = self._about_key(row["token"], row["user_id"])
        breakdown: Json = {"mcp_servers": {}}
        for name, column in _BREAKDOWNS.items():
            sums = _sums(facts, column, about)
            breakdown[name] = {
                value: {**_spelled(total, about), "metadata": {}} for value, total in sums.items() if value
            }
        listed = [row for row in facts if row["token"] in about]
        breakdown["api_keys"] = {
            token: {"metrics": total.metrics(), "metadata": about[token]}
            for token, total in _sums(listed, "token", about).items()
        }
        breakdown["entities"] = {
            user_id or "Unassigned": {**_spelled(total, about), "metadata": self._about_user(user_id)}
            for user_id, total in _sums(facts, "user_id", about).items()
        }
        return {"date": day, "metrics": total_of(facts), "breakdown": breakdown}

    def _about_key(self, token: str, user_id: str) -> Json:
        key = self._keys.latest(token)
        user = self._people.user(user_id)
        return {
            "key_alias": key and key.alias,
            "team_id": key and key.team_id,
            "user_id": user_id or None,
            "user_email": user and user.user_email,
            "key_exists": key is not None and key.deleted_at is None,
        }

    def _about_user(self, user_id: str) -> Json:
        user = self._people.user(user_id)
        return {"user_email": user and user.user_email, "user_alias": user and user.user_alias}


def _dearest(rows: list[sqlite3.Row], keys: int) -> set[str]:
    """Return the most expensive tokens."""
    spent: dict[str, int] = {}
    for row in rows:
        spent[row["token"]] = spent.get(row["token"], 0) + row["spend_pusd"]
    return set(sorted(spent, key=lambda token: -spent[token])[:keys])


def _sums(facts: list[sqlite3.Row], column: str, about: dict[str, Json]) -> dict[str, _Sum]:
    """Sum by a column, and within it by the listed keys."""
    sums: dict[str, _Sum] = {}
    for row in facts:
        sums.setdefault(row[column], _Sum()).add(row, by_key=row["token"] in about)
    return sums


def _spelled(total: _Sum, about: dict[str, Json]) -> Json:
    keys = {token: {"metrics": part.metrics(), "metadata": about[token]} for token, part in total.tokens.items()}
    return {"metrics": total.metrics(), "api_key_breakdown": keys}


def total_of(facts: Iterable[sqlite3.Row]) -> Json:
    """Format the sum of facts."""
    total = _Sum()
    for row in facts:
        total.add(row, by_key=False)
    return total.metrics()


def metadata(facts: list[sqlite3.Row], *, page: int, pages: int) -> Json:
    """Format the totals of one response, which are those of its own facts only."""
    totals = {name if name.startswith("total_") else f"total_{name}": value for name, value in total_of(facts).items()}
    nothing = dict.fromkeys(("api_key_limit", "total_api_keys", "entity_total_api_keys"))
    return {**totals, "page": page, "total_pages": pages, "has_more": page < pages, **nothing}
