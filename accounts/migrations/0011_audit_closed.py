"""Take the old columns of the trail away, and close it again."""

from django.db import migrations, models
from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.migrations.state import StateApps

from accounts.append_only import protect, unprotect


def close_the_table(apps: StateApps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    protect(schema_editor.connection)


def open_the_table(apps: StateApps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    unprotect(schema_editor.connection)


class Migration(migrations.Migration):
    dependencies = [("accounts", "0010_audit_codes")]

    operations = [
        migrations.RemoveField(model_name="auditentry", name="key_id"),
        migrations.RemoveField(model_name="auditentry", name="detail"),
        migrations.AddIndex(
            model_name="auditentry",
            index=models.Index(fields=["object_kind", "object_id", "-at", "-id"], name="accounts_audit_of_object"),
        ),
        migrations.AddIndex(
            model_name="auditentry",
            index=models.Index(fields=["subject", "-at", "-id"], name="accounts_audit_of_subject"),
        ),
        migrations.RunPython(close_the_table, open_the_table),
    ]
