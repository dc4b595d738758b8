"""The trail is about any object, and keeps codes and values in place of sentences: the new columns."""

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models
from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.migrations.state import StateApps

from accounts.append_only import unprotect

ACTIONS = [
    ("issue", "Creation"),
    ("renew", "Renewal"),
    ("rotate", "Replacement of the secret"),
    ("leak", "Replacement of a leaked secret"),
    ("end_old", "End of the old secret"),
    ("delete", "Deletion"),
    ("relabel", "Change of label"),
    ("stay", "Change of the end of a stay"),
    ("limit", "Change of limits"),
    ("sync", "Change taken over from the gateway"),
    ("sweep", "Repair"),
    ("change", "Change"),
    ("activate", "Activation of the account"),
    ("deactivate", "Deactivation of the account"),
    ("reset_link", "Link to choose a new password"),
    ("unlink", "End of the link to the institution’s account"),
    ("anonymise", "Anonymisation"),
]
KINDS = [
    ("key", "key"),
    ("policy", "policy"),
    ("person", "person"),
    ("group", "group"),
    ("course", "course"),
    ("request", "request"),
]


def open_the_table(apps: StateApps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    unprotect(schema_editor.connection)


class Migration(migrations.Migration):
    dependencies = [("accounts", "0008_leaks_and_stays")]

    operations = [
        migrations.RunPython(open_the_table, migrations.RunPython.noop),
        migrations.RemoveIndex(model_name="auditentry", name="accounts_audit_of_key"),
        migrations.RemoveIndex(model_name="auditentry", name="accounts_audit_of_owner"),
        migrations.RenameField(model_name="auditentry", old_name="owner", new_name="subject"),
        migrations.AlterField(
            model_name="auditentry",
            name="subject",
            field=models.ForeignKey(
                db_index=False,
                editable=False,
                help_text="The person themselves, or whose key it is.",
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="audit_entries",
                to=settings.AUTH_USER_MODEL,
                verbose_name="person concerned",
            ),
        ),
        migrations.AlterField(
            model_name="auditentry",
            name="action",
            field=models.CharField(choices=ACTIONS, editable=False, max_length=20, verbose_name="action"),
        ),
        migrations.AlterField(
            model_name="auditrepeat", name="action", field=models.CharField(editable=False, max_length=20)
        ),
        migrations.AddField(
            model_name="auditentry",
            name="object_kind",
            field=models.CharField(choices=KINDS, default="key", editable=False, max_length=20, verbose_name="kind"),
            preserve_default=False,
        ),
        migrations.AddField(
            model_name="auditentry",
            name="object_id",
            field=models.CharField(
                default="",
                editable=False,
                help_text="Of the key, the policy …",
                max_length=40,
                verbose_name="number",
            ),
            preserve_default=False,
        ),
        migrations.AddField(
            model_name="auditentry",
            name="code",
            field=models.CharField(blank=True, editable=False, max_length=60, verbose_name="code"),
        ),
        migrations.AddField(
            model_name="auditentry",
            name="details",
            field=models.JSONField(default=dict, editable=False, verbose_name="values"),
        ),
    ]
