"""Dump the whole test database and restore it: PostgreSQL by pg_dump and psql, SQLite by a copy."""

import os
import sqlite3
import subprocess
from collections.abc import Callable
from typing import Any

from django.db import connection


def dump_database() -> Callable[[], None]:
    """Take a copy of the whole database; return what restores it. Not within a transaction."""
    if connection.vendor == "sqlite":
        return _dump_sqlite()
    dump = _run("pg_dump", "--clean", "--if-exists", "--no-owner").stdout
    return lambda: _restore_postgres(dump)


def _dump_sqlite() -> Callable[[], None]:
    copy = sqlite3.connect(":memory:")
    connection.ensure_connection()
    connection.connection.backup(copy)

    def restore() -> None:
        connection.ensure_connection()
        copy.backup(connection.connection)
        copy.close()

    return restore


def _restore_postgres(dump: bytes) -> None:
    connection.close()
    if getattr(connection, "pool", None):
        connection.close_pool()  # type: ignore[attr-defined]  # PostgreSQL only
    _run("psql", "--quiet", "--set", "ON_ERROR_STOP=1", input=dump)


def _run(program: str, *options: str, **more: Any) -> "subprocess.CompletedProcess[bytes]":
    of = connection.settings_dict
    names = {"PGHOST": "HOST", "PGPORT": "PORT", "PGUSER": "USER", "PGPASSWORD": "PASSWORD", "PGDATABASE": "NAME"}
    where = {name: str(of[setting]) for name, setting in names.items() if of.get(setting)}
    return subprocess.run(
        [program, *options], env={**os.environ, **where}, stdout=subprocess.PIPE, check=True, timeout=60, **more
    )
