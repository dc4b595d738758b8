"""Watches a portal from outside while streams run: memory, database connections, client connections."""

import os
import sqlite3
import threading
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Final, Protocol, Self

import psutil
import psycopg

EVERY_S: Final = 1.0
_KB_PER_MB: Final = 1024.0
_OPEN_CALLS: Final = "SELECT count(*) FROM playground_activecall WHERE ended_at IS NULL AND began_at > {mark}"
_CONNECTIONS: Final = (
    "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
)

Processes = list[psutil.Process]


class Database(Protocol):
    """The portal's database, as another program sees it."""

    def connections(self, processes: Processes) -> int:
        """Return how many connections the portal has."""

    def open_calls(self, since: datetime) -> int:
        """Return how many calls started since then are active in the portal's rows."""

    def analyze(self) -> None:
        """Analyse the tables, if the database does so by itself in time."""


class Postgres:
    """PostgreSQL at this URL."""

    def __init__(self, url: str) -> None:
        self._url = url

    def connections(self, processes: Processes) -> int:
        """Count all connections to this database but one's own."""
        return self._count(_CONNECTIONS)

    def open_calls(self, since: datetime) -> int:
        """Count them."""
        return self._count(_OPEN_CALLS.format(mark="%s"), since)

    def analyze(self) -> None:
        """Do what autovacuum does within a minute: until then, some plans are those of empty tables."""
        with psycopg.connect(self._url) as connection:
            connection.execute("ANALYZE")

    def _count(self, sql: str, *values: object) -> int:
        with psycopg.connect(self._url) as connection:
            row = connection.execute(sql, values).fetchone()
        return int(row[0]) if row else 0


class Sqlite:
    """The file at this path."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def connections(self, processes: Processes) -> int:
        """Count the descriptors of the file itself, one for each connection; its log has others."""
        links = [link for each in processes for link in Path(f"/proc/{each.pid}/fd").iterdir()]
        return sum(_target(link) == str(self._path) for link in links)

    def open_calls(self, since: datetime) -> int:
        """Count them."""
        mark = since.astimezone(UTC).replace(tzinfo=None).isoformat(" ")  # as Django writes it there
        with closing(sqlite3.connect(self._path)) as connection:
            return int(connection.execute(_OPEN_CALLS.format(mark="?"), [mark]).fetchone()[0])

    def analyze(self) -> None:
        """Do nothing: SQLite does not either."""


def _target(link: Path) -> str:
    try:
        return os.readlink(link)
    except FileNotFoundError:  # closed since it was listed
        return ""


def memory_mb(processes: Processes) -> float:
    """Return the memory of these processes together, with shared memory counted once (Pss)."""
    total = 0
    for each in processes:
        lines = Path(f"/proc/{each.pid}/smaps_rollup").read_text(encoding="ascii").splitlines()
        total += sum(int(line.split()[1]) for line in lines if line.startswith("Pss:"))
    return total / _KB_PER_MB


def clients_held(processes: Processes, port: int) -> int:
    """Return the number of open client connections."""
    found = [one for each in processes for one in each.net_connections("tcp")]
    return sum(one.status != psutil.CONN_LISTEN and one.laddr.port == port for one in found)


class Watch:
    """Samples once a second, in a thread, during a `with`; keeps the maximum."""

    def __init__(self, processes: Processes, database: Database) -> None:
        self._processes = processes
        self._database = database
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._look, daemon=True)
        self.pss_mb = 0.0
        self.connections = self.threads = 0

    def _look(self) -> None:
        while True:
            self.connections = max(self.connections, self._database.connections(self._processes))
            self.pss_mb = max(self.pss_mb, memory_mb(self._processes))
            self.threads = max(self.threads, sum(each.num_threads() for each in self._processes))
            if self._done.wait(EVERY_S):
                return

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._done.set()
        self._thread.join()
