"""The database as a stream: PostgreSQL by its own programs, SQLite by its own copy, each of one moment."""

import contextlib
import io
import os
import shutil
import sqlite3
import subprocess
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import IO, Final

from django.db import connection, transaction
from django.db.backends.postgresql.client import DatabaseClient

from gateway.secret import redact
from portal.backups.archive import CHUNK_BYTES, DRAFT_PREFIX, DRAFT_SUFFIX
from portal.backups.errors import BackupError

ONE_MOMENT: Final = "SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY"
WITHOUT_LIMIT: Final = "SET LOCAL statement_timeout = 0; SET LOCAL idle_in_transaction_session_timeout = 0"
COUNT: Final = "SELECT count(*) FROM {}"  # a quoted name
FOR_ANYBODY: Final = ("--no-owner", "--no-privileges", "--no-comments")  # the user of the restored one may be another
# Others, such as pg_stat_statements, are the administrators': the owner of another database may not create them.
OWN_EXTENSION: Final = "--extension=plpgsql"


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """The database at one moment."""

    rows: dict[str, int]  # by table
    chunks: Iterator[bytes]
    is_compressed: bool


@contextmanager
def snapshot(folder: Path) -> Iterator[Snapshot]:
    """Hold the database at one moment: counts and content are of the same. `folder` has room for a copy of SQLite."""
    with _postgresql() if connection.vendor == "postgresql" else _sqlite(folder) as taken:
        yield taken


def table_names() -> list[str]:
    """Return all tables, ours and Django's."""
    with connection.cursor() as cursor:
        return sorted(connection.introspection.table_names(cursor))


def count_rows() -> dict[str, int]:
    """Return how many rows each table has."""
    with connection.cursor() as cursor:
        counts = {}
        for name in table_names():
            cursor.execute(COUNT.format(connection.ops.quote_name(name)))
            counts[name] = int(cursor.fetchone()[0])
        return counts


def load(chunks: Iterable[bytes], folder: Path) -> None:
    """Fill the empty database, wholly or not at all. Raises BackupError."""
    if connection.vendor == "postgresql":
        connection.close()
        _write_to(_command("pg_restore", ["--single-transaction", "--exit-on-error", *FOR_ANYBODY]), chunks)
        return
    with _private_copy(folder) as copy:
        with copy.open("wb") as file:
            file.writelines(chunks)
        with closing(sqlite3.connect(copy)) as source:
            connection.ensure_connection()
            source.backup(connection.connection)


@contextmanager
def _postgresql() -> Iterator[Snapshot]:
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(ONE_MOMENT)
        cursor.execute(WITHOUT_LIMIT)  # a dump takes its time, and counting too
        cursor.execute("SELECT pg_export_snapshot()")
        [name] = cursor.fetchone()
        dump = _command("pg_dump", ["--format=custom", f"--snapshot={name}", OWN_EXTENSION, *FOR_ANYBODY])
        yield Snapshot(rows=count_rows(), chunks=_read_from(dump), is_compressed=True)


@contextmanager
def _sqlite(folder: Path) -> Iterator[Snapshot]:
    with _private_copy(folder) as path:
        connection.ensure_connection()
        with closing(sqlite3.connect(path)) as copy:
            connection.connection.backup(copy)
            quoted = ((name, connection.ops.quote_name(name)) for name in _tables_of(copy))
            rows = {name: copy.execute(COUNT.format(table)).fetchone()[0] for name, table in quoted}
        with path.open("rb") as file:
            yield Snapshot(rows=rows, chunks=iter(partial(file.read, CHUNK_BYTES), b""), is_compressed=False)


def _tables_of(database: sqlite3.Connection) -> list[str]:
    names = database.execute("SELECT name FROM sqlite_master WHERE type = 'table' AND name != 'sqlite_sequence'")
    return sorted(name for (name,) in names)


@contextmanager
def _private_copy(folder: Path) -> Iterator[Path]:
    """Give a name for a file in a folder that only its owner can enter, and that is deleted in the end."""
    with tempfile.TemporaryDirectory(prefix=DRAFT_PREFIX, suffix=DRAFT_SUFFIX, dir=folder) as private:
        yield Path(private) / "copy.sqlite3"


def _command(program: str, options: list[str]) -> tuple[list[str], dict[str, str]]:
    """Return the command for a program of PostgreSQL, and its environment; the password is in no argument."""
    if shutil.which(program) is None:
        raise BackupError(f"{program} is not installed. In Debian it is in the package postgresql-client.")
    if connection.settings_dict["DISABLE_SERVER_SIDE_CURSORS"]:  # its SET search_path would reach queries of others
        raise BackupError(
            f"{program} cannot go through PgBouncer, which gives its connection to others. Run this with DATABASE_URL "
            "of PostgreSQL itself and DATABASE_TRANSACTION_POOLING=0."
        )
    where, more = DatabaseClient.settings_to_cmd_args_env(connection.settings_dict, [])
    if program == "pg_restore":
        options = [*options, "--dbname", where.pop()]
    return [program, *options, *where[1:]], {**os.environ, **(more or {})}


def _read_from(command: tuple[list[str], dict[str, str]]) -> Iterator[bytes]:
    """Yield what a program writes. Raises BackupError where it fails."""
    arguments, environment = command
    with tempfile.TemporaryFile() as complaints:
        process = subprocess.Popen(arguments, env=environment, stdout=subprocess.PIPE, stderr=complaints)
        try:
            output = process.stdout or io.BytesIO()
            yield from iter(partial(output.read, CHUNK_BYTES), b"")
            _end_well(process, arguments[0], complaints)
        finally:
            _kill(process)


def _write_to(command: tuple[list[str], dict[str, str]], chunks: Iterable[bytes]) -> None:
    """Let a program read. Raises BackupError where it fails."""
    arguments, environment = command
    with tempfile.TemporaryFile() as complaints:
        process = subprocess.Popen(arguments, env=environment, stdin=subprocess.PIPE, stderr=complaints)
        try:
            with contextlib.suppress(BrokenPipeError), process.stdin or io.BytesIO() as given:
                for chunk in chunks:
                    given.write(chunk)
            _end_well(process, arguments[0], complaints)
        finally:
            _kill(process)


def _end_well(process: "subprocess.Popen[bytes]", program: str, complaints: IO[bytes]) -> None:
    """Wait for the end of a program, and raise BackupError with the first lines of what was complained of."""
    if process.wait():
        complaints.seek(0)
        text = complaints.read(2000).decode(errors="replace").strip()
        raise BackupError(redact(f"{program} failed: {text}"))


def _kill(process: "subprocess.Popen[bytes]") -> None:
    """End it, however the block ended; nothing where it has ended."""
    process.kill()
    process.wait()
    for stream in (process.stdin, process.stdout):
        if stream:
            with contextlib.suppress(BrokenPipeError):
                stream.close()
