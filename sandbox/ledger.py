"""The cost of calls: budgets are charged at once, reports follow after a delay, as in the real gateway."""

import sqlite3
from dataclasses import asdict, dataclass
from datetime import timedelta

from sandbox.clock import Clock, stamp, to_the_millisecond
from sandbox.database import COUNTERS, DIMENSIONS
from sandbox.keyring import Keyring
from sandbox.people import People
from sandbox.records import Key

_FACT = ", ".join((*DIMENSIONS, *COUNTERS))
_MARKS = ", ".join(f":{name}" for name in (*DIMENSIONS, *COUNTERS))
_ADD = ", ".join(f"{name} = {name} + excluded.{name}" for name in COUNTERS)
# column names are the constants of database.py
_PEND = f"INSERT INTO pending (seen_at, {_FACT}) VALUES (:seen_at, {_MARKS})"  # noqa: S608
_SETTLE = f"""
INSERT INTO facts ({_FACT}) VALUES ({_MARKS})
ON CONFLICT (day, user_id, token, model, endpoint) DO UPDATE SET {_ADD}
"""  # noqa: S608


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    """One call, or several summed; `model` is the public name, `upstream` the provider's."""

    user_id: str
    token: str
    model: str
    upstream: str
    provider: str
    endpoint: str
    spend_pusd: int = 0
    prompt_tokens: int = 0
    completion_tokens: int = 0
    cached_tokens: int = 0
    successes: int = 0
    failures: int = 0
    took_ms: int = 0


class Ledger:
    """Charges calls to keys, their teams, and days."""

    def __init__(
        self, database: sqlite3.Connection, clock: Clock, keys: Keyring, people: People, delay_s: float
    ) -> None:
        self._db = database
        self._clock = clock
        self._keys = keys
        self._people = people
        self._delay = timedelta(seconds=delay_s)

    def record(self, key: Key | None, usage: Usage) -> None:
        """Charge the key now; the reports follow after the delay."""
        if key is not None and (live := self._keys.live(key.token)) is not None:
            self._keys.change(live, spend_pusd=live.spend_pusd + usage.spend_pusd)
        if key is not None:
            self._people.charge_team(key.team_id, usage.spend_pusd)
        now = self._clock.now()
        row = {**asdict(usage), "day": now.date().isoformat(), "seen_at": stamp(now + self._delay)}
        self._db.execute(_PEND, row)

    def add_facts(self, day: str, usages: list[Usage]) -> None:
        """Write finished facts of a day, charging no key."""
        self._db.executemany(_SETTLE, [{**asdict(usage), "day": day} for usage in usages])

    def set_facts(self, day: str, usages: list[Usage]) -> None:
        """Replace all facts of a day."""
        self._db.execute("BEGIN")
        self._db.execute("DELETE FROM facts WHERE day = ?", (day,))
        self.add_facts(day, usages)
        self._db.execute("COMMIT")

    def settle(self) -> None:
        """Show calls in the reports whose delay is over."""
        due = (stamp(self._clock.now()),)
        self._db.execute("BEGIN")
        rows = self._db.execute("SELECT * FROM pending WHERE seen_at <= ?", due).fetchall()
        for row in rows:
            self._db.execute(_SETTLE, dict(row))
            self._report(row["token"], row["spend_pusd"])
        self._db.execute("DELETE FROM pending WHERE seen_at <= ?", due)
        self._db.execute("COMMIT")

    def _report(self, token: str, spend_pusd: int) -> None:
        key = self._keys.latest(token)
        if key is not None:
            self._people.report_team(key.team_id, spend_pusd)
        if key is None or key.deleted_at is not None:
            return
        now = to_the_millisecond(self._clock.now())
        seen_pusd = min(key.seen_pusd + spend_pusd, key.spend_pusd)  # the budget may have been reset since
        total_pusd = key.total_pusd + spend_pusd
        self._keys.change(key, seen_pusd=seen_pusd, total_pusd=total_pusd, last_active_at=now, updated_at=now)
