"""The groups and policies that a new portal starts with; admins change them as they like."""

from decimal import Decimal
from typing import Any

from django.contrib.auth.management import create_permissions
from django.db import migrations
from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.migrations.state import StateApps

STAFF = {
    "personal_keys": True,
    "personal_lifetime_days": 365,
    "max_live_keys": 20,
    "budget_usd": Decimal(100),
    "budget_period": "30d",
    "rpm_limit": None,
    "tpm_limit": None,
    "may_name_interns": True,
}
POLICIES = {
    None: {},  # the defaults of the model: temporary only, one live key, 5 USD
    "Interns": {"max_live_keys": 3, "budget_usd": Decimal(5), "budget_period": "30d"},
    "Staff": STAFF,
    "Admins": STAFF,
}
ADMINS_MAY = {
    "accounts": (
        "add_user",
        "change_user",
        "view_user",
        "add_policy",
        "change_policy",
        "delete_policy",
        "view_policy",
        "view_auditentry",
    ),
    "auth": ("add_group", "change_group", "view_group"),
}


def seed(apps: StateApps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    group_model = apps.get_model("auth", "Group")
    policy_model = apps.get_model("accounts", "Policy")
    for name, fields in POLICIES.items():
        group = group_model.objects.get_or_create(name=name)[0] if name else None
        policy_model.objects.get_or_create(group=group, defaults=fields)
    _permit(apps, group_model.objects.get(name="Admins"))


def _permit(apps: StateApps, admins: Any) -> None:
    permission_model = apps.get_model("auth", "Permission")
    for app_label, codenames in ADMINS_MAY.items():
        # Django makes permissions after the last migration only, and these are wanted now.
        app_config: Any = apps.get_app_config(app_label)
        app_config.models_module = True
        create_permissions(app_config, apps=apps, verbosity=0)
        app_config.models_module = None
        admins.permissions.add(
            *permission_model.objects.filter(content_type__app_label=app_label, codename__in=codenames)
        )


class Migration(migrations.Migration):
    dependencies = [("accounts", "0002_append_only"), ("auth", "0012_alter_user_first_name_max_length")]

    operations = [migrations.RunPython(seed, migrations.RunPython.noop)]
