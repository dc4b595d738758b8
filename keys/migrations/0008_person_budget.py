"""A budget over all keys of a person, and which tokens count in it."""

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("keys", "0007_admins_accept_gateway"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.AddField(
            model_name="token",
            name="in_team",
            field=models.BooleanField(default=False, help_text="Counts towards its owner’s budget; see PersonBudget."),
        ),
        migrations.CreateModel(
            name="PersonBudget",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                (
                    "budget_usd",
                    models.DecimalField(decimal_places=4, help_text="Empty: no limit.", max_digits=14, null=True),
                ),
                (
                    "budget_period",
                    models.CharField(blank=True, help_text="As LiteLLM spells it: 1d, 7d, 30d.", max_length=10),
                ),
                (
                    "state",
                    models.CharField(
                        choices=[
                            ("under_way", "Being set"),
                            ("written", "Set"),
                            ("no_teams", "Not kept by the gateway"),
                        ],
                        default="under_way",
                        max_length=10,
                    ),
                ),
                (
                    "checked_at",
                    models.DateTimeField(
                        help_text="When it was last compared; empty: to be looked at soon.", null=True
                    ),
                ),
                (
                    "owner",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="person_budget",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
            options={
                "indexes": [models.Index(fields=["checked_at"], name="keys_budgets_by_check")],
            },
        ),
    ]
