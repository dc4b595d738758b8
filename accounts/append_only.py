"""The database itself forbids changes of the audit trail, except blanking personal names (ADR 20).

Django recreates a table on SQLite to alter it, and its triggers are lost. So after every `migrate` the
trigger is checked, and created where it is missing or the columns have changed. PostgreSQL keeps its own. Deleting,
but for the retention (ADR 58), is forbidden on PostgreSQL only: on SQLite, which is for trials and tests, Django
empties its tables by DELETE.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

from django.db import connection, connections, transaction
from django.db.backends.base.base import BaseDatabaseWrapper

TABLE: Final = "accounts_auditentry"
TRIGGER: Final = "accounts_auditentry_append_only"
PRUNING: Final = "passerelle.pruning"  # set to "on" for a transaction of the retention
LEAST_DAYS: Final = 90  # younger entries are never deleted
BLANKABLE: Final = {"actor_name": "''", "on_behalf_of": "''", "label": "''", "address": "NULL", "details": "'{}'"}

_FUNCTION: Final = f"""
    CREATE OR REPLACE FUNCTION accounts_auditentry_refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
        IF TG_OP = 'UPDATE' AND to_jsonb(NEW) - ARRAY{list(BLANKABLE)!r} = to_jsonb(OLD) - ARRAY{list(BLANKABLE)!r}
            AND NEW.actor_name IN ('', OLD.actor_name) AND NEW.on_behalf_of IN ('', OLD.on_behalf_of)
            AND NEW.label IN ('', OLD.label) AND NEW.details IN ('{{}}'::jsonb, OLD.details)
            AND (NEW.address IS NULL OR NEW.address = OLD.address)
        THEN RETURN NEW; END IF;
        IF TG_OP = 'DELETE' AND current_setting('{PRUNING}', true) = 'on'
            AND OLD.at < now() - interval '{LEAST_DAYS} days'
        THEN RETURN OLD; END IF;
        RAISE EXCEPTION 'accounts_auditentry is append-only' USING ERRCODE = 'restrict_violation';
    END $$
"""


def protect(connection: BaseDatabaseWrapper) -> None:
    """Recreate the trigger of the trail, for the columns that the table has now."""
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            cursor.execute(f"DROP TRIGGER IF EXISTS {TRIGGER} ON {TABLE}")
            cursor.execute(_FUNCTION)
            cursor.execute(
                f"CREATE TRIGGER {TRIGGER} BEFORE UPDATE OR DELETE ON {TABLE} "
                "FOR EACH ROW EXECUTE FUNCTION accounts_auditentry_refuse()"
            )
        else:
            cursor.execute(f"DROP TRIGGER IF EXISTS {TRIGGER}")
            cursor.execute(_sqlite_trigger(connection))


@contextmanager
def pruning() -> Iterator[None]:
    """Allow the deletion of entries older than LEAST_DAYS in this transaction."""
    with transaction.atomic():
        if connection.vendor == "postgresql":
            with connection.cursor() as cursor:
                cursor.execute("SELECT set_config(%s, 'on', true)", [PRUNING])
        yield
        if connection.vendor == "postgresql":
            with connection.cursor() as cursor:
                cursor.execute("SELECT set_config(%s, '', true)", [PRUNING])


def protect_after_migrate(using: str, **_: Any) -> None:
    """Create the trigger where SQLite has lost it, or has it for other columns; does nothing elsewhere."""
    connection = connections[using]
    if connection.vendor != "sqlite":
        return
    with connection.cursor() as cursor:
        cursor.execute("SELECT name, sql FROM sqlite_master WHERE name IN (%s, %s)", [TABLE, TRIGGER])
        found = dict(cursor.fetchall())
    if TABLE in found and found.get(TRIGGER) != _sqlite_trigger(connection):
        protect(connection)


def _sqlite_trigger(connection: BaseDatabaseWrapper) -> str:
    """Return the statement for the present columns: none may change, but some may be blanked."""
    with connection.cursor() as cursor:
        columns = [column.name for column in connection.introspection.get_table_description(cursor, TABLE)]
    stays = [f"NEW.{name} IS OLD.{name}" for name in columns if name not in BLANKABLE]
    blanks = [f"(NEW.{name} IS OLD.{name} OR NEW.{name} IS {BLANKABLE[name]})" for name in columns if name in BLANKABLE]
    return (
        f"CREATE TRIGGER {TRIGGER} BEFORE UPDATE ON {TABLE} WHEN NOT ({' AND '.join([*stays, *blanks])})\n"
        "BEGIN SELECT RAISE(ABORT, 'accounts_auditentry is append-only'); END"
    )
