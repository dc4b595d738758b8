import uuid
from decimal import Decimal

import django.db.models.deletion
import django.utils.timezone
from django.conf import settings
from django.db import migrations, models

import web.money


class Migration(migrations.Migration):
    initial = True

    dependencies = [
        ("auth", "0012_alter_user_first_name_max_length"),
        ("keys", "0001_initial"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="Reconciliation",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("started_at", models.DateTimeField(default=django.utils.timezone.now)),
                ("ended_at", models.DateTimeField(null=True)),
                ("keys_here", models.PositiveIntegerField(default=0)),
                ("keys_there", models.PositiveIntegerField(default=0)),
                ("days", models.PositiveIntegerField(default=0, help_text="UTC days whose sums were compared.")),
                ("problem", models.CharField(blank=True, help_text="Why it did not come to its end.", max_length=300)),
            ],
            options={
                "ordering": ["-started_at", "-id"],
            },
        ),
        migrations.CreateModel(
            name="UsageState",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("last_ok_at", models.DateTimeField(help_text="The end of the last run that read today.", null=True)),
                ("last_try_at", models.DateTimeField(null=True)),
                (
                    "failing_since",
                    models.DateTimeField(help_text="The first failure since the last success.", null=True),
                ),
                ("problem", models.CharField(blank=True, max_length=300)),
                (
                    "cooldown_until",
                    models.DateTimeField(help_text="No run before it, to spare the gateway.", null=True),
                ),
                (
                    "version",
                    models.BigIntegerField(default=0, help_text="One more whenever a fact changed, or whose it is."),
                ),
                (
                    "keys_version",
                    models.BigIntegerField(help_text="The version of which the keys have their spend.", null=True),
                ),
                ("keys_day", models.DateField(help_text="UTC: the last of the days of that spend.", null=True)),
                ("backfill_started_on", models.DateField(help_text="The day of the first start.", null=True)),
                ("backfilled_to", models.DateField(help_text="The oldest day that the back-fill has read.", null=True)),
                ("backfill_target", models.DateField(help_text="The day at which it is complete.", null=True)),
                (
                    "reread_to",
                    models.DateField(
                        help_text="How far back older months were read again; empty: begin anew.", null=True
                    ),
                ),
                ("daily_from", models.DateField(help_text="Facts of earlier days are summed up by month.", null=True)),
                (
                    "nightly_at",
                    models.DateTimeField(help_text="When the nightly run last read all of its days.", null=True),
                ),
                (
                    "lease_holder",
                    models.CharField(blank=True, help_text="The run under way; empty: none.", max_length=40),
                ),
                ("lease_until", models.DateTimeField(null=True)),
            ],
            options={
                "permissions": [
                    ("view_everyone", "Can see everyone's usage"),
                    ("refresh", "Can poll the gateway and compare with it"),
                ],
                "default_permissions": (),
            },
        ),
        migrations.CreateModel(
            name="Anomaly",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("day", models.DateField()),
                (
                    "token",
                    models.CharField(blank=True, help_text="As TokenRef has it; empty: not readable.", max_length=200),
                ),
                ("model", models.CharField(blank=True, max_length=200)),
                (
                    "measure",
                    models.CharField(
                        blank=True, help_text="As ActivityRow has it; empty: the whole row.", max_length=30
                    ),
                ),
                (
                    "reported",
                    models.CharField(blank=True, help_text="The number, or what is there instead.", max_length=40),
                ),
                ("seen_at", models.DateTimeField(default=django.utils.timezone.now)),
            ],
            options={
                "ordering": ["-day", "token", "model", "measure"],
                "constraints": [
                    models.UniqueConstraint(
                        fields=("day", "token", "model", "measure"), name="usage_anomaly_is_one_row"
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="PollRun",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                (
                    "kind",
                    models.CharField(
                        choices=[
                            ("today", "Today"),
                            ("recent", "The two days before"),
                            ("nightly", "The last 35 days"),
                            ("backfill", "The days before the first start"),
                            ("older", "Older months, read again"),
                            ("button", "Refresh now"),
                        ],
                        max_length=10,
                    ),
                ),
                ("first_day", models.DateField()),
                ("last_day", models.DateField()),
                ("started_at", models.DateTimeField(default=django.utils.timezone.now)),
                ("ended_at", models.DateTimeField(null=True)),
                ("pages", models.PositiveIntegerField(default=0)),
                ("rows_read", models.PositiveIntegerField(default=0)),
                ("rows_written", models.PositiveIntegerField(default=0, help_text="Facts made, changed and removed.")),
                (
                    "invalid",
                    models.PositiveIntegerField(default=0, help_text="Numbers that make no sense, not in the sums."),
                ),
                (
                    "missing",
                    models.JSONField(default=list, help_text="What the gateway does not report, as older ones do not."),
                ),
                (
                    "days_kept",
                    models.PositiveIntegerField(
                        default=0, help_text="Days of which far less was reported than before."
                    ),
                ),
                ("seconds", models.FloatField(default=0)),
                ("gateway_s", models.FloatField(default=0, help_text="Of these, spent waiting for the gateway.")),
                (
                    "outcome",
                    models.CharField(
                        choices=[
                            ("running", "Under way"),
                            ("done", "Done"),
                            ("failed", "Failed"),
                            ("busy", "Postponed"),
                        ],
                        default="running",
                        max_length=10,
                    ),
                ),
                ("problem", models.CharField(blank=True, max_length=300)),
            ],
            options={
                "ordering": ["-started_at", "-id"],
                "indexes": [models.Index(fields=["-started_at"], name="usage_runs_by_time")],
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(("kind__in", ("today", "recent", "nightly", "backfill", "older", "button"))),
                        name="usage_run_kind_known",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("outcome__in", ("running", "done", "failed", "busy"))),
                        name="usage_run_outcome_known",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("last_day__gte", models.F("first_day"))), name="usage_run_ends_after_start"
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="TokenRef",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("token", models.CharField(max_length=200)),
                (
                    "until",
                    models.DateTimeField(
                        help_text="When its key was handed over; empty: the owner has it now.", null=True
                    ),
                ),
                (
                    "alias",
                    models.CharField(blank=True, help_text="The gateway's name of it, last reported.", max_length=200),
                ),
                (
                    "gateway_user_id",
                    models.CharField(blank=True, help_text="As the gateway reports it.", max_length=200),
                ),
                (
                    "key",
                    models.ForeignKey(
                        null=True, on_delete=django.db.models.deletion.PROTECT, related_name="token_refs", to="keys.key"
                    ),
                ),
                (
                    "owner",
                    models.ForeignKey(
                        help_text="The key's owner, else whom the gateway names; empty: unattributed.",
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="token_refs",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "counted_owner",
                    models.BigIntegerField(default=0, help_text="Under whom the rollups have it; 0: nobody."),
                ),
                ("counted_kind", models.CharField(blank=True, help_text="As which kind of key.", max_length=10)),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(
                        condition=models.Q(("until", None)), fields=("token",), name="usage_token_has_one_owner"
                    ),
                    models.UniqueConstraint(fields=("token", "until"), name="usage_token_one_owner_at_a_time"),
                ],
            },
        ),
        migrations.CreateModel(
            name="CostCentre",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("code", models.CharField(max_length=40, unique=True)),
            ],
            options={"default_permissions": ()},
        ),
        migrations.CreateModel(
            name="UsedModel",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("name", models.CharField(max_length=200, unique=True)),
                (
                    "provider",
                    models.CharField(blank=True, help_text="From the gateway's list of models.", max_length=80),
                ),
                (
                    "colour",
                    models.PositiveSmallIntegerField(default=0, help_text="On every page: 1 to COLOURS, given once."),
                ),
            ],
            options={
                "constraints": [
                    models.CheckConstraint(condition=models.Q(("colour__lte", 12)), name="usage_colour_known")
                ],
            },
        ),
        migrations.CreateModel(
            name="Notice",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                (
                    "of_person",
                    models.BooleanField(
                        default=False,
                        help_text="About the person's budget for all keys together; with a group: to a member it stops.",
                    ),
                ),
                ("period_first_day", models.DateField(help_text="UTC")),
                ("threshold", models.PositiveSmallIntegerField(help_text="80 or 100, of a group any; percent")),
                ("spent_usd", web.money.UsdField(decimal_places=12, max_digits=19)),
                ("budget_usd", web.money.UsdField(decimal_places=12, max_digits=19)),
                ("made_at", models.DateTimeField(default=django.utils.timezone.now)),
                ("mail_claimed_at", models.DateTimeField(help_text="The mail is being sent.", null=True)),
                ("mailed_at", models.DateTimeField(null=True)),
                ("seen_at", models.DateTimeField(help_text="When the person dismissed it.", null=True)),
                (
                    "group",
                    models.ForeignKey(
                        help_text="About its monthly budget.",
                        null=True,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="+",
                        to="auth.group",
                    ),
                ),
                (
                    "key",
                    models.ForeignKey(
                        null=True, on_delete=django.db.models.deletion.CASCADE, related_name="notices", to="keys.key"
                    ),
                ),
                (
                    "person",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="usage_notices",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
            options={
                "ordering": ["-made_at", "-id"],
                "constraints": [
                    models.UniqueConstraint(
                        condition=models.Q(("key__isnull", False)),
                        fields=("person", "key", "period_first_day", "threshold"),
                        name="usage_one_notice_of_key",
                    ),
                    models.UniqueConstraint(
                        condition=models.Q(("group__isnull", True), ("key__isnull", True)),
                        fields=("person", "of_person", "period_first_day", "threshold"),
                        name="usage_one_notice_without_key",
                    ),
                    models.UniqueConstraint(
                        condition=models.Q(("group__isnull", False)),
                        fields=("person", "group", "of_person", "period_first_day", "threshold"),
                        name="usage_one_notice_of_group",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("key", None), models.Q(("group", None), ("of_person", False)), _connector="OR"
                        ),
                        name="usage_notice_is_of_one_budget",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("threshold__in", (80, 100)),
                            models.Q(("group__isnull", False), ("threshold__gte", 1), ("threshold__lte", 100)),
                            _connector="OR",
                        ),
                        name="usage_threshold_known",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("budget_usd__gt", 0), ("spent_usd__gt", 0)),
                        name="usage_notice_amounts_positive",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="Discrepancy",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                (
                    "kind",
                    models.CharField(
                        choices=[
                            ("only_here", "Only in the portal"),
                            ("only_there", "Only at the gateway"),
                            ("expiry", "Different expiry"),
                            ("owner_missing", "No owner in the portal"),
                            ("owner_differs", "Different owner"),
                            ("sums", "Totals differ"),
                        ],
                        max_length=20,
                    ),
                ),
                (
                    "fix",
                    models.CharField(
                        choices=[
                            ("sync", "Use the gateway’s value"),
                            ("reread", "Read the day again"),
                            ("gateway", "Decide at the gateway: give it an owner, or delete it there"),
                        ],
                        max_length=10,
                    ),
                ),
                ("name", models.CharField(help_text="Label, alias or token, to find it by.", max_length=200)),
                ("day", models.DateField(null=True)),
                ("measure", models.CharField(blank=True, help_text="Which sum, as Measures names it.", max_length=30)),
                ("here", models.CharField(blank=True, help_text="ISO time or number.", max_length=100)),
                ("there", models.CharField(blank=True, max_length=100)),
                (
                    "key",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="discrepancies",
                        to="keys.key",
                    ),
                ),
                (
                    "reconciliation",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="discrepancies",
                        to="usage.reconciliation",
                    ),
                ),
            ],
            options={
                "ordering": ["id"],
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(
                            (
                                "kind__in",
                                ("only_here", "only_there", "expiry", "owner_missing", "owner_differs", "sums"),
                            )
                        ),
                        name="usage_discrepancy_kind_known",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("fix__in", ("sync", "reread", "gateway"))),
                        name="usage_discrepancy_fix_known",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="DayToken",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("spend_usd", web.money.UsdField(decimal_places=12, default=Decimal("0"), max_digits=19)),
                ("prompt_tokens", models.BigIntegerField(default=0)),
                ("completion_tokens", models.BigIntegerField(default=0)),
                ("cache_read_tokens", models.BigIntegerField(default=0)),
                ("cache_creation_tokens", models.BigIntegerField(default=0)),
                ("ok_requests", models.BigIntegerField(default=0)),
                ("failed_requests", models.BigIntegerField(default=0)),
                ("response_ms", models.BigIntegerField(default=0, help_text="Summed over the successful requests.")),
                ("day", models.DateField()),
                (
                    "token_ref",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="days",
                        to="usage.tokenref",
                    ),
                ),
            ],
            options={
                "indexes": [models.Index(fields=["day", "token_ref"], name="usage_tokens_of_day")],
                "constraints": [
                    models.UniqueConstraint(fields=("token_ref", "day"), name="usage_day_token_is_one_row")
                ],
            },
        ),
        migrations.CreateModel(
            name="Fact",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("spend_usd", web.money.UsdField(decimal_places=12, default=Decimal("0"), max_digits=19)),
                ("prompt_tokens", models.BigIntegerField(default=0)),
                ("completion_tokens", models.BigIntegerField(default=0)),
                ("cache_read_tokens", models.BigIntegerField(default=0)),
                ("cache_creation_tokens", models.BigIntegerField(default=0)),
                ("ok_requests", models.BigIntegerField(default=0)),
                ("failed_requests", models.BigIntegerField(default=0)),
                ("response_ms", models.BigIntegerField(default=0, help_text="Summed over the successful requests.")),
                ("day", models.DateField()),
                (
                    "token_ref",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="facts",
                        to="usage.tokenref",
                    ),
                ),
                (
                    "model",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="facts",
                        to="usage.usedmodel",
                    ),
                ),
                (
                    "cost_centre_number",
                    models.BigIntegerField(
                        default=0, help_text="The id of the cost centre that held on this day; 0: none."
                    ),
                ),
            ],
            options={
                "indexes": [
                    models.Index(
                        condition=models.Q(("cost_centre_number__gt", 0)),
                        fields=["cost_centre_number", "day"],
                        name="usage_facts_of_cost_centre",
                    ),
                    models.Index(fields=["token_ref", "day"], name="usage_facts_of_token"),
                    models.Index(fields=["model", "day"], name="usage_facts_of_model"),
                ],
                "constraints": [
                    models.UniqueConstraint(fields=("day", "token_ref", "model"), name="usage_fact_is_one_row")
                ],
            },
        ),
        migrations.CreateModel(
            name="DayModel",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("spend_usd", web.money.UsdField(decimal_places=12, default=Decimal("0"), max_digits=19)),
                ("prompt_tokens", models.BigIntegerField(default=0)),
                ("completion_tokens", models.BigIntegerField(default=0)),
                ("cache_read_tokens", models.BigIntegerField(default=0)),
                ("cache_creation_tokens", models.BigIntegerField(default=0)),
                ("ok_requests", models.BigIntegerField(default=0)),
                ("failed_requests", models.BigIntegerField(default=0)),
                ("response_ms", models.BigIntegerField(default=0, help_text="Summed over the successful requests.")),
                ("day", models.DateField()),
                (
                    "model",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="days", to="usage.usedmodel"
                    ),
                ),
                ("kind", models.CharField(blank=True, help_text="Empty: of tokens without a key.", max_length=10)),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(fields=("day", "model", "kind"), name="usage_day_model_is_one_row")
                ],
            },
        ),
        migrations.CreateModel(
            name="DayGroup",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("spend_usd", web.money.UsdField(decimal_places=12, default=Decimal("0"), max_digits=19)),
                ("prompt_tokens", models.BigIntegerField(default=0)),
                ("completion_tokens", models.BigIntegerField(default=0)),
                ("cache_read_tokens", models.BigIntegerField(default=0)),
                ("cache_creation_tokens", models.BigIntegerField(default=0)),
                ("ok_requests", models.BigIntegerField(default=0)),
                ("failed_requests", models.BigIntegerField(default=0)),
                ("response_ms", models.BigIntegerField(default=0, help_text="Summed over the successful requests.")),
                ("day", models.DateField()),
                (
                    "group_number",
                    models.BigIntegerField(help_text="The id of a group, which may be deleted; 0: owners in none."),
                ),
                (
                    "model",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="+", to="usage.usedmodel"
                    ),
                ),
                ("kind", models.CharField(blank=True, help_text="Empty: of tokens without a key.", max_length=10)),
            ],
            options={
                "default_permissions": (),
                "constraints": [
                    models.UniqueConstraint(
                        fields=("day", "group_number", "model", "kind"), name="usage_day_group_is_one_row"
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="DayCostCentre",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("spend_usd", web.money.UsdField(decimal_places=12, default=Decimal("0"), max_digits=19)),
                ("prompt_tokens", models.BigIntegerField(default=0)),
                ("completion_tokens", models.BigIntegerField(default=0)),
                ("cache_read_tokens", models.BigIntegerField(default=0)),
                ("cache_creation_tokens", models.BigIntegerField(default=0)),
                ("ok_requests", models.BigIntegerField(default=0)),
                ("failed_requests", models.BigIntegerField(default=0)),
                ("response_ms", models.BigIntegerField(default=0, help_text="Summed over the successful requests.")),
                ("day", models.DateField()),
                ("cost_centre_number", models.BigIntegerField(help_text="The id of a cost centre; 0: none.")),
                (
                    "model",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="+", to="usage.usedmodel"
                    ),
                ),
                ("kind", models.CharField(blank=True, help_text="Empty: of tokens without a key.", max_length=10)),
            ],
            options={
                "default_permissions": (),
                "constraints": [
                    models.UniqueConstraint(
                        fields=("day", "cost_centre_number", "model", "kind"), name="usage_day_cost_centre_is_one_row"
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="ExchangeRate",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("currency", models.CharField(max_length=3)),
                ("day", models.DateField(help_text="UTC.")),
                ("per_usd", models.DecimalField(decimal_places=8, max_digits=16)),
                ("entered_at", models.DateTimeField()),
                (
                    "entered_by",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="+", to=settings.AUTH_USER_MODEL
                    ),
                ),
            ],
            options={
                "permissions": [("enter_rates", "Can enter exchange rates")],
                "default_permissions": (),
                "constraints": [
                    models.UniqueConstraint(fields=("currency", "day"), name="usage_rate_of_day_is_one_row"),
                    models.CheckConstraint(condition=models.Q(("per_usd__gt", 0)), name="usage_rate_is_positive"),
                ],
            },
        ),
        migrations.CreateModel(
            name="WeekToken",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("spend_usd", web.money.UsdField(decimal_places=12, default=Decimal("0"), max_digits=19)),
                ("prompt_tokens", models.BigIntegerField(default=0)),
                ("completion_tokens", models.BigIntegerField(default=0)),
                ("cache_read_tokens", models.BigIntegerField(default=0)),
                ("cache_creation_tokens", models.BigIntegerField(default=0)),
                ("ok_requests", models.BigIntegerField(default=0)),
                ("failed_requests", models.BigIntegerField(default=0)),
                ("response_ms", models.BigIntegerField(default=0, help_text="Summed over the successful requests.")),
                ("week", models.DateField(help_text="Its Monday, UTC.")),
                (
                    "token_ref",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="usage.tokenref",
                    ),
                ),
            ],
            options={
                "default_permissions": (),
                "indexes": [models.Index(fields=["token_ref", "week"], name="usage_weeks_of_token")],
                "constraints": [
                    models.UniqueConstraint(fields=("week", "token_ref"), name="usage_week_token_is_one_row")
                ],
            },
        ),
        migrations.CreateModel(
            name="DayPerson",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("spend_usd", web.money.UsdField(decimal_places=12, default=Decimal("0"), max_digits=19)),
                ("prompt_tokens", models.BigIntegerField(default=0)),
                ("completion_tokens", models.BigIntegerField(default=0)),
                ("cache_read_tokens", models.BigIntegerField(default=0)),
                ("cache_creation_tokens", models.BigIntegerField(default=0)),
                ("ok_requests", models.BigIntegerField(default=0)),
                ("failed_requests", models.BigIntegerField(default=0)),
                ("response_ms", models.BigIntegerField(default=0, help_text="Summed over the successful requests.")),
                ("day", models.DateField()),
                ("person_number", models.BigIntegerField(help_text="The id of the owner; 0: unattributed.")),
                (
                    "cost_centre_number",
                    models.BigIntegerField(default=0, help_text="The id of a cost centre; 0: none."),
                ),
            ],
            options={
                "default_permissions": (),
                "constraints": [
                    models.UniqueConstraint(
                        fields=("day", "person_number", "cost_centre_number"), name="usage_day_person_is_one_row"
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="DaySet",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("day", models.DateField()),
                ("model_number", models.BigIntegerField(help_text="The id of a model; 0: all models.")),
                (
                    "cost_centre_number",
                    models.BigIntegerField(help_text="The id of a cost centre; 0: none; -2: all."),
                ),
                ("people", models.BinaryField(help_text="The ids of the owners, as bits.")),
                ("tokens", models.BinaryField(help_text="The ids of the tokens, as bits.")),
            ],
            options={
                "default_permissions": (),
                "constraints": [
                    models.UniqueConstraint(
                        fields=("day", "cost_centre_number", "model_number"), name="usage_day_set_is_one_row"
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="CountedMember",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("group_number", models.BigIntegerField(help_text="The id of a group.")),
                (
                    "person",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="+", to=settings.AUTH_USER_MODEL
                    ),
                ),
            ],
            options={
                "default_permissions": (),
                "constraints": [
                    models.UniqueConstraint(fields=("person", "group_number"), name="usage_member_counted_once")
                ],
            },
        ),
        migrations.CreateModel(
            name="UnusualSpend",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("day", models.DateField(help_text="UTC")),
                (
                    "spent_usd",
                    web.money.UsdField(
                        decimal_places=12, help_text="With the key, when it was noticed.", max_digits=19
                    ),
                ),
                (
                    "usual_usd",
                    web.money.UsdField(
                        decimal_places=12, help_text="With all keys of the owner, on a usual day.", max_digits=19
                    ),
                ),
                ("mail_claimed_at", models.DateTimeField(help_text="The mail is being sent.", null=True)),
                ("mailed_at", models.DateTimeField(null=True)),
                (
                    "key",
                    models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name="+", to="keys.key"),
                ),
                (
                    "owner",
                    models.ForeignKey(
                        help_text="On that day.",
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
            options={
                "default_permissions": (),
                "constraints": [models.UniqueConstraint(fields=("day", "key"), name="usage_one_unusual_day")],
            },
        ),
        migrations.CreateModel(
            name="HourFailure",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("hour", models.DateTimeField(help_text="Its start, a full hour in UTC.")),
                (
                    "kind",
                    models.CharField(
                        choices=[
                            ("requests", "requests"),
                            ("tokens", "tokens"),
                            ("parallel", "parallel"),
                            ("budget", "budget"),
                            ("model", "model"),
                            ("provider", "provider"),
                            ("other", "other"),
                        ],
                        max_length=10,
                    ),
                ),
                ("requests", models.PositiveIntegerField()),
                (
                    "is_partial",
                    models.BooleanField(default=False, help_text="The log was longer than what is read of it."),
                ),
                (
                    "key",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="hour_failures",
                        to="keys.key",
                    ),
                ),
            ],
            options={
                "default_permissions": (),
                "indexes": [models.Index(fields=["hour", "key"], name="usage_failures_of_hour")],
                "constraints": [
                    models.UniqueConstraint(fields=("key", "hour", "kind"), name="usage_hour_failure_is_one_row"),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("kind__in", ("requests", "tokens", "parallel", "budget", "model", "provider", "other"))
                        ),
                        name="usage_failure_kind_known",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="KeyHour",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("hour", models.DateTimeField(help_text="Its start, a full hour in UTC.")),
                (
                    "is_late",
                    models.BooleanField(
                        default=False,
                        help_text="Read too late to know the hour; it is then the last one of the day.",
                    ),
                ),
                ("ok_requests", models.BigIntegerField(default=0)),
                ("failed_requests", models.BigIntegerField(default=0)),
                (
                    "explained_requests",
                    models.BigIntegerField(
                        default=0, help_text="How many had failed when the reasons of this hour were last read."
                    ),
                ),
                (
                    "key",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="hours",
                        to="keys.key",
                    ),
                ),
            ],
            options={
                "default_permissions": (),
                "indexes": [models.Index(fields=["hour", "key"], name="usage_keys_of_hour")],
                "constraints": [
                    models.UniqueConstraint(fields=("key", "hour", "is_late"), name="usage_key_hour_is_one_row"),
                    models.CheckConstraint(
                        condition=models.Q(("failed_requests__gte", 0), ("ok_requests__gte", 0)),
                        name="usage_key_hour_not_negative",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="ModelGrowth",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("at", models.DateTimeField(help_text="The beginning of the interval in which a poll read them.")),
                ("ok_requests", models.BigIntegerField(default=0)),
                ("failed_requests", models.BigIntegerField(default=0)),
                ("response_ms", models.BigIntegerField(default=0, help_text="Summed over the successful requests.")),
                (
                    "model",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="+", to="usage.usedmodel"
                    ),
                ),
            ],
            options={
                "default_permissions": (),
                "constraints": [models.UniqueConstraint(fields=("at", "model"), name="usage_model_growth_is_one_row")],
            },
        ),
        migrations.CreateModel(
            name="SavedView",
            fields=[
                ("id", models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ("name", models.CharField(max_length=60, verbose_name="Name")),
                (
                    "page",
                    models.CharField(
                        choices=[
                            ("usage:index", "My usage"),
                            ("usage:interns", "My interns"),
                            ("usage:everyone", "Everyone"),
                        ],
                        editable=False,
                        max_length=20,
                    ),
                ),
                ("query", models.TextField(editable=False, help_text="The query string of the page.")),
                (
                    "is_shared",
                    models.BooleanField(
                        default=False,
                        help_text="Readers see only what they may see: without the right to everyone’s usage, that of their own keys.",
                        verbose_name="Anyone who is signed in can open the link",
                    ),
                ),
                ("is_start", models.BooleanField(default=False, verbose_name="Open this view when I open Usage")),
                (
                    "mail",
                    models.CharField(
                        blank=True,
                        choices=[
                            ("", "never"),
                            ("weekly", "each week, with the numbers of the week before"),
                            ("monthly", "each month, with the numbers of the month before"),
                        ],
                        default="",
                        max_length=10,
                        verbose_name="Mail me its numbers",
                    ),
                ),
                (
                    "mailed_on",
                    models.DateField(
                        editable=False, help_text="First day of the last week or month with a mail.", null=True
                    ),
                ),
                (
                    "mail_claimed_at",
                    models.DateTimeField(editable=False, help_text="Since when a process sends the next.", null=True),
                ),
                (
                    "owner",
                    models.ForeignKey(
                        editable=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
            options={
                "ordering": ["name"],
                "default_permissions": (),
                "indexes": [
                    models.Index(
                        condition=models.Q(("mail", ""), _negated=True), fields=["mail"], name="usage_views_with_mail"
                    )
                ],
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(("page__in", ("usage:index", "usage:interns", "usage:everyone"))),
                        name="usage_view_page_known",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("mail__in", ("", "weekly", "monthly"))), name="usage_view_mail_known"
                    ),
                    models.UniqueConstraint(fields=("owner", "name"), name="usage_view_has_a_name_of_its_own"),
                    models.UniqueConstraint(
                        condition=models.Q(("is_start", True)), fields=("owner",), name="usage_view_one_start"
                    ),
                ],
            },
        ),
    ]
