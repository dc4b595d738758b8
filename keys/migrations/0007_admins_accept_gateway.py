"""Let the group Admins accept another gateway."""

from typing import Any

from django.contrib.auth.management import create_permissions
from django.db import migrations
from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.migrations.state import StateApps


def permit(apps: StateApps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    # Django makes permissions after the last migration only, and these are wanted now.
    app_config: Any = apps.get_app_config("keys")
    app_config.models_module = True
    create_permissions(app_config, apps=apps, verbosity=0)
    app_config.models_module = None
    admins = apps.get_model("auth", "Group").objects.get_or_create(name="Admins")[0]
    admins.permissions.add(
        *apps.get_model("auth", "Permission").objects.filter(content_type__app_label="keys", codename="accept_gateway")
    )


class Migration(migrations.Migration):
    dependencies = [("keys", "0006_gateway_identity"), ("accounts", "0003_first_policies")]

    operations = [migrations.RunPython(permit, migrations.RunPython.noop)]
