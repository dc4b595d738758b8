"""Give models, columns, indexes and constraints the field's standard terms; no row is changed."""

from typing import ClassVar

from django.conf import settings
from django.db import migrations, models
from django.db.models.deletion import CASCADE, PROTECT


class Migration(migrations.Migration):
    dependencies: ClassVar = [
        ("usage", "0007_model_colours"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations: ClassVar = [
        migrations.RenameModel("Run", "PollRun"),
        migrations.RenameModel("Comparison", "Reconciliation"),
        migrations.RenameModel("Difference", "Discrepancy"),
        migrations.RenameModel("Source", "TokenRef"),
        migrations.RenameModel("DaySource", "DayToken"),
        migrations.RenameField("Discrepancy", "comparison", "reconciliation"),
        migrations.RenameField("Discrepancy", "act", "fix"),
        migrations.RenameField("UsageState", "rest_until", "cooldown_until"),
        migrations.RemoveConstraint("Fact", "usage_fact_is_one_row"),
        migrations.RemoveIndex("Fact", "usage_facts_of_source"),
        migrations.RenameField("Fact", "source", "token_ref"),
        migrations.AddConstraint(
            "Fact", models.UniqueConstraint(fields=["day", "token_ref", "model"], name="usage_fact_is_one_row")
        ),
        migrations.AddIndex("Fact", models.Index(fields=["token_ref", "day"], name="usage_facts_of_token")),
        migrations.RemoveConstraint("DayToken", "usage_day_source_is_one_row"),
        migrations.RemoveIndex("DayToken", "usage_sources_of_day"),
        migrations.RenameField("DayToken", "source", "token_ref"),
        migrations.AddConstraint(
            "DayToken", models.UniqueConstraint(fields=["token_ref", "day"], name="usage_day_token_is_one_row")
        ),
        migrations.AddIndex("DayToken", models.Index(fields=["day", "token_ref"], name="usage_tokens_of_day")),
        migrations.AlterField(
            model_name="anomaly",
            name="token",
            field=models.CharField(blank=True, help_text="As TokenRef has it; empty: not readable.", max_length=200),
        ),
        migrations.AlterField(
            model_name="discrepancy",
            name="key",
            field=models.ForeignKey(null=True, on_delete=CASCADE, related_name="discrepancies", to="keys.key"),
        ),
        migrations.AlterField(
            model_name="discrepancy",
            name="reconciliation",
            field=models.ForeignKey(on_delete=CASCADE, related_name="discrepancies", to="usage.reconciliation"),
        ),
        migrations.AlterField(
            model_name="notice",
            name="seen_at",
            field=models.DateTimeField(help_text="When the person dismissed it.", null=True),
        ),
        migrations.AlterField(
            model_name="pollrun",
            name="days_kept",
            field=models.PositiveIntegerField(default=0, help_text="Days of which far less was reported than before."),
        ),
        migrations.AlterField(
            model_name="tokenref",
            name="alias",
            field=models.CharField(blank=True, help_text="The gateway's name of it, last reported.", max_length=200),
        ),
        migrations.AlterField(
            model_name="tokenref",
            name="gateway_user_id",
            field=models.CharField(blank=True, help_text="As the gateway reports it.", max_length=200),
        ),
        migrations.AlterField(
            model_name="tokenref",
            name="key",
            field=models.ForeignKey(null=True, on_delete=PROTECT, related_name="token_refs", to="keys.key"),
        ),
        migrations.AlterField(
            model_name="tokenref",
            name="owner",
            field=models.ForeignKey(
                help_text="The key's owner, else whom the gateway names; empty: unattributed.",
                null=True,
                on_delete=PROTECT,
                related_name="token_refs",
                to=settings.AUTH_USER_MODEL,
            ),
        ),
        migrations.AlterField(
            model_name="usagestate",
            name="cooldown_until",
            field=models.DateTimeField(help_text="No run before it, to spare the gateway.", null=True),
        ),
        migrations.AlterField(
            model_name="usedmodel",
            name="provider",
            field=models.CharField(blank=True, help_text="From the gateway's list of models.", max_length=80),
        ),
    ]
