import uuid
from decimal import Decimal

import django.db.models.deletion
import django.db.models.functions.text
import django.utils.timezone
from django.conf import settings
from django.db import migrations, models

import gateway.log_context
import keys.models
import web.money


class Migration(migrations.Migration):
    initial = True

    dependencies = [
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="AdminAlert",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("code", models.CharField(max_length=60, unique=True)),
                ("mailed_at", models.DateTimeField(null=True)),
                ("mail_claimed_at", models.DateTimeField(help_text="The mails are being sent.", null=True)),
            ],
        ),
        migrations.CreateModel(
            name="GatewayState",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("checked_at", models.DateTimeField(null=True)),
                ("ok_at", models.DateTimeField(null=True)),
                ("down_since", models.DateTimeField(null=True)),
                ("problem", models.CharField(blank=True, max_length=40)),
                ("version", models.CharField(blank=True, max_length=40)),
                ("sandbox", models.BooleanField(default=False)),
                ("models_at", models.DateTimeField(null=True)),
            ],
        ),
        migrations.CreateModel(
            name="TaskRun",
            fields=[
                ("name", models.CharField(max_length=100, primary_key=True, serialize=False)),
                ("ended_at", models.DateTimeField(help_text="Well or badly.")),
                ("ok_at", models.DateTimeField(help_text="Without an exception.", null=True)),
            ],
        ),
        migrations.CreateModel(
            name="Heartbeat",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("kind", models.CharField(choices=[("worker", "worker"), ("beat", "beat")], max_length=10)),
                ("name", models.CharField(help_text="Of the worker, or the machine.", max_length=200)),
                ("queues", models.JSONField(default=list, help_text="Whose tasks a worker takes.")),
                ("started_at", models.DateTimeField(default=django.utils.timezone.now)),
                ("seen_at", models.DateTimeField(default=django.utils.timezone.now)),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(fields=("kind", "name"), name="keys_one_heartbeat_per_process"),
                    models.CheckConstraint(
                        condition=models.Q(("kind__in", ("worker", "beat"))), name="keys_known_kind_of_heartbeat"
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="GatewayIdentity",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                (
                    "marker",
                    models.CharField(
                        blank=True, help_text="The id of a team at the gateway that we made.", max_length=64
                    ),
                ),
                ("made_at", models.DateTimeField(help_text="When the gateway confirmed it.", null=True)),
                ("stamp", models.DateTimeField(help_text="What we last wrote on the team.", null=True)),
                ("next_stamp", models.DateTimeField(help_text="What we are writing on it.", null=True)),
                (
                    "problem",
                    models.CharField(
                        blank=True,
                        choices=[
                            ("", ""),
                            ("other", "This is not the gateway that the portal knows."),
                            ("older", "The gateway was restored from an older copy."),
                            ("vanished", "Many keys disappeared from the gateway at the same time."),
                        ],
                        default="",
                        max_length=10,
                    ),
                ),
                ("since", models.DateTimeField(help_text="Since when there is that problem.", null=True)),
                (
                    "missing_keys",
                    models.PositiveIntegerField(default=0, help_text="Of `live_keys`, when many vanished."),
                ),
                ("live_keys", models.PositiveIntegerField(default=0)),
                ("accepted_at", models.DateTimeField(null=True)),
                ("accepted_by", models.CharField(blank=True, max_length=150)),
                (
                    "absences_accepted",
                    models.BooleanField(default=False, help_text="The next sync may find many keys missing."),
                ),
                (
                    "facts_kept_to",
                    models.DateField(help_text="Usage of UTC days up to this one never shrinks.", null=True),
                ),
            ],
            options={
                "permissions": [("accept_gateway", "Can accept another gateway")],
                "default_permissions": (),
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(("problem__in", ("", "other", "older", "vanished"))),
                        name="keys_identity_problem_known",
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="GatewayModel",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("name", models.CharField(max_length=200, unique=True)),
                ("mode", models.CharField(blank=True, max_length=40)),
                ("provider", models.CharField(blank=True, max_length=80)),
                ("max_input_tokens", models.PositiveIntegerField(null=True)),
                ("max_output_tokens", models.PositiveIntegerField(null=True)),
                ("input_usd_per_million", web.money.UsdField(decimal_places=6, max_digits=12, null=True)),
                ("output_usd_per_million", web.money.UsdField(decimal_places=6, max_digits=12, null=True)),
                ("odd_prices", models.JSONField(default=dict, help_text="What the gateway reports that is no price.")),
                ("features", models.JSONField(default=list)),
                ("position", models.PositiveIntegerField(default=0, help_text="Its place in the gateway's own list.")),
            ],
            options={
                "ordering": ["position", "name"],
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(
                                ("input_usd_per_million", None), ("input_usd_per_million__gte", 0), _connector="OR"
                            ),
                            models.Q(
                                ("output_usd_per_million", None), ("output_usd_per_million__gte", 0), _connector="OR"
                            ),
                        ),
                        name="keys_prices_not_negative",
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="Intern",
            fields=[
                ("id", models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ("name", models.CharField(max_length=100, verbose_name="name")),
                ("email", models.EmailField(blank=True, max_length=254, verbose_name="e-mail")),
                (
                    "stay_ends_on",
                    models.DateField(
                        blank=True,
                        help_text="Last day (TIME_ZONE); no key of theirs lives longer.",
                        null=True,
                        verbose_name="end of the stay",
                    ),
                ),
                ("created_at", models.DateTimeField(default=django.utils.timezone.now, editable=False)),
                (
                    "account",
                    models.ForeignKey(
                        blank=True,
                        help_text="Their own account, found by its verified address at sign-in. Mails come in its language.",
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="internships",
                        to=settings.AUTH_USER_MODEL,
                        verbose_name="account",
                    ),
                ),
                (
                    "supervisor",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="interns",
                        to=settings.AUTH_USER_MODEL,
                        verbose_name="supervisor",
                    ),
                ),
            ],
            options={
                "verbose_name": "intern",
                "verbose_name_plural": "interns",
                "constraints": [
                    models.UniqueConstraint(
                        models.F("supervisor"),
                        django.db.models.functions.text.Lower("email"),
                        condition=models.Q(("email", ""), _negated=True),
                        name="keys_intern_email_unique",
                        violation_error_message="This supervisor has an intern with this e-mail address already.",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("name", ""), _negated=True), name="keys_intern_has_name"
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("account", models.F("supervisor")), _negated=True),
                        name="keys_intern_is_not_supervisor",
                        violation_error_message="Nobody is their own intern.",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="Team",
            fields=[
                ("id", models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                (
                    "budget_usd",
                    web.money.UsdField(decimal_places=4, help_text="Of all its keys together.", max_digits=10),
                ),
                ("key_budget_usd", web.money.UsdField(decimal_places=4, help_text="Of each key.", max_digits=10)),
                (
                    "playground_budget_usd",
                    web.money.UsdField(
                        decimal_places=4,
                        help_text="Of each person in the Playground; empty: not there.",
                        max_digits=10,
                        null=True,
                    ),
                ),
                ("rpm_limit", models.PositiveIntegerField(help_text="Of each key.", null=True)),
                ("tpm_limit", models.PositiveIntegerField(help_text="Of each key.", null=True)),
                ("model_names", models.JSONField(help_text="What its keys may call; empty: all.", null=True)),
                ("ends_at", models.DateTimeField(help_text="No key of it works longer.")),
                ("frozen_at", models.DateTimeField(help_text="Its keys are to be blocked.", null=True)),
                ("ended_at", models.DateTimeField(help_text="Its keys are to be deleted, then the team.", null=True)),
                (
                    "state",
                    models.CharField(
                        choices=[("under_way", "Being set"), ("written", "Set"), ("deleted", "Deleted")],
                        default="under_way",
                        max_length=10,
                    ),
                ),
                (
                    "revision",
                    models.PositiveIntegerField(
                        default=0, help_text="Of the values above: the gateway may have an older one."
                    ),
                ),
                (
                    "checked_at",
                    models.DateTimeField(
                        help_text="When it was last compared; empty: to be looked at soon.", null=True
                    ),
                ),
                ("created_at", models.DateTimeField(default=django.utils.timezone.now, editable=False)),
            ],
            options={
                "indexes": [models.Index(fields=["checked_at"], name="keys_teams_by_check")],
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(("state__in", ("under_way", "written", "deleted"))),
                        name="keys_team_state_known",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("budget_usd__gt", 0),
                            ("key_budget_usd__gt", 0),
                            models.Q(
                                ("playground_budget_usd", None), ("playground_budget_usd__gt", 0), _connector="OR"
                            ),
                        ),
                        name="keys_team_budgets_positive",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="Key",
            fields=[
                ("id", models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                (
                    "kind",
                    models.CharField(
                        choices=[
                            ("personal", "Personal"),
                            ("temporary", "Temporary"),
                            ("playground", "Playground"),
                            ("course", "Course"),
                            ("external", "Created outside the portal"),
                        ],
                        max_length=10,
                    ),
                ),
                ("label", models.CharField(max_length=60)),
                (
                    "state",
                    models.CharField(
                        choices=[
                            ("issuing", "Being created"),
                            ("active", "Active"),
                            ("deleting", "Being deleted"),
                            ("deleted", "Deleted"),
                            ("failed", "Not created"),
                        ],
                        default="issuing",
                        max_length=10,
                    ),
                ),
                (
                    "problem",
                    models.CharField(
                        blank=True,
                        choices=[
                            ("", ""),
                            ("unreachable", "The gateway could not be reached."),
                            ("refused", "The gateway refused to create it."),
                            (
                                "answer_lost",
                                "The gateway’s answer was lost. Nobody has seen the secret, and no such key is left.",
                            ),
                            ("gone", "It was deleted at the gateway, not in the portal."),
                            ("lapsed", "It expired, and was not renewed in time."),
                            ("no_custom", "The gateway does not let the portal choose its secret."),
                            ("replaced", "The portal’s own secret changed, so another key replaced it."),
                            ("anonymised", "Its owner was anonymised."),
                            ("course_ended", "Its course has ended."),
                            ("course_left", "Its user is no longer in the course."),
                            ("leaked", "Its secret was reported as leaked."),
                        ],
                        default="",
                        max_length=20,
                    ),
                ),
                (
                    "request_id",
                    models.UUIDField(
                        help_text="The form that asked for it: a second click makes no second key.", null=True
                    ),
                ),
                (
                    "intern",
                    models.ForeignKey(
                        help_text="Who uses it; empty: its owner.",
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="keys",
                        to="keys.intern",
                    ),
                ),
                (
                    "team",
                    models.ForeignKey(
                        help_text="That of a course; it has the limits.",
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="keys",
                        to="keys.team",
                    ),
                ),
                (
                    "handed_out",
                    models.BooleanField(
                        default=False, help_text="A course key of somebody without an account; its owner is a teacher."
                    ),
                ),
                ("expires_at", models.DateTimeField(help_text="As the gateway reported; empty: never.", null=True)),
                ("blocked", models.BooleanField(default=False)),
                (
                    "blocked_by_portal",
                    models.BooleanField(default=False, help_text="Its owner is not active; unblocked on return."),
                ),
                (
                    "blocked_for_budget",
                    models.BooleanField(
                        default=False,
                        help_text="By the portal: the budget of a group is used up, or the owner’s where there are no teams.",
                    ),
                ),
                (
                    "blocked_for_team",
                    models.BooleanField(default=False, help_text="By the portal, since its course is frozen."),
                ),
                (
                    "blocked_by_teacher",
                    models.BooleanField(
                        default=False,
                        help_text="A teacher of its course has blocked it, if it is blocked; else nothing.",
                    ),
                ),
                (
                    "paused_at",
                    models.DateTimeField(
                        help_text="Its owner has paused it, if it is blocked; else nothing.", null=True
                    ),
                ),
                ("budget_usd", web.money.UsdField(decimal_places=4, max_digits=10, null=True)),
                (
                    "budget_period",
                    models.CharField(blank=True, help_text="As LiteLLM spells it: 1d, 7d, 30d.", max_length=10),
                ),
                ("rpm_limit", models.PositiveIntegerField(null=True)),
                ("tpm_limit", models.PositiveIntegerField(null=True)),
                ("model_names", models.JSONField(help_text="What it may call; empty: all.", null=True)),
                (
                    "recent_usd",
                    web.money.UsdField(
                        decimal_places=12,
                        default=Decimal("0"),
                        help_text="Spend of the last 30 days, as of the last poll; for lists.",
                        max_digits=19,
                    ),
                ),
                (
                    "last_used_on",
                    models.DateField(help_text="UTC, as of the last poll; empty: never.", null=True),
                ),
                ("created_at", models.DateTimeField(default=django.utils.timezone.now)),
                (
                    "given_at",
                    models.DateTimeField(
                        help_text="When it got its owner, if it was made and used outside before: all its spend is theirs.",
                        null=True,
                    ),
                ),
                (
                    "lifetime_started_at",
                    models.DateTimeField(
                        help_text="When its present lifetime began: its last renewal; empty: its creation.", null=True
                    ),
                ),
                (
                    "renewing_since",
                    models.DateTimeField(help_text="A renewal was sent and its answer not yet recorded.", null=True),
                ),
                ("ended_at", models.DateTimeField(null=True)),
                ("tried_at", models.DateTimeField(help_text="The last time that the sweep failed on it.", null=True)),
                (
                    "dismissed_of",
                    models.DateTimeField(help_text="The end whose notice its owner dismissed.", null=True),
                ),
                (
                    "owner",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="keys", to=settings.AUTH_USER_MODEL
                    ),
                ),
            ],
            options={
                "indexes": [
                    models.Index(fields=["owner", "-created_at"], name="keys_of_owner"),
                    models.Index(fields=["-created_at", "id", "state", "owner"], name="keys_newest_first"),
                    models.Index(
                        condition=models.Q(("state__in", ("issuing", "active", "deleting"))),
                        fields=["-recent_usd", "-created_at", "id"],
                        name="keys_by_recent_spend",
                    ),
                    models.Index(
                        condition=models.Q(("blocked_for_budget", True)),
                        fields=["owner"],
                        name="keys_blocked_for_budget",
                    ),
                    models.Index(condition=models.Q(("state", "active")), fields=["expires_at"], name="keys_by_end"),
                ],
                "constraints": [
                    models.UniqueConstraint(
                        models.F("owner"),
                        django.db.models.functions.text.Lower("label"),
                        condition=models.Q(
                            ("kind__in", ("personal", "temporary")), ("state__in", ("issuing", "active", "deleting"))
                        ),
                        name="keys_label_unique_among_live",
                    ),
                    models.UniqueConstraint(
                        condition=models.Q(
                            ("kind", "playground"), ("state__in", ("issuing", "active")), ("team", None)
                        ),
                        fields=("owner",),
                        name="keys_one_playground_key",
                    ),
                    models.UniqueConstraint(
                        condition=models.Q(
                            ("handed_out", False), ("state__in", ("issuing", "active")), ("team__isnull", False)
                        ),
                        fields=("owner", "team", "kind"),
                        name="keys_one_course_key",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(
                                ("handed_out", False), ("team", None), models.Q(("kind", "course"), _negated=True)
                            ),
                            models.Q(("kind", "course"), ("team__isnull", False)),
                            models.Q(("handed_out", False), ("kind", "playground"), ("team__isnull", False)),
                            _connector="OR",
                        ),
                        name="keys_course_key_has_a_team",
                    ),
                    models.UniqueConstraint(fields=("owner", "request_id"), name="keys_form_makes_one_key"),
                    models.CheckConstraint(
                        condition=models.Q(("kind__in", ("personal", "temporary", "playground", "course", "external"))),
                        name="keys_kind_known",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("state__in", ("issuing", "active", "deleting", "deleted", "failed"))),
                        name="keys_state_known",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            (
                                "problem__in",
                                (
                                    "",
                                    "unreachable",
                                    "refused",
                                    "answer_lost",
                                    "gone",
                                    "lapsed",
                                    "no_custom",
                                    "replaced",
                                    "anonymised",
                                    "course_ended",
                                    "course_left",
                                    "leaked",
                                ),
                            )
                        ),
                        name="keys_problem_known",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("budget_usd", None), ("budget_usd__gte", 0), _connector="OR"),
                        name="keys_budget_not_negative",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="PersonBudget",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                (
                    "budget_usd",
                    web.money.UsdField(decimal_places=4, help_text="Empty: no limit.", max_digits=10, null=True),
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
                    "uncounted_usd",
                    web.money.UsdField(
                        decimal_places=12,
                        default=Decimal("0"),
                        help_text="Spent in this period and not counted by the team; negative: counted by it, and not of this period.",
                        max_digits=19,
                    ),
                ),
                (
                    "uncounted_until",
                    models.DateField(help_text="The UTC day on which the next period begins.", null=True),
                ),
                (
                    "recount_at",
                    models.DateTimeField(
                        help_text="When `uncounted_usd` is computed again; empty: two counts in a row agreed, or none was needed.",
                        null=True,
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
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(("state__in", ("under_way", "written", "no_teams"))),
                        name="keys_person_budget_state_known",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("budget_usd", None), ("budget_usd__gt", 0), _connector="OR"),
                        name="keys_person_budget_positive",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("budget_period", ""), ("budget_usd", None)),
                            models.Q(("budget_period__in", ["1d", "7d", "30d"]), ("budget_usd__isnull", False)),
                            _connector="OR",
                        ),
                        name="keys_person_budget_has_a_period",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("uncounted_usd", 0),
                            models.Q(("budget_usd__isnull", False), ("uncounted_until__isnull", False)),
                            _connector="OR",
                        ),
                        name="keys_uncounted_spend_has_an_end",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="Token",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("alias", models.CharField(default=keys.models.new_alias, max_length=64, null=True, unique=True)),
                ("token", models.CharField(max_length=64, null=True, unique=True)),
                ("last_four", models.CharField(blank=True, max_length=4)),
                (
                    "state",
                    models.CharField(
                        choices=[
                            ("issuing", "Being created"),
                            ("live", "Works"),
                            ("retiring", "Works until the grace period ends"),
                            ("deleting", "Being deleted"),
                            ("deleted", "Deleted"),
                            ("gone", "No longer at the gateway"),
                            ("lost", "Never used"),
                        ],
                        default="issuing",
                        max_length=10,
                    ),
                ),
                (
                    "since",
                    models.DateTimeField(default=django.utils.timezone.now, help_text="When it came into this state."),
                ),
                (
                    "answer_lost",
                    models.BooleanField(
                        default=False, help_text="Nobody waits for the gateway any more: repair it now."
                    ),
                ),
                ("retires_at", models.DateTimeField(null=True)),
                ("tried_at", models.DateTimeField(help_text="The last time that the sweep failed on it.", null=True)),
                (
                    "in_team",
                    models.BooleanField(
                        default=False, help_text="Counts towards its owner’s budget; see PersonBudget."
                    ),
                ),
                ("created_at", models.DateTimeField(default=django.utils.timezone.now)),
                ("reference", models.CharField(blank=True, default=gateway.log_context.request_id, max_length=64)),
                (
                    "key",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="tokens", to="keys.key"
                    ),
                ),
            ],
            options={
                "indexes": [
                    models.Index(
                        condition=models.Q(("state__in", ("issuing", "retiring", "deleting"))),
                        fields=["since"],
                        name="keys_tokens_under_way",
                    )
                ],
                "constraints": [
                    models.UniqueConstraint(
                        condition=models.Q(("state", "live")), fields=("key",), name="keys_one_live_token"
                    ),
                    models.UniqueConstraint(
                        condition=models.Q(("state", "issuing")), fields=("key",), name="keys_one_token_under_way"
                    ),
                    models.UniqueConstraint(
                        condition=models.Q(("state", "retiring")), fields=("key",), name="keys_one_retiring_token"
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("state__in", ("issuing", "live", "retiring", "deleting", "deleted", "gone", "lost"))
                        ),
                        name="keys_token_state_known",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("state", "retiring"), _negated=True),
                            ("retires_at__isnull", False),
                            _connector="OR",
                        ),
                        name="keys_retiring_has_an_end",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="FormerOwner",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("until", models.DateTimeField(default=django.utils.timezone.now)),
                (
                    "key",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="former_owners", to="keys.key"
                    ),
                ),
                (
                    "owner",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="+", to=settings.AUTH_USER_MODEL
                    ),
                ),
            ],
            options={
                "indexes": [models.Index(fields=["until"], name="keys_handed_over_by_time")],
                "constraints": [models.UniqueConstraint(fields=("key", "until"), name="keys_one_owner_at_a_time")],
            },
        ),
        migrations.CreateModel(
            name="LimitOverride",
            fields=[
                (
                    "key",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.CASCADE,
                        primary_key=True,
                        related_name="override",
                        serialize=False,
                        to="keys.key",
                    ),
                ),
                ("fields", models.JSONField(default=list, help_text="Names of those columns here that count.")),
                (
                    "budget_usd",
                    web.money.UsdField(
                        decimal_places=4,
                        help_text="Empty: none of its own.",
                        max_digits=10,
                        null=True,
                        verbose_name="budget",
                    ),
                ),
                (
                    "extra_usd",
                    web.money.UsdField(
                        decimal_places=4,
                        default=Decimal("0"),
                        help_text="On top of the budget that the key has otherwise.",
                        max_digits=10,
                    ),
                ),
                (
                    "extra_request_id",
                    models.UUIDField(
                        help_text="The form that added to it last: a second click adds nothing.", null=True
                    ),
                ),
                ("budget_period", models.CharField(blank=True, max_length=10, verbose_name="budget period")),
                ("rpm_limit", models.PositiveIntegerField(null=True, verbose_name="requests per minute")),
                ("tpm_limit", models.PositiveIntegerField(null=True, verbose_name="tokens per minute")),
                ("model_names", models.JSONField(help_text="Empty: all.", null=True, verbose_name="models")),
                (
                    "expires_at",
                    models.DateTimeField(
                        help_text="Empty: as the policies and renewals say.", null=True, verbose_name="end"
                    ),
                ),
                (
                    "within_policy",
                    models.BooleanField(
                        default=False,
                        help_text="Set by the owner of the key: counts only as far as the policies allow it.",
                    ),
                ),
                ("reason", models.CharField(blank=True, max_length=200, verbose_name="reason")),
                ("set_at", models.DateTimeField(default=django.utils.timezone.now)),
                (
                    "set_by",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
            options={
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("budget_period", ""), ("budget_usd", None)),
                            models.Q(("budget_period__in", ["", "1d", "7d", "30d"]), ("budget_usd__gte", 0)),
                            _connector="OR",
                        ),
                        name="keys_override_budget_has_a_period",
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="SupervisorLeave",
            fields=[
                (
                    "supervisor",
                    models.OneToOneField(
                        editable=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        primary_key=True,
                        related_name="leave",
                        serialize=False,
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "noticed_at",
                    models.DateTimeField(
                        default=django.utils.timezone.now, editable=False, help_text="The grace begins then."
                    ),
                ),
            ],
        ),
        migrations.CreateModel(
            name="LeaveMail",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("claimed_at", models.DateTimeField(editable=False, help_text="It is being sent.", null=True)),
                (
                    "done_at",
                    models.DateTimeField(editable=False, help_text="Sent, or refused by the mail server.", null=True),
                ),
                (
                    "intern",
                    models.ForeignKey(
                        editable=False,
                        null=True,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="+",
                        to="keys.intern",
                    ),
                ),
                (
                    "manager",
                    models.ForeignKey(
                        editable=False,
                        null=True,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "leave",
                    models.ForeignKey(
                        editable=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="mails",
                        to="keys.supervisorleave",
                    ),
                ),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(fields=("leave", "intern"), name="keys_one_leave_mail_per_intern"),
                    models.UniqueConstraint(fields=("leave", "manager"), name="keys_one_leave_mail_per_manager"),
                    models.CheckConstraint(
                        condition=models.Q(("intern", None), ("manager", None), _connector="XOR"),
                        name="keys_leave_mail_has_one_reader",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="ReminderMail",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("claimed_at", models.DateTimeField(editable=False, help_text="It is being sent.", null=True)),
                (
                    "sent_on",
                    models.DateField(
                        editable=False,
                        help_text="The UTC day of the last, also where the mail server refused it.",
                        null=True,
                    ),
                ),
                (
                    "intern",
                    models.OneToOneField(
                        editable=False,
                        null=True,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="+",
                        to="keys.intern",
                    ),
                ),
                (
                    "person",
                    models.OneToOneField(
                        editable=False,
                        null=True,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
            options={
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(("person", None), ("intern", None), _connector="XOR"),
                        name="keys_reminder_mail_has_one_reader",
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="Reminder",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("expires_at", models.DateTimeField(editable=False)),
                ("is_last", models.BooleanField(editable=False, help_text="The one of the day before.")),
                (
                    "key",
                    models.ForeignKey(
                        editable=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="reminders",
                        to="keys.key",
                    ),
                ),
                (
                    "mail",
                    models.ForeignKey(
                        db_index=False,
                        editable=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="reminders",
                        to="keys.remindermail",
                    ),
                ),
            ],
            options={
                "constraints": [models.UniqueConstraint(fields=("mail", "key"), name="keys_one_reminder_per_reader")],
            },
        ),
        migrations.CreateModel(
            name="RequestedReminder",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("by", models.CharField(editable=False, help_text="The admin's name.", max_length=310)),
                (
                    "lines",
                    models.JSONField(
                        editable=False, help_text="What the mail says of each key, in the owner's language."
                    ),
                ),
                ("asked_at", models.DateTimeField(default=django.utils.timezone.now, editable=False)),
                ("claimed_at", models.DateTimeField(editable=False, help_text="It is being sent.", null=True)),
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
        ),
        migrations.CreateModel(
            name="KeyGift",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("number", models.PositiveSmallIntegerField(default=1, help_text="How many keys it is about.")),
                ("made_at", models.DateTimeField(default=django.utils.timezone.now)),
                ("claimed_at", models.DateTimeField(help_text="Its mail is being sent.", null=True)),
                (
                    "done_at",
                    models.DateTimeField(help_text="The mail is sent, or there is nobody to write to.", null=True),
                ),
                (
                    "given_by",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "owner",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
        ),
        migrations.CreateModel(
            name="GivenKey",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                (
                    "spent_usd",
                    web.money.UsdField(
                        decimal_places=12, help_text="Before it was given, as the gateway counts it.", max_digits=19
                    ),
                ),
                (
                    "gift",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="given_keys", to="keys.keygift"
                    ),
                ),
                (
                    "key",
                    models.OneToOneField(on_delete=django.db.models.deletion.CASCADE, related_name="+", to="keys.key"),
                ),
            ],
        ),
        migrations.CreateModel(
            name="UnownedKey",
            fields=[
                ("id", models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ("token", models.CharField(max_length=64, unique=True)),
                ("alias", models.CharField(blank=True, max_length=200)),
                ("last_four", models.CharField(blank=True, max_length=4)),
                ("user_id", models.CharField(blank=True, help_text="At the gateway; of nobody here.", max_length=200)),
                ("team_id", models.CharField(blank=True, max_length=200)),
                (
                    "spend_usd",
                    web.money.UsdField(
                        decimal_places=12,
                        default=Decimal(0),
                        help_text="The counter there, which resets with the budget.",
                        max_digits=19,
                    ),
                ),
                ("expires_at", models.DateTimeField(help_text="Empty: never.", null=True)),
                ("blocked", models.BooleanField(default=False)),
                ("made_at", models.DateTimeField(null=True)),
                ("used_at", models.DateTimeField(null=True)),
                ("first_seen_at", models.DateTimeField(default=django.utils.timezone.now)),
                ("last_seen_at", models.DateTimeField(default=django.utils.timezone.now)),
                (
                    "intent",
                    models.CharField(
                        blank=True,
                        choices=[
                            ("", ""),
                            ("give", "Gets an owner"),
                            ("block", "Being blocked"),
                            ("unblock", "Being unblocked"),
                            ("delete", "Being deleted"),
                        ],
                        default="",
                        max_length=10,
                    ),
                ),
                (
                    "intended_at",
                    models.DateTimeField(help_text="When it was last begun, here or by the sweep.", null=True),
                ),
                (
                    "intended_by",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "gift",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="unowned_keys",
                        to="keys.keygift",
                    ),
                ),
            ],
            options={
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(("intent__in", ("", "give", "block", "unblock", "delete"))),
                        name="keys_unowned_intent_known",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("gift__isnull", False), ("intent", "give")),
                            models.Q(models.Q(("intent", "give"), _negated=True), ("gift", None)),
                            _connector="OR",
                        ),
                        name="keys_unowned_given_to_somebody",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("intended_at", None), ("intent", "")),
                            models.Q(models.Q(("intent", ""), _negated=True), ("intended_at__isnull", False)),
                            _connector="OR",
                        ),
                        name="keys_unowned_intent_has_a_time",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="LimitChange",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                (
                    "changes",
                    models.JSONField(
                        editable=False, help_text="As in the trail: limit -> [value before, value after]."
                    ),
                ),
                ("made_at", models.DateTimeField(default=django.utils.timezone.now, editable=False)),
                ("seen_at", models.DateTimeField(editable=False, help_text="Dismissed by the intern.", null=True)),
                ("claimed_at", models.DateTimeField(editable=False, help_text="Its mail is being sent.", null=True)),
                (
                    "mailed_at",
                    models.DateTimeField(editable=False, help_text="Or there is nobody to write to.", null=True),
                ),
                (
                    "changed_by",
                    models.ForeignKey(
                        editable=False,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "intern",
                    models.ForeignKey(
                        editable=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="+",
                        to="keys.intern",
                    ),
                ),
                (
                    "key",
                    models.ForeignKey(
                        editable=False, on_delete=django.db.models.deletion.CASCADE, related_name="+", to="keys.key"
                    ),
                ),
            ],
        ),
        migrations.CreateModel(
            name="LeakReport",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                (
                    "source",
                    models.CharField(
                        choices=[("github", "GitHub"), ("other", "Another scanner")], editable=False, max_length=10
                    ),
                ),
                ("where", models.CharField(blank=True, editable=False, help_text="A public address.", max_length=500)),
                ("reported_at", models.DateTimeField(default=django.utils.timezone.now, editable=False)),
                ("repeats", models.PositiveIntegerField(default=0, editable=False)),
                (
                    "access_token",
                    models.OneToOneField(
                        editable=False,
                        null=True,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="leak_report",
                        to="accounts.accesstoken",
                    ),
                ),
                (
                    "scim_client",
                    models.ForeignKey(
                        editable=False,
                        null=True,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="leak_reports",
                        to="accounts.scimclient",
                    ),
                ),
                (
                    "scim_digest",
                    models.CharField(
                        blank=True,
                        editable=False,
                        help_text="SHA-256 of the token: a client gets others later.",
                        max_length=64,
                    ),
                ),
                ("scim_last_four", models.CharField(blank=True, editable=False, max_length=4)),
                (
                    "token",
                    models.OneToOneField(
                        editable=False,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="leak_report",
                        to="keys.token",
                    ),
                ),
            ],
            options={
                "default_permissions": (),
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(
                                ("access_token", None),
                                ("scim_client", None),
                                ("scim_digest", ""),
                                ("token__isnull", False),
                            ),
                            models.Q(
                                ("access_token__isnull", False),
                                ("scim_client", None),
                                ("scim_digest", ""),
                                ("token", None),
                            ),
                            models.Q(
                                ("access_token", None),
                                ("scim_client__isnull", False),
                                ("token", None),
                                models.Q(("scim_digest", ""), _negated=True),
                            ),
                            _connector="OR",
                        ),
                        name="keys_leak_of_one_secret",
                    ),
                    models.UniqueConstraint(
                        condition=models.Q(("scim_digest", ""), _negated=True),
                        fields=("scim_digest",),
                        name="keys_one_leak_report_per_scim_token",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("source__in", ("github", "other"))), name="keys_leak_source_known"
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="LeakNotice",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                (
                    "role",
                    models.CharField(
                        choices=[("owner", "owner"), ("intern", "intern"), ("admin", "administrator")],
                        editable=False,
                        max_length=10,
                    ),
                ),
                ("made_at", models.DateTimeField(default=django.utils.timezone.now, editable=False)),
                ("seen_at", models.DateTimeField(editable=False, help_text="Dismissed.", null=True)),
                ("claimed_at", models.DateTimeField(editable=False, help_text="Its mail is being sent.", null=True)),
                (
                    "mailed_at",
                    models.DateTimeField(editable=False, help_text="Or there is nobody to write to.", null=True),
                ),
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
                    "report",
                    models.ForeignKey(
                        editable=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="notices",
                        to="keys.leakreport",
                    ),
                ),
            ],
            options={
                "default_permissions": (),
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(("role__in", ("owner", "intern", "admin"))), name="keys_leak_role_known"
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("person__isnull", False), ("role", "intern"), _connector="OR"),
                        name="keys_leak_notice_has_a_reader",
                    ),
                    models.UniqueConstraint(fields=("report", "person"), name="keys_leak_one_notice_each"),
                ],
            },
        ),
    ]
