"""Connections that are checked before use, and on which no page waits for long.

The pool alone hands out connections that a restart of PostgreSQL has ended, and a server that hangs would keep a page
waiting for ever: the server itself enforces its limits (`statement_timeout`), and it is the server that hangs.
"""

import time
from typing import Any, Final

import psycopg
from django.conf import settings
from django.db import DEFAULT_DB_ALIAS
from django.db.backends.postgresql import base
from psycopg_pool import PoolTimeout

from web.outage import database_watch
from web.patience import answer_limit_s, answers_within

CHECK_S: Final = 1.0  # for an answer to an empty query
CONNECT_S: Final = 2  # the least that libpq accepts


class BoundedConnection(psycopg.Connection[Any]):
    """A connection that is closed when an answer takes longer than the thread's limit."""

    def wait(self, gen: Any, interval: float = 0.1, timeout: float | None = None) -> Any:
        """Exchange with the server, as psycopg does, within the limit."""
        limit_s = answer_limit_s() if timeout is None else timeout
        try:
            return super().wait(gen, interval, limit_s)
        except psycopg.errors._WaitTimeout:
            self.pgconn.finish()  # its state is unknown, and further queries would wait as long again
            database_watch.suspect()
            raise psycopg.OperationalError(f"PostgreSQL gave no answer within {limit_s} s") from None


class DatabaseWrapper(base.DatabaseWrapper):
    """Checks on checkout, and fails at once while the database is known to be unavailable."""

    def __init__(self, settings_dict: dict[str, Any], alias: str = DEFAULT_DB_ALIAS) -> None:
        super().__init__(settings_dict, alias)
        if pool := settings_dict["OPTIONS"].get("pool"):
            pool.setdefault("connection_class", BoundedConnection)

    def get_new_connection(self, conn_params: dict[str, Any]) -> Any:
        """Return a working connection. The pool's own time limit bounds the wait while all are in use."""
        if self.pool is None:
            return super().get_new_connection(conn_params)
        watch = database_watch
        until = time.monotonic() + settings.DATABASE_POOL_TIMEOUT_S
        while True:
            if watch.is_away:
                raise psycopg.OperationalError("PostgreSQL does not answer")
            try:
                connection = super().get_new_connection(conn_params)
            except PoolTimeout:  # all are in use, or none can be made
                if time.monotonic() > until or not watch.ask():
                    raise
                continue
            if self._works(connection):
                return connection
            watch.suspect()
            connection.pgconn.finish()
            self.pool.putconn(connection)  # which notices that it is closed, and makes another

    def _works(self, connection: Any) -> bool:
        try:
            with answers_within(CHECK_S):
                connection.execute("")
        except psycopg.Error:
            return False
        return True


def asks(settings_dict: dict[str, Any]) -> bool:
    """Open a connection outside of the pool, and tell whether PostgreSQL answers; takes three seconds at most."""
    params = DatabaseWrapper(settings_dict, alias="health").get_connection_params()
    params.update(connect_timeout=CONNECT_S, autocommit=True)
    params.pop("cursor_factory", None)
    try:
        with answers_within(CHECK_S), BoundedConnection.connect(**params) as connection:
            connection.execute("SELECT 1")
    except psycopg.Error:
        return False
    return True
