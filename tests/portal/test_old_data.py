"""Data of another version is neither migrated nor lost: `make run` moves it away, `migrate` refuses."""

import json
import os
import re
import socket
import sqlite3
import subprocess
import sys
from contextlib import closing
from fnmatch import fnmatch
from pathlib import Path

import pytest
from django.core.management import call_command
from django.core.management.base import SystemCheckError
from django.db import connection
from django.db.migrations.recorder import MigrationRecorder
from pytest_django import Settings

from portal.old_data import DATA, DATABASE, STAMP, edited_migrations, move_aside, stamp_data, unknown_migrations

OLD_MIGRATIONS = [("usage", "0001_facts"), ("auth", "0001_initial"), ("accounts", "0001_initial")]
OUR_MIGRATIONS = [("auth", "0001_initial"), ("accounts", "0001_initial")]
KILLED = 9
REAL_GATEWAY = {"GATEWAY_URL": "http://127.0.0.1:9", "GATEWAY_ADMIN_KEY": "sk-not-the-default"}


def make_old_database(file: Path, migrations: list[tuple[str, str]] = OLD_MIGRATIONS) -> None:
    """Make the database of a portal that had other migrations."""
    file.parent.mkdir(parents=True, exist_ok=True)
    with closing(sqlite3.connect(file)) as database, database:
        database.execute("CREATE TABLE django_migrations (id INTEGER PRIMARY KEY, app TEXT, name TEXT, applied TEXT)")
        for migration in migrations:
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


@pytest.mark.parametrize(
    ("gateway", "migrations"),
    [
        pytest.param({}, OLD_MIGRATIONS, id="sandbox"),
        pytest.param({}, OUR_MIGRATIONS, id="no-stamp", marks=pytest.mark.slow),
        pytest.param(REAL_GATEWAY, OLD_MIGRATIONS, id="real", marks=pytest.mark.slow),
    ],
)
def test_make_run_moves_it_away_and_starts_over(
    tmp_path: Path, repository: Path, gateway: dict[str, str], migrations: list[tuple[str, str]]
) -> None:
    data = tmp_path if gateway else tmp_path / "sandbox"
    make_old_database(data / "db.sqlite3", migrations)
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


@pytest.mark.slow
def test_make_run_finishes_a_move_that_was_killed(tmp_path: Path, repository: Path) -> None:
    moved = tmp_path / "old-data-partly-moved"
    make_old_database(moved / "db.sqlite3")
    (moved / "secret_key").write_text("of the old data, and long enough for a start")

    done = run_until_the_port(repository, tmp_path, **REAL_GATEWAY)

    [kept] = list(tmp_path.glob(f"{tmp_path.name}-20*"))
    assert str(kept) in done.stdout
    assert "old" in tables_of(kept / "db.sqlite3")
    assert (kept / "secret_key").read_text().startswith("of the old data")
    assert not moved.exists()


def killed_at_rename(number: int, var_dir: Path) -> bool:
    """Move the data in a child that ends before its nth rename; say whether it came to that."""
    child = os.fork()
    if not child:
        renames = iter(range(1, number))
        sys.addaudithook(lambda event, _: event == "os.rename" and next(renames, 0) == 0 and os._exit(KILLED))
        move_aside(var_dir, var_dir)
        os._exit(0)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == KILLED


@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")  # Python 3.12: other tests may have threads left
def test_a_move_that_is_killed_goes_on_into_the_same_folder(tmp_path: Path) -> None:
    names = [name.replace("*", "wal") for name in DATA]
    number, killed = 0, True
    while killed:
        number += 1
        var_dir = tmp_path / f"killed-{number}"
        var_dir.mkdir()
        for name in names:
            (var_dir / name).write_text("old")
        killed = killed_at_rename(number, var_dir)
        if not (var_dir / "secret_key").exists():
            (var_dir / "secret_key").write_text("new")  # the settings make it before the next start looks at the data

        kept = move_aside(var_dir, var_dir) if killed else next(var_dir.glob("killed-*"))

        assert {file.name: file.read_text() for file in kept.iterdir()} == dict.fromkeys(names, "old")
    assert number == len(names) + 2


@pytest.mark.slow
def test_make_run_of_the_sandbox_moves_nothing_for_a_killed_move_of_a_real_gateway(
    tmp_path: Path, repository: Path
) -> None:
    (tmp_path / "old-data-partly-moved").mkdir()
    (tmp_path / "sandbox").mkdir()
    (tmp_path / "sandbox" / "secret_key").write_text("of this version, and long enough for a start")

    done = run_until_the_port(repository, tmp_path)

    assert "PORT" in done.stderr
    assert (done.stdout, list(tmp_path.glob("sandbox-20*"))) == ("", [])


def test_all_that_the_settings_put_into_the_data_folder_is_moved(repository: Path) -> None:
    text = (repository / "portal" / "settings.py").read_text(encoding="utf-8")
    names = re.findall(r"""(?:\bDATA_DIR / |embedded_secret\()["']([\w.-]+)""", text)

    assert len(names) >= 7
    assert [name for name in names if not any(fnmatch(name, moved) for moved in DATA)] == []


@pytest.fixture
def in_data_dir(db: None, settings: Settings, tmp_path: Path) -> Path:
    """Let the tests' database be the one in the data folder; return its stamp."""
    settings.DATA_DIR = tmp_path
    (tmp_path / DATABASE).symlink_to(Path(str(connection.settings_dict["NAME"])).absolute())
    return tmp_path / STAMP


def stamp_new_database() -> None:
    """Write the stamp of a database without migrations; it has them again afterwards."""
    migrations = MigrationRecorder(connection).migration_qs
    applied = list(migrations)
    migrations.delete()
    stamp_data()
    migrations.bulk_create(applied)


@pytest.mark.only_on("sqlite")
def test_notices_a_migration_that_was_edited(in_data_dir: Path) -> None:
    stamp_data()
    assert "accounts.0001_initial" in edited_migrations()  # of before there were stamps
    stamp_new_database()
    assert edited_migrations() == []

    digests = json.loads(in_data_dir.read_text())
    in_data_dir.write_text(json.dumps(digests | {"keys.0001_initial": "of an older text", "keys.0002_not_run": ""}))
    assert edited_migrations() == ["keys.0001_initial"]

    in_data_dir.write_text("")  # after a power failure
    assert "accounts.0001_initial" in edited_migrations()


@pytest.mark.only_on("sqlite")
def test_a_migration_that_has_not_run_may_change(in_data_dir: Path) -> None:
    stamp_new_database()  # by a start that was killed before it migrated
    digests = json.loads(in_data_dir.read_text())
    in_data_dir.write_text(json.dumps(digests | {"keys.0001_initial": "of an older text"}))
    MigrationRecorder(connection).record_unapplied("keys", "0001_initial")

    assert edited_migrations() == []


def test_a_database_that_is_named_has_no_stamp(db: None, settings: Settings, tmp_path: Path) -> None:
    for folder in (tmp_path, Path(str(connection.settings_dict["NAME"])).parent):  # elsewhere, or by another name
        settings.DATA_DIR = folder

        stamp_data()

        assert edited_migrations() == []
        assert not (folder / STAMP).exists()


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
