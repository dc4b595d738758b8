"""The sandbox's database: one SQLite file, or in memory. It stores no secrets, only their hashes."""

import sqlite3
from dataclasses import asdict, fields
from pathlib import Path

from sandbox.records import Key, Team, User, encode

_SCHEMA = """
CREATE TABLE IF NOT EXISTS keys (
    id INTEGER PRIMARY KEY, {keys}
);
-- what is live is unique; deleted rows stay for /key/info
CREATE UNIQUE INDEX IF NOT EXISTS keys_live_token ON keys (token) WHERE deleted_at IS NULL;
CREATE UNIQUE INDEX IF NOT EXISTS keys_live_alias ON keys (alias) WHERE deleted_at IS NULL AND alias <> '';
CREATE INDEX IF NOT EXISTS keys_token ON keys (token);
CREATE INDEX IF NOT EXISTS keys_user ON keys (user_id);
CREATE INDEX IF NOT EXISTS keys_reset ON keys (budget_reset_at) WHERE budget_reset_at IS NOT NULL;
CREATE TABLE IF NOT EXISTS users ({users}, PRIMARY KEY (user_id));
CREATE TABLE IF NOT EXISTS teams ({teams}, PRIMARY KEY (team_id));
CREATE TABLE IF NOT EXISTS pending (
    id INTEGER PRIMARY KEY, seen_at TEXT NOT NULL, day TEXT NOT NULL, user_id TEXT NOT NULL, token TEXT NOT NULL,
    model TEXT NOT NULL, upstream TEXT NOT NULL, provider TEXT NOT NULL, endpoint TEXT NOT NULL, {counters}
);
CREATE TABLE IF NOT EXISTS facts (
    day TEXT NOT NULL, user_id TEXT NOT NULL, token TEXT NOT NULL,
    model TEXT NOT NULL, upstream TEXT NOT NULL, provider TEXT NOT NULL, endpoint TEXT NOT NULL, {counters},
    PRIMARY KEY (day, user_id, token, model, endpoint)
) WITHOUT ROWID;
"""
COUNTERS = ("spend_pusd", "prompt_tokens", "completion_tokens", "cached_tokens", "successes", "failures", "took_ms")
DIMENSIONS = ("day", "user_id", "token", "model", "upstream", "provider", "endpoint")
_EMPTY = "DELETE FROM keys; DELETE FROM users; DELETE FROM teams; DELETE FROM pending; DELETE FROM facts;"


def _names(kind: type[Key] | type[User] | type[Team]) -> str:
    return ", ".join(field.name for field in fields(kind))


def connect(data: str | None) -> sqlite3.Connection:
    """Open the file (created if missing) or a database in memory, with its tables."""
    if data is not None:
        Path(data).parent.mkdir(parents=True, exist_ok=True)
    database = sqlite3.connect(data or ":memory:", isolation_level=None)
    database.row_factory = sqlite3.Row
    database.execute("PRAGMA journal_mode = WAL")
    database.execute("PRAGMA synchronous = NORMAL")  # commits survive the end of the process, not a power failure
    counters = ", ".join(f"{name} INTEGER NOT NULL DEFAULT 0" for name in COUNTERS)
    database.executescript(_SCHEMA.format(keys=_names(Key), users=_names(User), teams=_names(Team), counters=counters))
    return database


def insert(database: sqlite3.Connection, table: str, record: Key | User | Team) -> None:
    """Insert a row; `sqlite3.IntegrityError` if it conflicts with a live one."""
    columns = {name: encode(value) for name, value in asdict(record).items()}
    marks = ", ".join("?" * len(columns))
    statement = f"INSERT INTO {table} ({', '.join(columns)}) VALUES ({marks})"  # noqa: S608  # our own names
    database.execute(statement, tuple(columns.values()))


def empty(database: sqlite3.Connection) -> None:
    """Delete everything."""
    database.executescript(_EMPTY)
