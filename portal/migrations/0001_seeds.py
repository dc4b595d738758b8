"""The groups, policies and permissions that a new portal starts with, which admins change, and a row for its state.

`flush` takes them away and `migrate` does not bring them back: what an admin deleted stays deleted.
"""

from decimal import Decimal
from typing import Any, ClassVar

from django.contrib.auth.management import create_permissions
from django.db import migrations
from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.migrations.state import StateApps

INTERNS_POLICY = {"max_live_keys": 3}
STAFF_POLICY = {"max_live_keys": 20, "person_budget_usd": Decimal(100), "may_name_interns": True}
POLICIES: dict[str | None, dict[str, Any]] = {  # by group; the rest is as the model has it
    None: {},
    "Interns": INTERNS_POLICY,
    "Staff": STAFF_POLICY,
    "Admins": STAFF_POLICY,
}
RULES: dict[str, dict[str, Any]] = {
    "temporary": {},
    "personal": {"allowed": False, "lifetime_days": 365},
    "playground": {"budget_usd": Decimal(2)},
    "course": {"allowed": False, "max_keys": 60, "lifetime_days": 200, "budget_usd": Decimal(2)},
}
UNLIMITED = {"rpm_limit": None, "tpm_limit": None}
STAFF_RULES: dict[str, dict[str, Any]] = {
    "temporary": {"budget_usd": Decimal(100), **UNLIMITED},
    "personal": {"budget_usd": Decimal(100), "lifetime_days": 365, **UNLIMITED},
    "playground": {"budget_usd": Decimal(2), **UNLIMITED},
    "course": {"allowed": True, "max_keys": 60, "lifetime_days": 200, "budget_usd": Decimal(2), **UNLIMITED},
}
PERMISSIONS_OF_ADMINS = {
    "accounts": (
        "add_user",
        "change_user",
        "view_user",
        "view_people",
        "manage_people",
        "manage_policies",
        "decide_requests",
        "manage_announcements",
        "manage_terms",
        "manage_webhooks",
        "set_up_portal",
        "add_policy",
        "change_policy",
        "delete_policy",
        "view_policy",
        "view_auditentry",
    ),
    "catalogue": ("describe_models",),
    "courses": ("view_all_courses",),
    "auth": ("add_group", "change_group", "view_group"),
    "keys": ("accept_gateway", "change_intern", "view_intern"),
    "usage": ("view_everyone", "refresh", "enter_rates"),
}


def seed(apps: StateApps, schema_editor: BaseDatabaseSchemaEditor | None = None) -> None:
    """Make them all, in an empty database."""
    group_model = apps.get_model("auth", "Group")
    policy_model, rule_model = apps.get_model("accounts", "Policy"), apps.get_model("accounts", "KeyRule")
    for name, fields in POLICIES.items():
        policy = policy_model.objects.create(group=group_model.objects.create(name=name) if name else None, **fields)
        rules = STAFF_RULES if fields is STAFF_POLICY else RULES
        rule_model.objects.bulk_create(rule_model(policy=policy, kind=kind, **rules[kind]) for kind in rules)
    apps.get_model("keys", "GatewayState").objects.create(pk=1)  # read with what every page shows at its top
    permission_model = apps.get_model("auth", "Permission")
    admins = group_model.objects.get(name="Admins")
    for app_label, codenames in PERMISSIONS_OF_ADMINS.items():
        _create_permissions(apps, app_label)
        of_app = permission_model.objects.filter(content_type__app_label=app_label)
        admins.permissions.add(*of_app.filter(codename__in=codenames))


def _create_permissions(apps: StateApps, app_label: str) -> None:
    """Make the permissions of an app now: Django makes them after the last migration only."""
    app_config: Any = apps.get_app_config(app_label)
    app_config.models_module = getattr(app_config, "models_module", None) or True  # else it is taken to have no models
    create_permissions(app_config, apps=apps, verbosity=0)


class Migration(migrations.Migration):
    initial = True

    dependencies: ClassVar = [
        ("auth", "0012_alter_user_first_name_max_length"),
        ("accounts", "0001_initial"),
        ("catalogue", "0001_initial"),
        ("keys", "0001_initial"),
        ("usage", "0001_initial"),
    ]

    operations: ClassVar = [migrations.RunPython(seed, migrations.RunPython.noop)]
