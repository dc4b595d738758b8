import uuid
from decimal import Decimal

import django.contrib.auth.validators
import django.core.validators
import django.db.models.deletion
import django.db.models.functions.text
import django.db.models.lookups
import django.utils.timezone
from django.conf import settings
from django.db import migrations, models
from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.migrations.state import StateApps

import accounts.models.people
import accounts.models.policy
import web.money
from accounts import append_only


def protect_audit_trail(apps: StateApps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    append_only.protect(schema_editor.connection)


class Migration(migrations.Migration):
    initial = True

    dependencies = [
        ("auth", "0012_alter_user_first_name_max_length"),
    ]

    operations = [
        migrations.CreateModel(
            name="AuditEntry",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("at", models.DateTimeField(default=django.utils.timezone.now, editable=False, verbose_name="when")),
                (
                    "actor_name",
                    models.CharField(blank=True, editable=False, max_length=310, verbose_name="by (name at that time)"),
                ),
                ("on_behalf_of", models.CharField(blank=True, editable=False, max_length=200, verbose_name="for")),
                (
                    "action",
                    models.CharField(
                        choices=[
                            ("issue", "Creation"),
                            ("renew", "Renewal"),
                            ("rotate", "Replacement of the secret"),
                            ("leak", "Replacement of a leaked secret"),
                            ("leak_report", "Report of a leaked secret"),
                            ("end_old", "End of the old secret"),
                            ("delete", "Deletion"),
                            ("relabel", "Change of label"),
                            ("stay", "Change of the end of a stay"),
                            ("hand_over", "Handover to another supervisor"),
                            ("give", "Change of owner"),
                            ("block", "Blocking"),
                            ("unblock", "Unblocking"),
                            ("pause", "Pausing"),
                            ("resume", "Resumption"),
                            ("remind", "Reminder"),
                            ("limit", "Change of limits"),
                            ("sync", "Change taken over from the gateway"),
                            ("sweep", "Repair"),
                            ("change", "Change"),
                            ("invite", "Invitation"),
                            ("withdraw", "Withdrawal of the invitation"),
                            ("activate", "Activation of the account"),
                            ("deactivate", "Deactivation of the account"),
                            ("reset_link", "Link to choose a new password"),
                            ("sign_out", "End of all sessions"),
                            ("link", "Link to the institution’s account"),
                            ("unlink", "Removal of the link to the institution’s account"),
                            ("leaving", "Entry in the list of leaving accounts"),
                            ("return", "Removal from the list of leaving accounts"),
                            ("keep", "Keeping of a leaving account"),
                            ("anonymise", "Anonymisation"),
                            ("approve", "Approval"),
                            ("refuse", "Refusal"),
                            ("take_back", "Withdrawal of the request"),
                            ("publish", "Publication"),
                            ("grant", "Top-up"),
                            ("end_grant", "End of a grant"),
                            ("revoke", "Revocation"),
                            ("end_session", "End of a session"),
                            ("add_factor", "Addition of a second factor"),
                            ("remove_factor", "Removal of a second factor"),
                            ("renew_codes", "Renewal of the recovery codes"),
                            ("reset_factor", "Reset of the second factor"),
                        ],
                        editable=False,
                        max_length=20,
                        verbose_name="action",
                    ),
                ),
                (
                    "outcome",
                    models.CharField(
                        choices=[
                            ("done", "done"),
                            ("refused", "refused"),
                            ("failed", "failed"),
                            ("unknown", "not confirmed"),
                            ("repaired", "repaired"),
                        ],
                        editable=False,
                        max_length=10,
                        verbose_name="outcome",
                    ),
                ),
                (
                    "object_kind",
                    models.CharField(
                        choices=[
                            ("key", "key"),
                            ("policy", "policy"),
                            ("person", "person"),
                            ("group", "group"),
                            ("intern", "intern"),
                            ("course", "course"),
                            ("request", "request"),
                            ("announcement", "announcement"),
                            ("terms", "terms of use"),
                            ("model", "model"),
                            ("access_token", "access token"),
                            ("rate", "exchange rate"),
                            ("scim_client", "SCIM client"),
                            ("leaving_check", "check for leaving accounts"),
                            ("webhook", "webhook"),
                        ],
                        editable=False,
                        max_length=20,
                        verbose_name="kind",
                    ),
                ),
                (
                    "object_id",
                    models.CharField(
                        editable=False,
                        help_text="Of the key, the policy and so on.",
                        max_length=40,
                        verbose_name="number",
                    ),
                ),
                ("label", models.CharField(blank=True, editable=False, max_length=100, verbose_name="label")),
                ("address", models.GenericIPAddressField(editable=False, null=True, verbose_name="from")),
                ("code", models.CharField(blank=True, editable=False, max_length=60, verbose_name="code")),
                ("details", models.JSONField(default=dict, editable=False, verbose_name="values")),
            ],
            options={
                "verbose_name": "audit entry",
                "verbose_name_plural": "audit trail",
                "default_permissions": ("view",),
                "indexes": [
                    models.Index(fields=["object_kind", "object_id", "-at", "-id"], name="accounts_audit_of_object"),
                    models.Index(fields=["-at", "-id"], name="accounts_audit_newest"),
                ],
            },
        ),
        migrations.CreateModel(
            name="User",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("password", models.CharField(max_length=128, verbose_name="password")),
                ("last_login", models.DateTimeField(blank=True, null=True, verbose_name="last login")),
                (
                    "is_superuser",
                    models.BooleanField(
                        default=False,
                        help_text="Designates that this user has all permissions without explicitly assigning them.",
                        verbose_name="superuser status",
                    ),
                ),
                (
                    "username",
                    models.CharField(
                        error_messages={"unique": "A user with that username already exists."},
                        help_text="Required. 150 characters or fewer. Letters, digits and @/./+/-/_ only.",
                        max_length=150,
                        unique=True,
                        validators=[django.contrib.auth.validators.UnicodeUsernameValidator()],
                        verbose_name="username",
                    ),
                ),
                ("first_name", models.CharField(blank=True, max_length=150, verbose_name="first name")),
                ("last_name", models.CharField(blank=True, max_length=150, verbose_name="last name")),
                ("email", models.EmailField(blank=True, max_length=254, verbose_name="email address")),
                (
                    "is_staff",
                    models.BooleanField(
                        default=False,
                        help_text="Designates whether the user can log into this admin site.",
                        verbose_name="staff status",
                    ),
                ),
                (
                    "is_active",
                    models.BooleanField(
                        default=True,
                        help_text="Designates whether this user should be treated as active. Unselect this instead of deleting accounts.",
                        verbose_name="active",
                    ),
                ),
                ("date_joined", models.DateTimeField(default=django.utils.timezone.now, verbose_name="date joined")),
                (
                    "gateway_user_id",
                    models.CharField(
                        default=accounts.models.people.new_gateway_user_id,
                        editable=False,
                        help_text="The name under which the gateway stores this person’s keys and spend.",
                        max_length=64,
                        unique=True,
                        verbose_name="user id at the gateway",
                    ),
                ),
                (
                    "language",
                    models.CharField(
                        blank=True,
                        help_text="As the person chose it, for pages and mails. Empty: as their browser says.",
                        max_length=10,
                        verbose_name="language",
                    ),
                ),
                (
                    "browser_language",
                    models.CharField(
                        blank=True,
                        editable=False,
                        help_text="That of the last sign-in, for mails to people who chose none. Empty: the portal’s.",
                        max_length=10,
                        verbose_name="language of the browser",
                    ),
                ),
                (
                    "time_zone",
                    models.CharField(
                        blank=True,
                        help_text="As the person chose it, for times on pages and in mails. Empty: the portal’s.",
                        max_length=64,
                        verbose_name="time zone",
                    ),
                ),
                (
                    "anonymised_at",
                    models.DateTimeField(
                        editable=False,
                        help_text="The account has not identified anybody since then.",
                        null=True,
                        verbose_name="anonymised",
                    ),
                ),
                (
                    "cost_centre",
                    models.CharField(
                        blank=True,
                        help_text="To which the person’s spend is charged. Empty: that of their groups.",
                        max_length=40,
                        verbose_name="cost centre",
                    ),
                ),
                (
                    "sessions_ended_at",
                    models.DateTimeField(
                        editable=False,
                        help_text="When all sessions of the person were last ended; links in mails ended with them.",
                        null=True,
                    ),
                ),
                (
                    "groups",
                    models.ManyToManyField(
                        blank=True,
                        help_text="The groups this user belongs to. A user will get all permissions granted to each of their groups.",
                        related_name="user_set",
                        related_query_name="user",
                        to="auth.group",
                        verbose_name="groups",
                    ),
                ),
                (
                    "institution_groups",
                    models.ManyToManyField(
                        blank=True,
                        editable=False,
                        help_text="Groups assigned at the last sign-in with the institution; the next sign-in "
                        "may remove them.",
                        related_name="+",
                        to="auth.group",
                        verbose_name="groups given by the institution",
                    ),
                ),
                (
                    "user_permissions",
                    models.ManyToManyField(
                        blank=True,
                        help_text="Specific permissions for this user.",
                        related_name="user_set",
                        related_query_name="user",
                        to="auth.permission",
                        verbose_name="user permissions",
                    ),
                ),
            ],
            options={
                "verbose_name": "user",
                "verbose_name_plural": "users",
                "abstract": False,
                "permissions": [
                    ("view_people", "Can see all people and their keys"),
                    ("manage_people", "Can manage people and their keys"),
                ],
                "constraints": [
                    models.UniqueConstraint(
                        django.db.models.functions.text.Lower("username"),
                        name="accounts_username_unique",
                        violation_error_message="This user name is already taken.",
                    ),
                    models.UniqueConstraint(
                        django.db.models.functions.text.Lower("email"),
                        condition=models.Q(("email", ""), _negated=True),
                        name="accounts_email_unique",
                        violation_error_message="This e-mail address is already in use.",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="AuditRepeat",
            fields=[
                (
                    "entry",
                    models.OneToOneField(
                        editable=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        primary_key=True,
                        related_name="repeats",
                        serialize=False,
                        to="accounts.auditentry",
                    ),
                ),
                ("action", models.CharField(editable=False, max_length=20)),
                ("outcome", models.CharField(editable=False, max_length=10)),
                (
                    "code",
                    models.CharField(
                        editable=False, help_text="Of the refusal, or the class of the error.", max_length=40
                    ),
                ),
                ("hour", models.DateTimeField(editable=False)),
                ("count", models.PositiveIntegerField(default=1, editable=False)),
                ("last_at", models.DateTimeField(default=django.utils.timezone.now, editable=False)),
            ],
        ),
        migrations.AddField(
            model_name="auditentry",
            name="actor",
            field=models.ForeignKey(
                editable=False,
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to=settings.AUTH_USER_MODEL,
                verbose_name="by",
            ),
        ),
        migrations.AddField(
            model_name="auditentry",
            name="subject",
            field=models.ForeignKey(
                db_index=False,
                editable=False,
                help_text="The person themselves, or the owner of the key.",
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="audit_entries",
                to=settings.AUTH_USER_MODEL,
                verbose_name="person concerned",
            ),
        ),
        migrations.CreateModel(
            name="HourlyCount",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("action", models.CharField(editable=False, max_length=40)),
                ("hour", models.DateTimeField(editable=False)),
                ("amount", models.PositiveBigIntegerField(editable=False, help_text="Actions, or bytes.")),
                (
                    "user",
                    models.ForeignKey(
                        db_index=False,
                        editable=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(fields=("user", "action"), name="accounts_one_count_per_action")
                ],
            },
        ),
        migrations.CreateModel(
            name="Policy",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                (
                    "max_live_keys",
                    models.PositiveSmallIntegerField(
                        blank=True,
                        default=1,
                        help_text="Temporary and personal keys together. Empty: no limit.",
                        null=True,
                        verbose_name="live keys at once",
                    ),
                ),
                (
                    "person_budget_usd",
                    web.money.UsdField(
                        blank=True,
                        decimal_places=2,
                        default=Decimal("5"),
                        help_text="What a person may spend per period with all their keys, deleted keys and the "
                        "Playground included; then all keys pause. Empty: no limit, and replacing a "
                        "deleted key gives a full budget again.",
                        max_digits=8,
                        null=True,
                        validators=[django.core.validators.MinValueValidator(Decimal("0.01"))],
                        verbose_name="budget per person, USD",
                    ),
                ),
                (
                    "person_budget_period",
                    models.CharField(
                        choices=[("1d", "a day"), ("7d", "a week"), ("30d", "a month")],
                        default="30d",
                        help_text="A monthly budget resets on the first of the month (UTC).",
                        max_length=3,
                        verbose_name="period of the budget per person",
                    ),
                ),
                (
                    "course_budget_usd",
                    web.money.UsdField(
                        blank=True,
                        decimal_places=2,
                        default=Decimal("100"),
                        help_text="What the students of a course may spend together, over its whole time. Empty: no limit.",
                        max_digits=8,
                        null=True,
                        validators=[django.core.validators.MinValueValidator(Decimal("0.01"))],
                        verbose_name="budget of a course in all, USD",
                    ),
                ),
                (
                    "grace_hours",
                    models.PositiveSmallIntegerField(
                        default=24,
                        help_text="How long the old secret keeps working along with the new one.",
                        validators=[django.core.validators.MaxValueValidator(720)],
                        verbose_name="grace period after replacing a secret, hours",
                    ),
                ),
                (
                    "group_budget_usd",
                    web.money.UsdField(
                        blank=True,
                        decimal_places=2,
                        help_text="What all members may spend together in a month (UTC), with all their keys. "
                        "Somebody in several groups counts in each. Empty: no budget of the group.",
                        max_digits=8,
                        null=True,
                        validators=[django.core.validators.MinValueValidator(Decimal("0.01"))],
                        verbose_name="monthly budget of the group, USD",
                    ),
                ),
                (
                    "group_warn_percent",
                    models.PositiveSmallIntegerField(
                        default=80,
                        help_text="People who can change policies are warned once a month, and again when all of it "
                        "is spent.",
                        validators=[
                            django.core.validators.MinValueValidator(1),
                            django.core.validators.MaxValueValidator(99),
                        ],
                        verbose_name="warning at, percent",
                    ),
                ),
                (
                    "group_budget_stops",
                    models.BooleanField(
                        default=False,
                        help_text="The keys of all members, until the month ends or the budget is raised; those of "
                        "courses and those made outside of the portal go on, though what they spend counts. If not, "
                        "the budget only warns.",
                        verbose_name="stop keys when it is used up",
                    ),
                ),
                (
                    "at_once_usd",
                    web.money.UsdField(
                        blank=True,
                        decimal_places=2,
                        help_text="How much more a person gets at once when they ask for it, without a decision, in "
                        "each period of their budget and until it ends. Needs a budget per person. Empty: somebody "
                        "decides each request.",
                        max_digits=8,
                        null=True,
                        validators=[django.core.validators.MinValueValidator(Decimal("0.01"))],
                        verbose_name="more budget without asking, USD",
                    ),
                ),
                (
                    "on_request",
                    models.JSONField(
                        blank=True,
                        default=list,
                        help_text="The Models page shows them with a link to ask for them, and people can ask for no "
                        "other model. If none is ticked, they can ask for each model that they lack.",
                        validators=[accounts.models.policy.validate_model_names],
                        verbose_name="models on request",
                    ),
                ),
                (
                    "may_name_interns",
                    models.BooleanField(
                        default=False,
                        help_text="May create temporary keys for interns, and is responsible for them.",
                        verbose_name="may create keys for interns",
                    ),
                ),
                (
                    "group",
                    models.OneToOneField(
                        blank=True,
                        help_text="Empty: the default policy, for people who are in no group that has a policy.",
                        null=True,
                        on_delete=django.db.models.deletion.CASCADE,
                        to="auth.group",
                        verbose_name="group",
                    ),
                ),
            ],
            options={
                "verbose_name": "policy",
                "verbose_name_plural": "policies",
                "permissions": [("manage_policies", "Can manage groups and their policies")],
                "constraints": [
                    models.UniqueConstraint(
                        django.db.models.lookups.IsNull(models.F("group"), True),
                        condition=models.Q(("group__isnull", True)),
                        name="accounts_one_default_policy",
                        violation_error_message="There is already a default policy: choose a group.",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("course_budget_usd", None), ("course_budget_usd__gt", 0), _connector="OR"),
                        name="accounts_course_budget_positive",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("person_budget_usd", None), ("person_budget_usd__gt", 0), _connector="OR"),
                        name="accounts_person_budget_positive",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("person_budget_period__in", ["1d", "7d", "30d"])),
                        name="accounts_person_budget_period_known",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("grace_hours__lte", 720)), name="accounts_grace_bounded"
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("group_budget_usd", None),
                            models.Q(("group__isnull", False), ("group_budget_usd__gt", 0)),
                            _connector="OR",
                        ),
                        name="accounts_group_budget_is_of_a_group",
                        violation_error_message="The default policy is of no group: choose one for a budget of a group.",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("group_warn_percent__gte", 1), ("group_warn_percent__lte", 99)),
                        name="accounts_group_warning",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("at_once_usd", None), ("at_once_usd__gt", 0), _connector="OR"),
                        name="accounts_at_once_positive",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("at_once_usd", None), ("person_budget_usd__isnull", False), _connector="OR"
                        ),
                        name="accounts_at_once_needs_a_budget",
                        violation_error_message="More budget without asking needs a budget per person.",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="GroupCostCentre",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("code", models.CharField(max_length=40, verbose_name="cost centre")),
                (
                    "group",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.CASCADE, related_name="cost_centre", to="auth.group"
                    ),
                ),
            ],
            options={
                "default_permissions": (),
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(("code", ""), _negated=True), name="accounts_group_cost_centre_has_code"
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="GroupSpend",
            fields=[
                (
                    "group",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.CASCADE,
                        primary_key=True,
                        related_name="spend",
                        serialize=False,
                        to="auth.group",
                    ),
                ),
                ("first_day", models.DateField(help_text="Of the month, UTC.")),
                ("spent_usd", web.money.UsdField(decimal_places=12, max_digits=19)),
            ],
            options={
                "default_permissions": (),
            },
        ),
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
                            ("course", "Courses"),
                        ],
                        editable=False,
                        max_length=10,
                    ),
                ),
                (
                    "allowed",
                    models.BooleanField(
                        default=True,
                        help_text="If not, these settings apply only to keys that already exist.",
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
                        verbose_name="keys of this kind at once",
                    ),
                ),
                (
                    "lifetime_days",
                    models.PositiveSmallIntegerField(
                        default=30,
                        help_text="A key expires after this many days. A renewal lasts as long.",
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
                        help_text="No key of this kind works after this time, renewed or not. Empty: only the "
                        "lifetime applies.",
                        null=True,
                        validators=[accounts.models.policy.validate_end],
                        verbose_name="end date of all keys of this kind",
                    ),
                ),
                (
                    "budget_usd",
                    web.money.UsdField(
                        blank=True,
                        decimal_places=2,
                        default=Decimal("5"),
                        help_text="What a key may spend per period; then it pauses. Empty: no limit.",
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
                        help_text="A monthly budget resets on the first of the month (UTC), whenever the key was "
                        "created.",
                        max_length=3,
                        verbose_name="period of the budget",
                    ),
                ),
                (
                    "rpm_limit",
                    models.PositiveIntegerField(
                        blank=True,
                        default=60,
                        help_text="For each key. Empty: no limit.",
                        null=True,
                        validators=[django.core.validators.MinValueValidator(1)],
                        verbose_name="requests per minute",
                    ),
                ),
                (
                    "tpm_limit",
                    models.PositiveIntegerField(
                        blank=True,
                        default=100000,
                        help_text="For each key, input and output together. Empty: no limit.",
                        null=True,
                        validators=[django.core.validators.MinValueValidator(1)],
                        verbose_name="tokens per minute",
                    ),
                ),
                (
                    "all_models",
                    models.BooleanField(
                        default=True,
                        help_text="Including models added to the gateway later.",
                        verbose_name="all models",
                    ),
                ),
                (
                    "model_names",
                    models.JSONField(
                        blank=True,
                        default=list,
                        help_text="Public names, as the gateway lists them. Ignored when “all models” is ticked.",
                        validators=[accounts.models.policy.validate_model_names],
                        verbose_name="models",
                    ),
                ),
                (
                    "policy",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="rules", to="accounts.policy"
                    ),
                ),
            ],
            options={
                "verbose_name": "rule",
                "verbose_name_plural": "rules by kind of key",
                "default_permissions": (),
                "constraints": [
                    models.UniqueConstraint(fields=("policy", "kind"), name="accounts_one_rule_of_a_kind"),
                    models.CheckConstraint(
                        condition=models.Q(("kind__in", ["temporary", "personal", "playground", "course"])),
                        name="accounts_rule_kind_known",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("kind", "temporary"), _negated=True), ("allowed", True), _connector="OR"
                        ),
                        name="accounts_temporary_keys_allowed",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("max_keys", None), ("max_keys__gte", 1), _connector="OR"),
                        name="accounts_rule_number",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("lifetime_days__gte", 1), ("lifetime_days__lte", 3660)),
                        name="accounts_rule_lifetime",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("budget_usd", None), ("budget_usd__gt", 0), _connector="OR"),
                        name="accounts_rule_budget_positive",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("budget_period__in", ["1d", "7d", "30d"])),
                        name="accounts_rule_budget_period_known",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("rpm_limit", None), ("rpm_limit__gte", 1), _connector="OR"),
                        name="accounts_rule_requests",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("tpm_limit", None), ("tpm_limit__gte", 1), _connector="OR"),
                        name="accounts_rule_tokens",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("all_models", True), models.Q(("model_names", []), _negated=True), _connector="OR"
                        ),
                        name="accounts_rule_names_a_model",
                    ),
                ],
            },
        ),
        migrations.AddField(
            model_name="auditrepeat",
            name="actor",
            field=models.ForeignKey(
                db_index=False,
                editable=False,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to=settings.AUTH_USER_MODEL,
            ),
        ),
        migrations.AddField(
            model_name="auditrepeat",
            name="owner",
            field=models.ForeignKey(
                db_index=False,
                editable=False,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to=settings.AUTH_USER_MODEL,
            ),
        ),
        migrations.AddIndex(
            model_name="auditentry",
            index=models.Index(fields=["subject", "-at", "-id"], name="accounts_audit_of_subject"),
        ),
        migrations.CreateModel(
            name="AccessRequest",
            fields=[
                ("id", models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                (
                    "thing",
                    models.CharField(
                        choices=[
                            ("budget", "more budget"),
                            ("model", "a model"),
                            ("kind", "a kind of key"),
                            ("course", "a course"),
                        ],
                        max_length=10,
                        verbose_name="what",
                    ),
                ),
                (
                    "name",
                    models.CharField(
                        blank=True, help_text="Empty for a budget.", max_length=200, verbose_name="model or kind of key"
                    ),
                ),
                (
                    "amount_usd",
                    web.money.UsdField(
                        blank=True, decimal_places=2, max_digits=7, null=True, verbose_name="amount, USD"
                    ),
                ),
                (
                    "details",
                    models.JSONField(blank=True, default=dict, help_text="Of a course: how large it may be."),
                ),
                (
                    "ends_on",
                    models.DateField(help_text="The last day (TIME_ZONE) on which it is wanted.", verbose_name="until"),
                ),
                ("why", models.CharField(blank=True, max_length=200, verbose_name="why")),
                (
                    "state",
                    models.CharField(
                        choices=[
                            ("open", "open"),
                            ("approved", "approved"),
                            ("refused", "refused"),
                            ("withdrawn", "withdrawn"),
                        ],
                        default="open",
                        max_length=10,
                    ),
                ),
                (
                    "is_passed_on",
                    models.BooleanField(default=False, help_text="More than the supervisor may give: others decide."),
                ),
                ("created_at", models.DateTimeField(default=django.utils.timezone.now, editable=False)),
                ("decided_at", models.DateTimeField(null=True)),
                ("reason", models.CharField(blank=True, max_length=200, verbose_name="reason")),
                (
                    "mail_claimed_at",
                    models.DateTimeField(help_text="Since when a process sends the mail of the decision.", null=True),
                ),
                (
                    "mailed_at",
                    models.DateTimeField(
                        help_text="When that mail was sent, or found to have nowhere to go.", null=True
                    ),
                ),
                (
                    "decided_by",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "person",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="access_requests",
                        to=settings.AUTH_USER_MODEL,
                        verbose_name="person",
                    ),
                ),
            ],
            options={
                "verbose_name": "request",
                "verbose_name_plural": "requests",
                "permissions": [("decide_requests", "Can decide requests for more budget or models")],
                "default_permissions": (),
                "indexes": [
                    models.Index(
                        condition=models.Q(("state", "open")), fields=["created_at"], name="accounts_requests_open"
                    ),
                    models.Index(
                        condition=models.Q(("mailed_at", None), ("state__in", ("approved", "refused"))),
                        fields=["decided_at"],
                        name="accounts_requests_to_mail",
                    ),
                ],
                "constraints": [
                    models.UniqueConstraint(
                        condition=models.Q(("state", "open")),
                        fields=("person", "thing", "name"),
                        name="accounts_one_open_request",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(
                                ("amount_usd__gt", 0),
                                ("amount_usd__isnull", False),
                                ("amount_usd__lte", Decimal("10000")),
                                ("name", ""),
                                ("thing", "budget"),
                            ),
                            models.Q(("amount_usd", None), ("thing", "model"), models.Q(("name", ""), _negated=True)),
                            models.Q(("amount_usd", None), ("name__in", ["personal", "playground"]), ("thing", "kind")),
                            models.Q(
                                ("amount_usd__gt", 0),
                                ("amount_usd__isnull", False),
                                ("amount_usd__lte", Decimal("10000")),
                                ("thing", "course"),
                                models.Q(("name", ""), _negated=True),
                            ),
                            _connector="OR",
                        ),
                        name="accounts_request_shape",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("decided_at", None), ("decided_by", None), ("state__in", ("open", "withdrawn"))),
                            models.Q(("decided_at__isnull", False), ("state__in", ("approved", "refused"))),
                            _connector="OR",
                        ),
                        name="accounts_request_decided",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="Grant",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                (
                    "thing",
                    models.CharField(
                        choices=[
                            ("budget", "more budget"),
                            ("model", "a model"),
                            ("kind", "a kind of key"),
                            ("course", "a course"),
                        ],
                        max_length=10,
                        verbose_name="what",
                    ),
                ),
                ("name", models.CharField(blank=True, max_length=200, verbose_name="model or kind of key")),
                (
                    "amount_usd",
                    web.money.UsdField(
                        blank=True,
                        decimal_places=2,
                        help_text="On top of the budget, each period.",
                        max_digits=7,
                        null=True,
                        verbose_name="amount, USD",
                    ),
                ),
                ("created_at", models.DateTimeField(default=django.utils.timezone.now, editable=False)),
                ("ends_at", models.DateTimeField(verbose_name="ends")),
                (
                    "applied_at",
                    models.DateTimeField(help_text="When the gateway had it; empty: not yet.", null=True),
                ),
                (
                    "tried_at",
                    models.DateTimeField(
                        help_text="The last time that the gateway did not take it, or its end.", null=True
                    ),
                ),
                ("ended_at", models.DateTimeField(help_text="When the gateway no longer had it.", null=True)),
                (
                    "person",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="grants",
                        to=settings.AUTH_USER_MODEL,
                        verbose_name="person",
                    ),
                ),
                (
                    "request",
                    models.OneToOneField(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="grant",
                        to="accounts.accessrequest",
                    ),
                ),
                (
                    "given_by",
                    models.ForeignKey(
                        help_text="Who gave it without a request.",
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "reason",
                    models.CharField(blank=True, help_text="Without a request.", max_length=200, verbose_name="reason"),
                ),
                (
                    "form_id",
                    models.UUIDField(help_text="The form: a second click gives nothing more.", null=True, unique=True),
                ),
            ],
            options={
                "verbose_name": "grant",
                "verbose_name_plural": "grants",
                "default_permissions": (),
                "indexes": [
                    models.Index(fields=["person", "ends_at"], name="accounts_grants_of_person"),
                    models.Index(
                        condition=models.Q(("applied_at", None), ("ended_at", None), _connector="OR"),
                        fields=["ends_at"],
                        name="accounts_grants_unapplied",
                    ),
                ],
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(
                                ("amount_usd__gt", 0),
                                ("amount_usd__isnull", False),
                                ("amount_usd__lte", Decimal("10000")),
                                ("name", ""),
                                ("thing", "budget"),
                            ),
                            models.Q(("amount_usd", None), ("thing", "model"), models.Q(("name", ""), _negated=True)),
                            models.Q(("amount_usd", None), ("name__in", ["personal", "playground"]), ("thing", "kind")),
                            models.Q(
                                ("amount_usd__gt", 0),
                                ("amount_usd__isnull", False),
                                ("amount_usd__lte", Decimal("10000")),
                                ("thing", "course"),
                                models.Q(("name", ""), _negated=True),
                            ),
                            _connector="OR",
                        ),
                        name="accounts_grant_shape",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("ends_at__gt", models.F("created_at"))), name="accounts_grant_ends_later"
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("request", None), ("given_by", None), _connector="XOR"),
                        name="accounts_grant_has_a_source",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="RequestDigest",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("sent_at", models.DateTimeField(null=True)),
                ("claimed_at", models.DateTimeField(help_text="Since when a process sends the next.", null=True)),
                (
                    "person",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.CASCADE, related_name="+", to=settings.AUTH_USER_MODEL
                    ),
                ),
            ],
            options={
                "default_permissions": (),
            },
        ),
        migrations.AddConstraint(
            model_name="auditrepeat",
            constraint=models.UniqueConstraint(
                fields=("actor", "owner", "action", "outcome", "code", "hour"), name="accounts_one_repeat_per_hour"
            ),
        ),
        migrations.RunPython(protect_audit_trail, migrations.RunPython.noop),
        migrations.CreateModel(
            name="Invitation",
            fields=[
                (
                    "person",
                    models.OneToOneField(
                        editable=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        primary_key=True,
                        related_name="invitation",
                        serialize=False,
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "by_institution",
                    models.BooleanField(
                        default=False,
                        editable=False,
                        help_text="The mail leads to the institution's sign-in; else it has a link.",
                    ),
                ),
                (
                    "about",
                    models.CharField(
                        blank=True,
                        editable=False,
                        help_text="The course that they are invited to, if it is one.",
                        max_length=100,
                    ),
                ),
                (
                    "asked_at",
                    models.DateTimeField(
                        default=django.utils.timezone.now, editable=False, help_text="When the last mail was asked for."
                    ),
                ),
                ("claimed_at", models.DateTimeField(editable=False, help_text="The mail is being sent.", null=True)),
                ("sent_at", models.DateTimeField(editable=False, null=True)),
                (
                    "refused_at",
                    models.DateTimeField(
                        editable=False, help_text="The mail server did not take the address.", null=True
                    ),
                ),
                ("withdrawn_at", models.DateTimeField(editable=False, help_text="When it was taken back.", null=True)),
            ],
            options={
                "indexes": [
                    models.Index(
                        condition=models.Q(("refused_at", None), ("sent_at", None)),
                        fields=["asked_at"],
                        name="accounts_invitation_to_send",
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="Terms",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("version", models.PositiveIntegerField(unique=True, verbose_name="version")),
                ("text_en", models.TextField(max_length=50000, verbose_name="text in English")),
                ("text_fr", models.TextField(max_length=50000, verbose_name="text in French")),
                ("published_at", models.DateTimeField(editable=False, null=True, verbose_name="published")),
            ],
            options={
                "verbose_name": "terms of use",
                "verbose_name_plural": "terms of use",
                "permissions": [("manage_terms", "Can publish terms of use and see who accepted them")],
                "default_permissions": (),
            },
        ),
        migrations.CreateModel(
            name="Announcement",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("text_en", models.TextField(max_length=1000, verbose_name="text in English")),
                ("text_fr", models.TextField(max_length=1000, verbose_name="text in French")),
                (
                    "level",
                    models.CharField(
                        choices=[("info", "note"), ("warning", "warning")],
                        default="info",
                        max_length=10,
                        verbose_name="level",
                    ),
                ),
                ("starts_at", models.DateTimeField(default=django.utils.timezone.now, verbose_name="from")),
                ("ends_at", models.DateTimeField(verbose_name="until")),
                (
                    "for_everybody",
                    models.BooleanField(
                        choices=[(True, "everybody"), (False, "members of these groups")],
                        default=True,
                        verbose_name="shown to",
                    ),
                ),
                (
                    "groups",
                    models.ManyToManyField(blank=True, related_name="+", to="auth.group", verbose_name="groups"),
                ),
            ],
            options={
                "verbose_name": "announcement",
                "verbose_name_plural": "announcements",
                "permissions": [("manage_announcements", "Can publish announcements")],
                "default_permissions": (),
                "indexes": [models.Index(fields=["ends_at"], name="accounts_announcements_end")],
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(("level__in", ("info", "warning"))), name="accounts_announcement_level_known"
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("ends_at__gt", models.F("starts_at"))),
                        name="accounts_announcement_ends_later",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="AnnouncementDismissal",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("at", models.DateTimeField(default=django.utils.timezone.now)),
                (
                    "announcement",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="dismissals",
                        to="accounts.announcement",
                    ),
                ),
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
                    models.UniqueConstraint(fields=("announcement", "person"), name="accounts_one_dismissal_per_person")
                ],
            },
        ),
        migrations.CreateModel(
            name="TermsAcceptance",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("accepted_at", models.DateTimeField(default=django.utils.timezone.now)),
                (
                    "person",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="terms_acceptances",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "terms",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="acceptances", to="accounts.terms"
                    ),
                ),
            ],
            options={
                "default_permissions": (),
                "constraints": [
                    models.UniqueConstraint(fields=("terms", "person"), name="accounts_one_acceptance_per_version")
                ],
            },
        ),
        migrations.CreateModel(
            name="SetupState",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                (
                    "mail_sent_at",
                    models.DateTimeField(help_text="When the mail server last took a test mail.", null=True),
                ),
                (
                    "mail_received_at",
                    models.DateTimeField(help_text="When somebody followed the link in a test mail.", null=True),
                ),
                ("policy_read_at", models.DateTimeField(null=True)),
                ("dismissed_at", models.DateTimeField(null=True)),
                (
                    "dismissed_by",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
            options={
                "permissions": [("set_up_portal", "Can see the setup checklist and the status of the portal")],
                "default_permissions": (),
            },
        ),
        migrations.CreateModel(
            name="MailChoices",
            fields=[
                (
                    "person",
                    models.OneToOneField(
                        editable=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        primary_key=True,
                        related_name="mail_choices",
                        serialize=False,
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "expiry",
                    models.BooleanField(
                        default=True,
                        help_text="When a key can be renewed, and on the day before its end.",
                        verbose_name="Keys that expire soon",
                    ),
                ),
                (
                    "budget",
                    models.BooleanField(
                        default=True,
                        help_text="When 80 %, and when all, of a budget is spent.",
                        verbose_name="Spending of budgets",
                    ),
                ),
                (
                    "requests",
                    models.BooleanField(
                        default=True,
                        help_text="What was decided on yours, and which wait for your decision.",
                        verbose_name="Requests for more",
                    ),
                ),
                (
                    "unusual",
                    models.BooleanField(
                        default=True,
                        help_text="When a key spends more than ten times your usual day; always at once.",
                        verbose_name="Unusual spend",
                    ),
                ),
                (
                    "limits",
                    models.BooleanField(
                        default=True,
                        help_text="When your supervisor or an administrator changes them.",
                        verbose_name="Limits of keys that you use as an intern",
                    ),
                ),
                (
                    "views",
                    models.BooleanField(
                        default=True,
                        help_text="The weekly or monthly mail of each view that has one.",
                        verbose_name="Saved views of usage",
                    ),
                ),
                (
                    "daily",
                    models.BooleanField(
                        default=False,
                        help_text="In the morning; on days without news there is none.",
                        verbose_name="All in one mail a day",
                    ),
                ),
                (
                    "daily_sent_on",
                    models.DateField(editable=False, help_text="The UTC day of the last daily mail.", null=True),
                ),
                (
                    "claimed_at",
                    models.DateTimeField(editable=False, help_text="Since when a process sends the next.", null=True),
                ),
            ],
        ),
        migrations.CreateModel(
            name="DailyItem",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                (
                    "name",
                    models.CharField(editable=False, help_text="Of the mail, once only.", max_length=150, unique=True),
                ),
                ("subject", models.CharField(editable=False, max_length=300)),
                ("body", models.TextField(editable=False)),
                ("made_at", models.DateTimeField(default=django.utils.timezone.now, editable=False)),
                (
                    "person",
                    models.ForeignKey(
                        editable=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
            options={
                "default_permissions": (),
            },
        ),
        migrations.CreateModel(
            name="AccessToken",
            fields=[
                ("id", models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ("name", models.CharField(max_length=60, verbose_name="name")),
                (
                    "scopes",
                    models.CharField(editable=False, help_text="Names, with a space in between.", max_length=300),
                ),
                (
                    "digest",
                    models.CharField(
                        editable=False, help_text="SHA-256 of the secret, in hex.", max_length=64, unique=True
                    ),
                ),
                ("last_four", models.CharField(editable=False, max_length=4)),
                ("created_at", models.DateTimeField(default=django.utils.timezone.now, editable=False)),
                ("expires_at", models.DateTimeField(editable=False)),
                ("revoked_at", models.DateTimeField(editable=False, null=True)),
                ("last_used_at", models.DateTimeField(editable=False, help_text="To the minute.", null=True)),
                (
                    "owner",
                    models.ForeignKey(
                        db_index=False,
                        editable=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="access_tokens",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
            options={
                "default_permissions": (),
                "indexes": [models.Index(fields=["owner", "-created_at", "-id"], name="accounts_token_of_owner")],
            },
        ),
        migrations.CreateModel(
            name="SignIn",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("at", models.DateTimeField(default=django.utils.timezone.now, editable=False)),
                (
                    "last_at",
                    models.DateTimeField(
                        default=django.utils.timezone.now, editable=False, help_text="Of the last repetition."
                    ),
                ),
                ("times", models.PositiveIntegerField(default=1, editable=False)),
                (
                    "provider",
                    models.CharField(
                        blank=True, editable=False, help_text="Its id; empty: a local account.", max_length=40
                    ),
                ),
                (
                    "subject",
                    models.CharField(
                        blank=True, editable=False, help_text="As the provider names the person", max_length=255
                    ),
                ),
                ("address", models.GenericIPAddressField(editable=False, null=True)),
                (
                    "outcome",
                    models.CharField(
                        choices=[
                            ("entered", "Signed in"),
                            ("created", "Signed in, with a new account"),
                            ("linked", "Signed in, linked by the address"),
                            ("password", "Refused: wrong user name or password"),
                            ("code", "Refused: wrong second factor"),
                            ("inactive", "Refused: the account is deactivated"),
                            ("group", "Refused by the rule about groups"),
                            ("affiliation", "Refused by the rule about affiliations"),
                            ("domain", "Refused by the rule about e-mail domains"),
                            ("address", "Refused: another account has the address"),
                            ("answer", "Refused: no valid answer of the identity provider"),
                            ("unavailable", "Failed: the identity provider did not answer as it should"),
                        ],
                        editable=False,
                        max_length=12,
                    ),
                ),
                (
                    "received",
                    models.JSONField(default=list, editable=False, help_text="Names of the attributes that were sent."),
                ),
                ("claims", models.JSONField(default=dict, editable=False, help_text="What the portal read in them.")),
                (
                    "groups",
                    models.JSONField(
                        default=list, editable=False, help_text="Names of the person's groups afterwards."
                    ),
                ),
                (
                    "session_key",
                    models.CharField(
                        blank=True, editable=False, help_text="Of the session that it began.", max_length=40
                    ),
                ),
                ("browser", models.CharField(blank=True, editable=False, max_length=20)),
                ("system", models.CharField(blank=True, editable=False, max_length=20)),
                (
                    "last_use_at",
                    models.DateTimeField(editable=False, help_text="Of the session, to some minutes.", null=True),
                ),
                (
                    "user",
                    models.ForeignKey(
                        db_index=False,
                        editable=False,
                        null=True,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
            options={
                "default_permissions": (),
                "indexes": [
                    models.Index(fields=["user", "-id"], name="accounts_sign_in_of_person"),
                    models.Index(fields=["provider", "subject"], name="accounts_sign_in_of_subject"),
                    models.Index(fields=["at"], name="accounts_sign_in_at"),
                ],
            },
        ),
        migrations.CreateModel(
            name="LeavingAccount",
            fields=[
                (
                    "person",
                    models.OneToOneField(
                        editable=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        primary_key=True,
                        related_name="leaving",
                        serialize=False,
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "reason",
                    models.CharField(
                        choices=[
                            ("unlisted", "No longer listed by the institution"),
                            ("inactive", "Deactivated or deleted by the institution"),
                            ("unused", "Not used for a long time"),
                        ],
                        editable=False,
                        max_length=10,
                    ),
                ),
                (
                    "source",
                    models.CharField(
                        blank=True, editable=False, help_text="The id of the provider, or empty.", max_length=40
                    ),
                ),
                ("noticed_at", models.DateTimeField(default=django.utils.timezone.now, editable=False)),
                (
                    "warned_at",
                    models.DateTimeField(
                        editable=False, help_text="All warnings were sent; the grace begins.", null=True
                    ),
                ),
                (
                    "closed_at",
                    models.DateTimeField(editable=False, help_text="The portal deactivated the account.", null=True),
                ),
                (
                    "kept_until",
                    models.DateTimeField(editable=False, help_text="An admin keeps the account until then.", null=True),
                ),
            ],
            options={
                "default_permissions": (),
                "indexes": [models.Index(fields=["noticed_at"], name="accounts_leaving_noticed")],
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(("closed_at", None), ("kept_until", None), _connector="OR"),
                        name="accounts_leaving_is_closed_or_kept",
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="LeavingCheck",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                (
                    "reason",
                    models.CharField(
                        choices=[
                            ("unlisted", "No longer listed by the institution"),
                            ("inactive", "Deactivated or deleted by the institution"),
                            ("unused", "Not used for a long time"),
                        ],
                        editable=False,
                        max_length=10,
                    ),
                ),
                ("source", models.CharField(blank=True, editable=False, max_length=40)),
                (
                    "outcome",
                    models.CharField(
                        choices=[
                            ("done", "Done"),
                            ("unavailable", "The directory did not answer"),
                            ("stopped", "Stopped: too many at once"),
                        ],
                        editable=False,
                        max_length=12,
                    ),
                ),
                ("at", models.DateTimeField(default=django.utils.timezone.now, editable=False)),
                (
                    "done_at",
                    models.DateTimeField(
                        editable=False, help_text="The last one that was neither stopped nor away.", null=True
                    ),
                ),
                ("looked_up", models.PositiveIntegerField(default=0, editable=False)),
                ("leaving", models.PositiveIntegerField(default=0, editable=False)),
                (
                    "allowed",
                    models.PositiveIntegerField(default=0, editable=False, help_text="So many an admin has accepted."),
                ),
            ],
            options={
                "default_permissions": (),
                "constraints": [
                    models.UniqueConstraint(fields=("reason", "source"), name="accounts_one_leaving_check_per_source")
                ],
            },
        ),
        migrations.CreateModel(
            name="LeavingMail",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("made_at", models.DateTimeField(default=django.utils.timezone.now, editable=False)),
                ("claimed_at", models.DateTimeField(editable=False, help_text="It is being sent.", null=True)),
                (
                    "done_at",
                    models.DateTimeField(editable=False, help_text="Sent, or refused by the mail server.", null=True),
                ),
                (
                    "account",
                    models.ForeignKey(
                        editable=False,
                        null=True,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="mails",
                        to="accounts.leavingaccount",
                    ),
                ),
                (
                    "reader",
                    models.ForeignKey(
                        editable=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "stopped",
                    models.ForeignKey(
                        editable=False,
                        null=True,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="mails",
                        to="accounts.leavingcheck",
                    ),
                ),
            ],
            options={
                "default_permissions": (),
                "constraints": [
                    models.UniqueConstraint(fields=("account", "reader"), name="accounts_one_leaving_mail_per_reader"),
                    models.UniqueConstraint(fields=("stopped", "reader"), name="accounts_one_stopped_mail_per_reader"),
                    models.CheckConstraint(
                        condition=models.Q(("account", None), ("stopped", None), _connector="XOR"),
                        name="accounts_leaving_mail_has_one_subject",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="SamlMetadata",
            fields=[
                ("provider", models.CharField(editable=False, max_length=40, primary_key=True, serialize=False)),
                (
                    "version",
                    models.CharField(
                        editable=False, help_text="Of the file, or ETag; unchanged: not read.", max_length=200
                    ),
                ),
                (
                    "source",
                    models.CharField(
                        editable=False, help_text="SHA-256 of the settings that were used.", max_length=64
                    ),
                ),
                (
                    "loaded_at",
                    models.DateTimeField(editable=False, help_text="Last time that it was valid.", null=True),
                ),
                ("tried_at", models.DateTimeField(editable=False, null=True)),
                ("error", models.CharField(editable=False, help_text="Of the last try; empty: none.", max_length=300)),
                ("count", models.PositiveIntegerField(default=0, editable=False, help_text="Of institutions.")),
            ],
            options={
                "default_permissions": (),
            },
        ),
        migrations.CreateModel(
            name="SamlInstitution",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                (
                    "provider",
                    models.CharField(editable=False, help_text="The id in IDENTITY_PROVIDERS.", max_length=40),
                ),
                ("entity_id", models.CharField(editable=False, max_length=500)),
                (
                    "name",
                    models.CharField(editable=False, help_text="In English, or else in some language.", max_length=200),
                ),
                ("names", models.JSONField(default=dict, editable=False, help_text="By language.")),
                (
                    "search",
                    models.TextField(
                        editable=False, help_text="Names, keywords, domains; in lower case, without accents."
                    ),
                ),
                ("scopes", models.JSONField(default=list, editable=False, help_text="The domains that it speaks for.")),
                ("is_hidden", models.BooleanField(default=False, editable=False, help_text="Wants not to be listed.")),
                ("descriptor", models.TextField(editable=False, help_text="Its keys and addresses, as XML.")),
                ("valid_until", models.DateTimeField(editable=False, null=True)),
            ],
            options={
                "default_permissions": (),
                "constraints": [
                    models.UniqueConstraint(fields=("provider", "entity_id"), name="accounts_saml_institution")
                ],
            },
        ),
        migrations.CreateModel(
            name="Webhook",
            fields=[
                ("id", models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ("name", models.CharField(max_length=60, verbose_name="name")),
                (
                    "format",
                    models.CharField(
                        choices=[
                            ("signed", "Signed JSON, for programs (Standard Webhooks)"),
                            (
                                "chat",
                                "A line of text, for chats (Slack, Mattermost, Rocket.Chat, Google Chat, Matrix by hookshot)",
                            ),
                        ],
                        default="signed",
                        editable=False,
                        max_length=10,
                    ),
                ),
                ("url", models.TextField(editable=False, help_text="Encrypted: it can contain a secret.")),
                ("host", models.CharField(editable=False, help_text="Of the URL; shown.", max_length=255)),
                ("secret", models.TextField(editable=False, help_text="Encrypted; signs what is sent.")),
                ("events", models.JSONField(default=list, editable=False, help_text="Values of WebhookEvent.")),
                ("created_at", models.DateTimeField(default=django.utils.timezone.now, editable=False)),
                ("paused_at", models.DateTimeField(editable=False, null=True)),
                (
                    "pause",
                    models.CharField(
                        blank=True,
                        choices=[("", ""), ("admin", "by an administrator"), ("failing", "it did not answer for days")],
                        default="",
                        editable=False,
                        max_length=10,
                    ),
                ),
                (
                    "active_since",
                    models.DateTimeField(
                        default=django.utils.timezone.now, editable=False, help_text="Earlier ends are not sent."
                    ),
                ),
                (
                    "failing_since",
                    models.DateTimeField(editable=False, help_text="The first failure after a success.", null=True),
                ),
                (
                    "claimed_at",
                    models.DateTimeField(editable=False, help_text="Messages are being sent to it.", null=True),
                ),
                (
                    "created_by",
                    models.ForeignKey(
                        editable=False,
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
            options={
                "permissions": [("manage_webhooks", "Can manage webhooks")],
                "default_permissions": (),
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("pause", ""), ("paused_at", None)),
                            models.Q(("pause__in", ("admin", "failing")), ("paused_at__isnull", False)),
                            _connector="OR",
                        ),
                        name="accounts_webhook_pause_known",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("format__in", ("signed", "chat"))), name="accounts_webhook_format_known"
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="WebhookDelivery",
            fields=[
                ("id", models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                (
                    "event",
                    models.CharField(
                        choices=[
                            ("key.created", "A key was created"),
                            ("key.renewed", "A key was renewed"),
                            ("key.secret_replaced", "The secret of a key was replaced"),
                            ("key.expired", "A key has expired"),
                            ("key.deleted", "A key was deleted"),
                            ("key.blocked", "A key was blocked"),
                            ("key.leaked", "A key has leaked"),
                            ("budget.reached", "A budget is nearly or wholly spent"),
                            ("request.created", "Somebody asks for more"),
                            ("request.decided", "A request was decided"),
                            ("webhook.test", "Test message"),
                        ],
                        editable=False,
                        max_length=40,
                    ),
                ),
                (
                    "name",
                    models.CharField(editable=False, help_text="Of what happened: each only once.", max_length=150),
                ),
                ("body", models.TextField(editable=False, help_text="JSON, as it is signed and sent.")),
                ("made_at", models.DateTimeField(default=django.utils.timezone.now, editable=False)),
                (
                    "state",
                    models.CharField(
                        choices=[("waiting", "Waiting"), ("delivered", "Delivered"), ("failed", "Given up")],
                        default="waiting",
                        editable=False,
                        max_length=10,
                    ),
                ),
                ("next_at", models.DateTimeField(default=django.utils.timezone.now, editable=False)),
                ("claimed_at", models.DateTimeField(editable=False, help_text="It is being sent.", null=True)),
                ("attempts", models.PositiveIntegerField(default=0, editable=False)),
                ("tried_at", models.DateTimeField(editable=False, null=True)),
                (
                    "status",
                    models.PositiveSmallIntegerField(editable=False, help_text="Of the last answer.", null=True),
                ),
                (
                    "problem",
                    models.CharField(blank=True, editable=False, help_text="Why there was none.", max_length=20),
                ),
                ("answer", models.CharField(blank=True, editable=False, help_text="Its beginning.", max_length=500)),
                ("took_ms", models.PositiveIntegerField(editable=False, null=True)),
                (
                    "person",
                    models.ForeignKey(
                        editable=False,
                        null=True,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "webhook",
                    models.ForeignKey(
                        db_constraint=False,
                        db_index=False,
                        editable=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="deliveries",
                        to="accounts.webhook",
                    ),
                ),
            ],
            options={
                "default_permissions": (),
                "indexes": [
                    models.Index(
                        condition=models.Q(("state", "waiting")),
                        fields=["webhook", "next_at"],
                        name="accounts_deliveries_due",
                    ),
                    models.Index(fields=["webhook", "-made_at", "-id"], name="accounts_deliveries_of_webhook"),
                    models.Index(fields=["made_at"], name="accounts_deliveries_by_age"),
                ],
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(("state__in", ("waiting", "delivered", "failed"))),
                        name="accounts_delivery_state_known",
                    ),
                    models.UniqueConstraint(fields=("webhook", "name"), name="accounts_delivery_once"),
                ],
            },
        ),
        migrations.CreateModel(
            name="ScimClient",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                (
                    "provider",
                    models.CharField(editable=False, help_text="Its id (ADR 47).", max_length=40, unique=True),
                ),
                (
                    "scopes",
                    models.CharField(editable=False, help_text="Names, with a space in between.", max_length=60),
                ),
                (
                    "digest",
                    models.CharField(
                        editable=False, help_text="SHA-256 of the secret, in hex.", max_length=64, unique=True
                    ),
                ),
                ("last_four", models.CharField(editable=False, max_length=4)),
                (
                    "former_digest",
                    models.CharField(blank=True, editable=False, help_text="Of the replaced secret.", max_length=64),
                ),
                (
                    "former_until",
                    models.DateTimeField(editable=False, help_text="Until then the replaced secret works.", null=True),
                ),
                ("created_at", models.DateTimeField(default=django.utils.timezone.now, editable=False)),
                ("replaced_at", models.DateTimeField(editable=False, null=True)),
                ("revoked_at", models.DateTimeField(editable=False, null=True)),
                ("last_used_at", models.DateTimeField(editable=False, help_text="To the minute.", null=True)),
            ],
            options={
                "default_permissions": (),
                "indexes": [models.Index(fields=["former_digest"], name="accounts_scim_former_secret")],
            },
        ),
        migrations.CreateModel(
            name="ScimUser",
            fields=[
                ("id", models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ("user_name", models.CharField(editable=False, help_text="Folded, for comparisons.", max_length=150)),
                ("external_id", models.CharField(blank=True, editable=False, max_length=255)),
                (
                    "attributes",
                    models.JSONField(
                        default=dict, editable=False, help_text="As the client sent them, and we know them."
                    ),
                ),
                ("active", models.BooleanField(default=True, editable=False)),
                ("deleted_at", models.DateTimeField(editable=False, null=True)),
                ("created_at", models.DateTimeField(default=django.utils.timezone.now, editable=False)),
                ("changed_at", models.DateTimeField(default=django.utils.timezone.now, editable=False)),
                ("version", models.PositiveIntegerField(default=1, editable=False)),
                (
                    "client",
                    models.ForeignKey(
                        db_index=False,
                        editable=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="users",
                        to="accounts.scimclient",
                    ),
                ),
                (
                    "person",
                    models.ForeignKey(
                        editable=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="scim_users",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
            options={
                "default_permissions": (),
                "indexes": [
                    models.Index(fields=["client", "external_id"], name="accounts_scim_user_external"),
                    models.Index(fields=["client", "created_at", "id"], name="accounts_scim_users_in_order"),
                ],
                "constraints": [
                    models.UniqueConstraint(
                        condition=models.Q(("deleted_at", None)),
                        fields=("client", "user_name"),
                        name="accounts_scim_user_name_unique",
                    ),
                    models.UniqueConstraint(fields=("client", "person"), name="accounts_one_scim_user_per_person"),
                ],
            },
        ),
        migrations.CreateModel(
            name="ScimGroup",
            fields=[
                ("id", models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ("name", models.CharField(editable=False, help_text="As the client wrote it.", max_length=150)),
                ("folded_name", models.CharField(editable=False, max_length=150)),
                ("external_id", models.CharField(blank=True, editable=False, max_length=255)),
                ("created_at", models.DateTimeField(default=django.utils.timezone.now, editable=False)),
                ("changed_at", models.DateTimeField(default=django.utils.timezone.now, editable=False)),
                ("version", models.PositiveIntegerField(default=1, editable=False)),
                (
                    "client",
                    models.ForeignKey(
                        db_index=False,
                        editable=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="groups",
                        to="accounts.scimclient",
                    ),
                ),
                ("members", models.ManyToManyField(editable=False, related_name="groups", to="accounts.scimuser")),
            ],
            options={
                "default_permissions": (),
                "indexes": [
                    models.Index(fields=["client", "external_id"], name="accounts_scim_group_external"),
                    models.Index(fields=["client", "created_at", "id"], name="accounts_scim_groups_in_order"),
                ],
                "constraints": [
                    models.UniqueConstraint(fields=("client", "folded_name"), name="accounts_scim_group_name_unique")
                ],
            },
        ),
    ]
