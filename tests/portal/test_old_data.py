"""Data of another version is neither migrated nor lost: `make run` moves it away, `migrate` refuses."""

import os
import socket
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest
from django.core.management import call_command
from django.core.management.base import SystemCheckError
from django.db import connection
from django.db.migrations.recorder import MigrationRecorder

from portal.old_data import unknown_migrations

OLD_MIGRATIONS = [("usage", "0001_facts"), ("auth", "0001_initial"), ("accounts", "0001_initial")]
REAL_GATEWAY = {"GATEWAY_URL": "http://127.0.0.1:9", "GATEWAY_ADMIN_KEY": "sk-not-the-default"}


def make_old_database(file: Path) -> None:
    """Make the database of a portal that had other migrations."""
    file.parent.mkdir(parents=True, exist_ok=True)
    with closing(sqlite3.connect(file)) as database, database:
        database.execute("CREATE TABLE django_migrations (id INTEGER PRIMARY KEY, app TEXT, name TEXT, applied TEXT)")
        for migration in OLD_MIGRATIONS:
            row = (*migration, "2026-11-21 09:00:00")
            database.execute("INSERT INTO django_migrations (app, name, applied) VALUES (?, ?, ?)", row)
        database.execute("CREATE TABLE old (text TEXT)")


def run_until_the_port(repository: Path, var_dir: Path, **given: str) -> subprocess.CompletedProcess[str]:
    """Start the portal with a port that is taken, so that it ends as soon as its data is looked at."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        environment = {"PATH": os.environ["PATH"], "EMBEDDED": "1", "VAR_DIR": str(var_dir), **given}
        environment["PORT"] = str(server.getsockname()[1])
        command = [sys.executable, "manage.py", "run"]
        return subprocess.run(
            command, cwd=repository, env=environment, capture_output=True, text=True, timeout=90, check=False
        )


def tables_of(file: Path) -> set[str]:
    with closing(sqlite3.connect(file)) as database:
        return {name for (name,) in database.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}


@pytest.mark.parametrize("gateway", [{}, pytest.param(REAL_GATEWAY, marks=pytest.mark.slow)], ids=["sandbox", "real"])
def test_make_run_moves_it_away_and_starts_over(tmp_path: Path, repository: Path, gateway: dict[str, str]) -> None:
    data = tmp_path if gateway else tmp_path / "sandbox"
    make_old_database(data / "db.sqlite3")
    (data / "secret_key").write_text("of the old data, and long enough for a start")
    (tmp_path / "letter.txt").write_text("of somebody else")

    done = run_until_the_port(repository, tmp_path, **gateway)

    [kept] = list(tmp_path.glob(f"{data.name}-20*"))
    assert [str(data) in line and str(kept) in line for line in done.stdout.splitlines()] == [True]
    assert "PORT" in done.stderr  # it went on
    assert "old" in tables_of(kept / "db.sqlite3")
    assert (kept / "secret_key").read_text().startswith("of the old data")
    assert not tables_of(data / "db.sqlite3")
    assert (data / "secret_key").read_text() != (kept / "secret_key").read_text()
    assert (tmp_path / "letter.txt").exists()


def test_make_run_touches_no_database_that_is_named(tmp_path: Path, repository: Path) -> None:
    make_old_database(tmp_path / "elsewhere" / "portal.sqlite3")

    done = run_until_the_port(
        repository, tmp_path / "var", DATABASE_URL=f"sqlite:///{tmp_path}/elsewhere/portal.sqlite3"
    )

    assert ["DATABASE_URL" in line and "usage.0001_facts" in line for line in done.stderr.splitlines()] == [True]
    assert "old" in tables_of(tmp_path / "elsewhere" / "portal.sqlite3")


def test_migrate_refuses_it(db: None) -> None:
    assert unknown_migrations() == []
    recorder = MigrationRecorder(connection)
    recorder.record_applied("socialaccount", "9999_of_a_newer_package")
    assert unknown_migrations() == []
    recorder.record_applied("keys", "0002_playground")

    with pytest.raises(SystemCheckError, match=r"keys\.0002_playground"):
        call_command("migrate", skip_checks=False, verbosity=0)
