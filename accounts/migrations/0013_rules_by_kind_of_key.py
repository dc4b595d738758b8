"""Rules by kind of key, filled from the columns that the policies had; the next migration takes those away."""

from decimal import Decimal

import django.core.validators
import django.db.models.deletion
from django.db import migrations, models
from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.migrations.state import StateApps

import accounts.models.policy
import web.money

LARGEST_USD = Decimal("999999.99")


def give_rules(apps: StateApps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    """Give each policy its three rules. The Playground's key has lived as long as temporary ones."""
    policy_model, rule_model = apps.get_model("accounts", "Policy"), apps.get_model("accounts", "KeyRule")
    for policy in policy_model.objects.all():
        limits = {"rpm_limit": policy.rpm_limit, "tpm_limit": policy.tpm_limit}
        names = {"all_models": policy.all_models, "model_names": policy.model_names}
        budget = {"budget_usd": _amount(policy.budget_usd), "budget_period": policy.budget_period}
        keys = {"policy": policy, **limits, **names, **budget}
        short = {"lifetime_days": policy.temporary_lifetime_days}
        long = {"lifetime_days": policy.personal_lifetime_days, "allowed": policy.personal_keys}
        rule_model.objects.create(kind="temporary", **keys, **short)
        rule_model.objects.create(kind="personal", **keys, **long)
        own = {"allowed": policy.playground, "budget_period": policy.playground_budget_period}
        own["budget_usd"] = _amount(policy.playground_budget_usd)
        if policy.playground_own_models:
            own |= {"all_models": False, "model_names": policy.playground_model_names}
        rule_model.objects.create(kind="playground", **{**keys, **short, **own})
        policy.person_budget_usd = _amount(policy.person_budget_before)
        policy.save(update_fields=["person_budget_usd"])


def _amount(usd: Decimal | None) -> Decimal | None:
    return None if usd is None else min(usd, LARGEST_USD)


class Migration(migrations.Migration):
    dependencies = [
        ("accounts", "0012_anonymised"),
        ("auth", "0012_alter_user_first_name_max_length"),
    ]

    operations = [
        migrations.CreateModel(
            name="KeyRule",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                (
                    "kind",
                    models.CharField(
                        choices=[
                            ("temporary", "Temporary keys"),
                            ("personal", "Personal keys"),
                            ("playground", "The Playground’s key"),
                        ],
                        editable=False,
                        max_length=10,
                    ),
                ),
                (
                    "allowed",
                    models.BooleanField(
                        default=True,
                        help_text="If not, the rest counts only for such keys that they have already.",
                        verbose_name="allowed",
                    ),
                ),
                (
                    "max_keys",
                    models.PositiveSmallIntegerField(
                        blank=True,
                        help_text="Empty: as many as “live keys at once” allows.",
                        null=True,
                        validators=[django.core.validators.MinValueValidator(1)],
                        verbose_name="such keys at once",
                    ),
                ),
                (
                    "lifetime_days",
                    models.PositiveSmallIntegerField(
                        default=30,
                        help_text="A key ends after so many days, and can be renewed for as many.",
                        validators=[
                            django.core.validators.MinValueValidator(1),
                            django.core.validators.MaxValueValidator(3660),
                        ],
                        verbose_name="lifetime, days",
                    ),
                ),
                (
                    "ends_at",
                    models.DateTimeField(
                        blank=True,
                        help_text="None works after this moment, renewed or not. Empty: only the lifetime counts.",
                        null=True,
                        verbose_name="end of all such keys",
                    ),
                ),
                (
                    "budget_usd",
                    web.money.UsdField(  # type: ignore[misc]  # one field for amounts that may be missing, too
                        blank=True,
                        decimal_places=2,
                        default=Decimal("5"),
                        help_text="What a key may spend in one period; then it pauses. Empty: no limit.",
                        max_digits=8,
                        null=True,
                        validators=[django.core.validators.MinValueValidator(Decimal("0.01"))],
                        verbose_name="budget of each key, USD",
                    ),
                ),
                (
                    "budget_period",
                    models.CharField(
                        choices=[("1d", "a day"), ("7d", "a week"), ("30d", "a month")],
                        default="30d",
                        help_text="A monthly budget is whole again on the first of the month (UTC), whenever the key was made.",
                        max_length=3,
                        verbose_name="period of the budget",
                    ),
                ),
                (
                    "rpm_limit",
                    models.PositiveIntegerField(
                        blank=True,
                        default=60,
                        help_text="With each key. Empty: no limit.",
                        null=True,
                        validators=[django.core.validators.MinValueValidator(1)],
                        verbose_name="requests a minute",
                    ),
                ),
                (
                    "tpm_limit",
                    models.PositiveIntegerField(
                        blank=True,
                        default=100000,
                        help_text="With each key, read and written together. Empty: no limit.",
                        null=True,
                        validators=[django.core.validators.MinValueValidator(1)],
                        verbose_name="tokens a minute",
                    ),
                ),
                (
                    "all_models",
                    models.BooleanField(
                        default=True,
                        help_text="Those that come to the gateway later included.",
                        verbose_name="all models",
                    ),
                ),
                (
                    "model_names",
                    models.JSONField(
                        blank=True,
                        default=list,
                        help_text="Public names as the gateway lists them. Counts only without “all models”.",
                        validators=[accounts.models.policy.validate_model_names],
                        verbose_name="models",
                    ),
                ),
            ],
            options={
                "verbose_name": "rule",
                "verbose_name_plural": "rules by kind of key",
                "default_permissions": (),
            },
        ),
        migrations.AddField(
            model_name="keyrule",
            name="policy",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.CASCADE, related_name="rules", to="accounts.policy"
            ),
        ),
        migrations.AddConstraint(
            model_name="keyrule",
            constraint=models.UniqueConstraint(fields=("policy", "kind"), name="accounts_one_rule_of_a_kind"),
        ),
        migrations.AddConstraint(
            model_name="keyrule",
            constraint=models.CheckConstraint(
                condition=models.Q(("kind__in", ["temporary", "personal", "playground"])),
                name="accounts_rule_kind_known",
            ),
        ),
        migrations.AddConstraint(
            model_name="keyrule",
            constraint=models.CheckConstraint(
                condition=models.Q(models.Q(("kind", "temporary"), _negated=True), ("allowed", True), _connector="OR"),
                name="accounts_temporary_keys_allowed",
            ),
        ),
        migrations.AddConstraint(
            model_name="keyrule",
            constraint=models.CheckConstraint(
                condition=models.Q(("max_keys", None), ("max_keys__gte", 1), _connector="OR"),
                name="accounts_rule_number",
            ),
        ),
        migrations.AddConstraint(
            model_name="keyrule",
            constraint=models.CheckConstraint(
                condition=models.Q(("lifetime_days__gte", 1), ("lifetime_days__lte", 3660)),
                name="accounts_rule_lifetime",
            ),
        ),
        migrations.AddConstraint(
            model_name="keyrule",
            constraint=models.CheckConstraint(
                condition=models.Q(("budget_usd", None), ("budget_usd__gt", 0), _connector="OR"),
                name="accounts_rule_budget_positive",
            ),
        ),
        migrations.AddConstraint(
            model_name="keyrule",
            constraint=models.CheckConstraint(
                condition=models.Q(("budget_period__in", ["1d", "7d", "30d"])), name="accounts_rule_budget_period_known"
            ),
        ),
        migrations.AddConstraint(
            model_name="keyrule",
            constraint=models.CheckConstraint(
                condition=models.Q(("rpm_limit", None), ("rpm_limit__gte", 1), _connector="OR"),
                name="accounts_rule_requests",
            ),
        ),
        migrations.AddConstraint(
            model_name="keyrule",
            constraint=models.CheckConstraint(
                condition=models.Q(("tpm_limit", None), ("tpm_limit__gte", 1), _connector="OR"),
                name="accounts_rule_tokens",
            ),
        ),
        migrations.AddConstraint(
            model_name="keyrule",
            constraint=models.CheckConstraint(
                condition=models.Q(("all_models", True), models.Q(("model_names", []), _negated=True), _connector="OR"),
                name="accounts_rule_names_a_model",
            ),
        ),
        migrations.RenameField(
            model_name="policy",
            old_name="person_budget_usd",
            new_name="person_budget_before",
        ),
        migrations.AddField(
            model_name="policy",
            name="person_budget_usd",
            field=web.money.UsdField(  # type: ignore[misc]  # one field for amounts that may be missing, too
                blank=True,
                decimal_places=2,
                default=Decimal("5"),
                help_text="What a person may spend in one period with all keys together, deleted ones and the Playground included; then all of them pause. Empty: no limit, and whoever replaces a deleted key has its whole budget again.",
                max_digits=8,
                null=True,
                validators=[django.core.validators.MinValueValidator(Decimal("0.01"))],
                verbose_name="budget of a person, USD",
            ),
        ),
        migrations.RunPython(give_rules, migrations.RunPython.noop),
    ]
