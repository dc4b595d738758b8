"""A budget for each person over all keys; the policies that are there give as much as one key has."""

from decimal import Decimal

import django.core.validators
from django.db import migrations, models
from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.migrations.state import StateApps


def follow_the_keys(apps: StateApps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    budget, period = models.F("budget_usd"), models.F("budget_period")
    apps.get_model("accounts", "Policy").objects.update(person_budget_usd=budget, person_budget_period=period)


class Migration(migrations.Migration):
    dependencies = [
        ("accounts", "0006_quotas"),
    ]

    operations = [
        migrations.AddField(
            model_name="policy",
            name="person_budget_period",
            field=models.CharField(
                choices=[("1d", "a day"), ("7d", "a week"), ("30d", "a month")],
                default="30d",
                help_text="A monthly budget is whole again on the first of the month (UTC).",
                max_length=3,
                verbose_name="period of a person’s budget",
            ),
        ),
        migrations.AddField(
            model_name="policy",
            name="person_budget_usd",
            field=models.DecimalField(
                blank=True,
                decimal_places=2,
                default=Decimal("5"),
                help_text="What a person may spend in one period with all keys together, deleted ones and the Playground included; then all of them pause. Empty: no limit, and whoever replaces a deleted key has its whole budget again.",
                max_digits=10,
                null=True,
                validators=[django.core.validators.MinValueValidator(Decimal("0.01"))],
                verbose_name="budget of a person, USD",
            ),
        ),
        migrations.RunPython(follow_the_keys, migrations.RunPython.noop),
    ]
