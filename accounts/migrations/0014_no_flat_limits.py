from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("accounts", "0013_rules_by_kind_of_key"),
    ]

    operations = [
        migrations.RemoveField(
            model_name="policy",
            name="all_models",
        ),
        migrations.RemoveField(
            model_name="policy",
            name="budget_period",
        ),
        migrations.RemoveField(
            model_name="policy",
            name="budget_usd",
        ),
        migrations.RemoveField(
            model_name="policy",
            name="model_names",
        ),
        migrations.RemoveField(
            model_name="policy",
            name="personal_keys",
        ),
        migrations.RemoveField(
            model_name="policy",
            name="personal_lifetime_days",
        ),
        migrations.RemoveField(
            model_name="policy",
            name="playground",
        ),
        migrations.RemoveField(
            model_name="policy",
            name="playground_budget_period",
        ),
        migrations.RemoveField(
            model_name="policy",
            name="playground_budget_usd",
        ),
        migrations.RemoveField(
            model_name="policy",
            name="playground_model_names",
        ),
        migrations.RemoveField(
            model_name="policy",
            name="playground_own_models",
        ),
        migrations.RemoveField(
            model_name="policy",
            name="rpm_limit",
        ),
        migrations.RemoveField(
            model_name="policy",
            name="temporary_lifetime_days",
        ),
        migrations.RemoveField(
            model_name="policy",
            name="tpm_limit",
        ),
        migrations.RemoveField(model_name="policy", name="person_budget_before"),
        migrations.AlterField(
            model_name="policy",
            name="max_live_keys",
            field=models.PositiveSmallIntegerField(
                blank=True,
                default=1,
                help_text="Temporary and personal ones together. Empty: as many as they like.",
                null=True,
                verbose_name="live keys at once",
            ),
        ),
        migrations.AddConstraint(
            model_name="policy",
            constraint=models.CheckConstraint(
                condition=models.Q(("person_budget_usd", None), ("person_budget_usd__gt", 0), _connector="OR"),
                name="accounts_person_budget_positive",
            ),
        ),
        migrations.AddConstraint(
            model_name="policy",
            constraint=models.CheckConstraint(
                condition=models.Q(("person_budget_period__in", ["1d", "7d", "30d"])),
                name="accounts_person_budget_period_known",
            ),
        ),
        migrations.AddConstraint(
            model_name="policy",
            constraint=models.CheckConstraint(
                condition=models.Q(("grace_hours__lte", 720)), name="accounts_grace_bounded"
            ),
        ),
    ]
