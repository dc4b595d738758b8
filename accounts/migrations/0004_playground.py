from decimal import Decimal

import django.core.validators
from django.db import migrations, models

import accounts.models


class Migration(migrations.Migration):
    dependencies = [
        ("accounts", "0003_first_policies"),
    ]

    operations = [
        migrations.AddField(
            model_name="policy",
            name="playground",
            field=models.BooleanField(
                default=True,
                help_text="Each person has one Playground key, made by the portal and not counted among their keys.",
                verbose_name="may use the Playground",
            ),
        ),
        migrations.AddField(
            model_name="policy",
            name="playground_budget_period",
            field=models.CharField(
                choices=[("1d", "a day"), ("7d", "a week"), ("30d", "a month")],
                default="30d",
                max_length=3,
                verbose_name="period of that budget",
            ),
        ),
        migrations.AddField(
            model_name="policy",
            name="playground_budget_usd",
            field=models.DecimalField(
                blank=True,
                decimal_places=2,
                default=Decimal("2"),
                help_text="What a person may spend there in one period; then the Playground pauses. Empty: no limit.",
                max_digits=10,
                null=True,
                validators=[django.core.validators.MinValueValidator(Decimal("0.01"))],
                verbose_name="budget of the Playground key, USD",
            ),
        ),
        migrations.AddField(
            model_name="policy",
            name="playground_model_names",
            field=models.JSONField(
                blank=True,
                default=list,
                help_text="Public names as the gateway lists them. Counts only with “models of its own”.",
                validators=[accounts.models.validate_model_names],
                verbose_name="models of the Playground",
            ),
        ),
        migrations.AddField(
            model_name="policy",
            name="playground_own_models",
            field=models.BooleanField(
                default=False,
                help_text="If not, the Playground has the models of the person’s keys.",
                verbose_name="models of its own",
            ),
        ),
        migrations.AlterField(
            model_name="auditentry",
            name="action",
            field=models.CharField(
                choices=[
                    ("issue", "Creation"),
                    ("renew", "Renewal"),
                    ("rotate", "Rotation"),
                    ("end_old", "End of the old secret"),
                    ("delete", "Deletion"),
                    ("relabel", "Change of label"),
                    ("limit", "Change of limits"),
                    ("sync", "Change taken over from the gateway"),
                    ("sweep", "Repair"),
                ],
                editable=False,
                max_length=10,
                verbose_name="action",
            ),
        ),
    ]
