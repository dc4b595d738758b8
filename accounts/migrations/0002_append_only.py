"""The database itself refuses to change the audit trail.

Deleting is refused on PostgreSQL only: on SQLite, which is to try and to test, Django empties its tables by DELETE.
A later migration that alters this table on SQLite makes it anew, without the trigger: accounts.append_only sees to it.
"""

from django.db import migrations
from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.migrations.state import StateApps

ADD = {
    "sqlite": (
        "DROP TRIGGER IF EXISTS accounts_auditentry_append_only",
        """
        CREATE TRIGGER accounts_auditentry_append_only BEFORE UPDATE ON accounts_auditentry
        BEGIN SELECT RAISE(ABORT, 'accounts_auditentry is append-only'); END
        """,
    ),
    "postgresql": (
        """
        CREATE FUNCTION accounts_auditentry_refuse() RETURNS trigger LANGUAGE plpgsql AS
        $$ BEGIN RAISE EXCEPTION 'accounts_auditentry is append-only' USING ERRCODE = 'restrict_violation'; END $$
        """,
        """
        CREATE TRIGGER accounts_auditentry_append_only BEFORE UPDATE OR DELETE ON accounts_auditentry
        FOR EACH ROW EXECUTE FUNCTION accounts_auditentry_refuse()
        """,
    ),
}
REMOVE = {
    "sqlite": ("DROP TRIGGER accounts_auditentry_append_only",),
    "postgresql": (
        "DROP TRIGGER accounts_auditentry_append_only ON accounts_auditentry",
        "DROP FUNCTION accounts_auditentry_refuse()",
    ),
}


def add(apps: StateApps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    for statement in ADD[schema_editor.connection.vendor]:
        schema_editor.execute(statement)


def remove(apps: StateApps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    for statement in REMOVE[schema_editor.connection.vendor]:
        schema_editor.execute(statement)


class Migration(migrations.Migration):
    dependencies = [("accounts", "0001_initial")]

    operations = [migrations.RunPython(add, remove)]
