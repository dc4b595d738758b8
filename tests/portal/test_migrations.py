"""Migrations: what `migrate --check` says, what old nodes can live with, and what is left of one that fails."""

import io
import re
from pathlib import Path

import pytest
from django.core.management import call_command
from django.db import connection
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.recorder import MigrationRecorder

from keys.models import Intern
from portal.migration_rules import breaks_of
from portal.old_data import APPS
from portal.version import version
from tests.factories import make_staff
from tests.portal.migration_trees import next_release

pytestmark = pytest.mark.django_db(transaction=True)
ADDITIVE = """migrations.AddField("intern", "room", models.CharField(max_length=20, db_default="")),
    migrations.AddField("intern", "noted_at", models.DateTimeField(null=True)),
    migrations.AddIndex("intern", models.Index(fields=["room"], name="keys_intern_room")),
    migrations.CreateModel("Room", [("id", models.BigAutoField(primary_key=True)), ("name", models.TextField())]),
    migrations.AddConstraint("room", models.UniqueConstraint(fields=["name"], name="keys_room_name")),"""
FAILING = """migrations.AddField("intern", "room", models.CharField(max_length=20, db_default="")),
    migrations.RunSQL("INSERT INTO no_such_table VALUES (1)", "SELECT 1"),"""

BREAKING = {  # an operation: a part of the reason
    'migrations.RemoveField("intern", "email"),': "Name `last_used_in`",
    'migrations.DeleteModel("UnownedKey"),': "Name `last_used_in`",
    'migrations.AddField("intern", "room", models.CharField(max_length=20, default="")),': "db_default",
    'migrations.AlterField("key", "expires_at", models.DateTimeField()),': "old nodes write NULL",
    'migrations.AlterField("key", "expires_at", models.DateTimeField(db_default="2026-01-01")),': "write NULL",
    'migrations.AlterField("intern", "name", models.TextField()),': "another type",
    'migrations.AlterField("intern", "name", models.CharField(max_length=3)),': "longer texts",
    'migrations.AlterField("intern", "name", models.CharField(max_length=500, unique=True)),': "keep to it",
    'migrations.AddConstraint("intern", models.UniqueConstraint(fields=["name"], name="one")),': "`last_used_in`",
    'last_used_in = "0.1"\n---\nmigrations.RemoveField("intern", "email"),': "Name `last_used_in`",
    'migrations.SeparateDatabaseAndState(state_operations=[migrations.RemoveField("intern", "name")]),': "new nodes",
    FAILING: "Make two of it",
}


def check() -> tuple[str, object]:
    """Return what `migrate --check` says, and its exit code."""
    said = io.StringIO()
    try:
        call_command("migrate", "--check", stdout=said)
    except SystemExit as end:
        return said.getvalue(), end.code
    return said.getvalue(), 0


def columns_of(table: str) -> set[str]:
    with connection.cursor() as cursor:
        return {column.name for column in connection.introspection.get_table_description(cursor, table)}


def test_says_what_would_run_what_it_locks_and_that_old_nodes_go_on(tmp_path: Path) -> None:
    assert check() == ("Nothing to do: the database is up to date.\n", 0)
    Intern.objects.create(supervisor=make_staff(), name="Ada")

    with next_release(tmp_path, keys=ADDITIVE):
        said, code = check()

    assert code == 1
    assert said.startswith("keys.0002_next\n  Add field room to intern: locks the table for a moment (keys_intern")
    assert re.search("Create index keys_intern_room .*: blocks writes to the table", said), said
    assert "Create model Room: locks nothing" in said
    assert said.endswith("Nodes of the last release can run meanwhile.\n")
    assert "room" not in columns_of("keys_intern")


def test_an_older_version_names_what_a_newer_one_has_applied() -> None:
    recorder = MigrationRecorder(connection)
    for app in ("keys", "of_a_removed_package"):
        recorder.record_applied(app, "0002_next")
    try:
        said, code = check()
    finally:
        recorder.migration_qs.filter(name="0002_next").delete()

    assert said.startswith("A newer version has migrated the database: it has keys.0002_next.\nNothing to do")
    assert code == 0


def test_says_that_old_nodes_must_stop_before_something_is_renamed(tmp_path: Path) -> None:
    with next_release(tmp_path, keys='migrations.RenameField("intern", "name", "full_name"),'):
        said, code = check()

    assert code == 3
    assert "! Rename field name on intern to full_name: nodes of the last release still use it" in said


def test_a_migration_that_fails_midway_leaves_nothing_and_can_be_run_again(tmp_path: Path) -> None:
    with next_release(tmp_path, keys=FAILING):
        with pytest.raises(Exception, match="no_such_table"):
            call_command("migrate", verbosity=0)
        assert "room" not in columns_of("keys_intern")
        assert ("keys", "0002_next") not in MigrationRecorder(connection).applied_migrations()

    with next_release(tmp_path / "mended", keys=ADDITIVE):
        call_command("migrate", verbosity=0)
        assert "room" in columns_of("keys_intern")
    assert "room" not in columns_of("keys_intern")


def test_refuses_what_old_nodes_cannot_live_with(tmp_path: Path) -> None:
    found = {
        operation: " ".join(breaks_at("0.2.0", tmp_path / str(number), operation))
        for number, operation in enumerate(BREAKING)
    }

    assert {operation: said for operation, said in found.items() if BREAKING[operation] not in said} == {}


def test_accepts_what_adds_and_what_no_release_uses_any_more(tmp_path: Path) -> None:
    removing = 'last_used_in = "0.1"\n---\nmigrations.RemoveField("intern", "email"),'
    assert breaks_at("0.2.0", tmp_path, ADDITIVE) == []
    assert breaks_at("0.3.0", tmp_path / "later", removing) == []


def breaks_at(version: str, folder: Path, operations: str) -> list[str]:
    with next_release(folder, keys=operations):
        loader = MigrationLoader(connection)
        migration = loader.disk_migrations["keys", "0002_next"]
        return breaks_of(migration, loader.project_state(("keys", "0001_initial")), version=version)


def test_every_migration_after_the_first_can_run_next_to_the_last_release() -> None:
    loader = MigrationLoader(None)
    found = {}
    for (app, name), migration in loader.disk_migrations.items():
        if app in APPS and not name.startswith("0001"):
            before = loader.project_state((app, name), at_end=False)
            found[f"{app}.{name}"] = breaks_of(migration, before, version=version())

    assert {name: breaks for name, breaks in found.items() if breaks} == {}
