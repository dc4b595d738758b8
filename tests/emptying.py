"""Empties the tables after a test that commits, in a tenth of the time of Django's flush.

Flush truncates every table, which costs PostgreSQL new files for each, and makes all content types and permissions
anew, which are the same after every test. Here they stay; the other tables lose their rows, in one transaction, and
what a new portal starts with comes back.
"""

from importlib import import_module
from typing import Any

from django.apps import apps
from django.db import connections, transaction
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models.signals import post_migrate
from django.test import TransactionTestCase

KEPT = {"django_migrations", "django_content_type", "auth_permission"}
Seeds = tuple[str, list[tuple[Any, ...]]]  # a statement, and its parameters by row
_seeded: dict[str, list[Seeds]] = {}  # by alias of a database, in the order in which they were made


def empty_tables_quickly() -> None:
    """Let all tests that commit end so; what a new portal starts with also comes back after Django's own flush."""
    TransactionTestCase._fixture_teardown = _empty_all  # type: ignore[attr-defined]
    post_migrate.connect(_seed_after_flush, sender=apps.get_app_config("accounts"))


def _seed_after_flush(**sent: object) -> None:
    by_a_migration = "plan" in sent  # perhaps not the last one: not all tables are there
    if not by_a_migration and not apps.get_model("auth", "Group").objects.exists():
        _seeded.clear()  # permissions have other numbers now
        _seed()


def _seed() -> None:
    import_module("portal.migrations.0001_seeds").seed(apps)


def _empty_all(test_case: TransactionTestCase) -> None:
    for alias in test_case._databases_names(include_mirrors=False):  # type: ignore[attr-defined]
        empty(connections[alias])


def empty(connection: BaseDatabaseWrapper) -> None:
    """Empty a database now, but for what a new portal starts with."""
    tables = sorted(set(connection.introspection.django_table_names(only_existing=True, include_views=False)) - KEPT)
    with transaction.atomic(using=connection.alias), connection.cursor() as cursor:
        deletions = [f"DELETE FROM {connection.ops.quote_name(table)}" for table in tables]
        if connection.vendor == "postgresql":  # in one exchange; no trigger is asked: no foreign key, nor the trail's
            cursor.execute("; ".join(["SET LOCAL session_replication_role = 'replica'", *deletions]))
        else:
            for deletion in deletions:
                cursor.execute(deletion)
        if connection.alias not in _seeded:
            _seed()
            _seeded[connection.alias] = [seeds for table in tables if (seeds := _rows_of(table, connection))]
            return
        for statement, rows in _seeded[connection.alias]:
            cursor.executemany(statement, rows)


def _rows_of(table: str, connection: BaseDatabaseWrapper) -> Seeds | None:
    """Return the statement that inserts a row of the table, and its rows; None where it is empty."""
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT * FROM {connection.ops.quote_name(table)}")
        rows = cursor.fetchall()
        if not rows:
            return None
        columns = ", ".join(connection.ops.quote_name(column[0]) for column in cursor.description)
        places = ", ".join(["%s"] * len(cursor.description))
        return f"INSERT INTO {connection.ops.quote_name(table)} ({columns}) VALUES ({places})", rows
