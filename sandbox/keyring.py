"""The keys of the sandbox."""

import hashlib
import sqlite3
from dataclasses import asdict, dataclass, replace

from sandbox.clock import Clock, stamp
from sandbox.database import insert
from sandbox.durations import next_reset
from sandbox.records import Key, decode, encode

SORTABLE = ("spend", "max_budget", "created_at", "updated_at", "token", "key_alias")
_FIND = "SELECT * FROM keys WHERE "
_FITTING = """
FROM keys
WHERE (deleted_at IS NOT NULL) = (:status IS 'deleted')
  AND (:user_id IS NULL OR user_id = :user_id)
  AND (:team_id IS NULL OR team_id = :team_id)
  AND (:token IS NULL OR token = :token)
  AND (:alias IS NULL OR alias = :alias OR :substring AND instr(alias, :alias) > 0)
  AND CASE :status
    WHEN 'revoked' THEN blocked IS 1
    WHEN 'expired' THEN blocked IS NOT 1 AND expires_at <= :now
    WHEN 'active' THEN blocked IS NOT 1 AND (expires_at IS NULL OR expires_at > :now)
    ELSE 1 END
"""
_SORT_KEY = """CASE :sort_by
    WHEN 'spend' THEN spend_pusd WHEN 'max_budget' THEN CAST(max_budget AS REAL) WHEN 'created_at' THEN created_at
    WHEN 'updated_at' THEN updated_at WHEN 'token' THEN token WHEN 'key_alias' THEN alias END"""
_COUNT = "SELECT COUNT(*)" + _FITTING
_PAGE = "SELECT *" + _FITTING + "ORDER BY " + _SORT_KEY + " {direction} LIMIT :size OFFSET :start"


def token_of(secret_or_token: str) -> str:
    """Return the hash of a key, from its secret or from the hash itself."""
    if secret_or_token.startswith("sk-"):
        return hashlib.sha256(secret_or_token.encode()).hexdigest()
    return secret_or_token


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """The filters of `/key/list`."""

    user_id: str | None = None
    team_id: str | None = None
    token: str | None = None
    alias: str | None = None
    substring: bool = False
    status: str | None = None
    sort_by: str = "created_at"
    descending: bool = True


class Keyring:
    """Finds, adds, changes and deletes keys. Budgets that are due reset whenever a key is read."""

    def __init__(self, database: sqlite3.Connection, clock: Clock) -> None:
        self._db = database
        self._clock = clock

    def add(self, key: Key) -> None:
        """Store a new key."""
        insert(self._db, "keys", key)

    def live(self, token: str) -> Key | None:
        """Return the key that is not deleted."""
        return self._first("token = ? AND deleted_at IS NULL", token)

    def latest(self, token: str) -> Key | None:
        """Return the live key, or else the one deleted last."""
        return self._first("token = ? ORDER BY deleted_at IS NOT NULL, id DESC", token)

    def holder_of_alias(self, alias: str) -> Key | None:
        """Return the live key with this alias."""
        return self._first("alias = ? AND deleted_at IS NULL", alias)

    def all_live(self) -> list[Key]:
        """Return every key that is not deleted, oldest first."""
        rows = self._db.execute("SELECT * FROM keys WHERE deleted_at IS NULL ORDER BY id")
        return [decode(Key, row) for row in rows]

    def change(self, key: Key, **changes: object) -> Key:
        """Update some fields of a live key and return it."""
        names = ", ".join(f"{name} = ?" for name in changes)
        values = [encode(value) for value in changes.values()]
        update = f"UPDATE keys SET {names} WHERE token = ? AND deleted_at IS NULL"  # noqa: S608  # names are fields
        self._db.execute(update, (*values, key.token))
        return replace(key, **changes)  # type: ignore[arg-type]  # SQLite knows the names, as just seen

    def delete(self, key: Key) -> None:
        """Mark a key as deleted; its alias is free from now on."""
        self.change(key, deleted_at=self._clock.now())

    def page(self, wanted: Wanted, *, page: int, size: int) -> tuple[int, list[Key]]:
        """Return the number of matching keys, and those of one page (from 1)."""
        self._renew_budgets()
        values = {**asdict(wanted), "now": stamp(self._clock.now()), "size": size, "start": (page - 1) * size}
        (total,) = self._db.execute(_COUNT, values).fetchone()
        rows = self._db.execute(_PAGE.format(direction="DESC" if wanted.descending else "ASC"), values)
        return total, [decode(Key, row) for row in rows]

    def _first(self, where: str, value: str) -> Key | None:
        self._renew_budgets()
        row = self._db.execute(_FIND + where + " LIMIT 1", (value,)).fetchone()
        return None if row is None else decode(Key, row)

    def _renew_budgets(self) -> None:
        now = self._clock.now()
        rows = self._db.execute(_FIND + "budget_reset_at <= ? AND deleted_at IS NULL", (stamp(now),))
        for key in [decode(Key, row) for row in rows]:
            reset = next_reset(now, key.budget_duration or "30d")
            self.change(key, spend_pusd=0, seen_pusd=0, budget_reset_at=reset)
