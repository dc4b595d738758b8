"""Let the group Admins change the end of an intern's stay."""

from typing import Any, ClassVar

from django.contrib.auth.management import create_permissions
from django.db import migrations
from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.migrations.state import StateApps


def permit(apps: StateApps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    """Give the group the permission, which Django would make after the last migration only."""
    app_config: Any = apps.get_app_config("keys")
    app_config.models_module = True
    create_permissions(app_config, apps=apps, verbosity=0)
    app_config.models_module = None
    admins = apps.get_model("auth", "Group").objects.get_or_create(name="Admins")[0]
    admins.permissions.add(
        *apps.get_model("auth", "Permission").objects.filter(content_type__app_label="keys", codename="change_key")
    )


class Migration(migrations.Migration):
    """Give the permission."""

    dependencies: ClassVar = [("keys", "0010_odd_prices"), ("accounts", "0003_first_policies")]

    operations: ClassVar = [migrations.RunPython(permit, migrations.RunPython.noop)]
