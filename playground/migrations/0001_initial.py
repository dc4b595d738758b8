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
        ("courses", "0001_initial"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="Answer",
            fields=[
                ("id", models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ("model", models.CharField(help_text="Asked for.", max_length=200)),
                (
                    "state",
                    models.CharField(
                        choices=[
                            ("waiting", "Waiting"),
                            ("streaming", "Answering"),
                            ("complete", "Finished"),
                            ("stopped", "Stopped"),
                            ("failed", "Broke off"),
                        ],
                        default="streaming",
                        max_length=10,
                    ),
                ),
                ("text", models.TextField(blank=True)),
                ("reasoning", models.TextField(blank=True)),
                (
                    "tool_calls",
                    models.JSONField(
                        default=list, help_text="[{id, name, arguments}], arguments as the model wrote them."
                    ),
                ),
                (
                    "others",
                    models.JSONField(
                        default=list,
                        help_text="With n > 1 the further choices: [{text, reasoning, tool_calls, finish_reason}].",
                    ),
                ),
                (
                    "extras",
                    models.JSONField(
                        default=dict,
                        help_text="{images: [ids], sources: [{url, title}], unshown: [names]}; also in `others`.",
                    ),
                ),
                ("finish_reason", models.CharField(blank=True, max_length=40)),
                (
                    "problem",
                    models.JSONField(help_text="What went wrong: errors.classify.AnswerError as JSON.", null=True),
                ),
                (
                    "imported",
                    models.BooleanField(
                        default=False, help_text="From a file: no call was made, and it has no figures."
                    ),
                ),
                (
                    "answered_by",
                    models.CharField(blank=True, help_text="The model that the gateway names.", max_length=200),
                ),
                ("call_id", models.CharField(blank=True, max_length=200)),
                ("headers", models.JSONField(default=dict, help_text="x-litellm-*, x-olla-*.")),
                ("prompt_tokens", models.PositiveIntegerField(null=True)),
                ("completion_tokens", models.PositiveIntegerField(null=True)),
                ("reasoning_tokens", models.PositiveIntegerField(null=True)),
                ("cached_tokens", models.PositiveIntegerField(null=True)),
                ("cost_usd", web.money.UsdField(decimal_places=10, max_digits=16, null=True)),
                (
                    "cost_source",
                    models.CharField(
                        blank=True,
                        choices=[
                            ("", "unknown"),
                            ("reported", "reported by the gateway"),
                            ("calculated", "calculated by the gateway from the tokens"),
                            ("listed", "calculated from listed prices"),
                        ],
                        default="",
                        max_length=10,
                    ),
                ),
                ("first_token_ms", models.PositiveIntegerField(null=True)),
                ("took_ms", models.PositiveIntegerField(null=True)),
                (
                    "stop_requested",
                    models.BooleanField(default=False, help_text="For the process that makes it: services.autosave."),
                ),
                (
                    "followed_at",
                    models.DateTimeField(help_text="When a page last followed it in another process.", null=True),
                ),
                ("stored_bytes", models.PositiveBigIntegerField(default=0)),
                ("started_at", models.DateTimeField(default=django.utils.timezone.now)),
                ("saved_at", models.DateTimeField(default=django.utils.timezone.now, help_text="Last sign of life.")),
                ("ended_at", models.DateTimeField(null=True)),
            ],
            options={
                "indexes": [
                    models.Index(
                        condition=models.Q(("state__in", ("waiting", "streaming"))),
                        fields=["saved_at"],
                        name="playground_under_way",
                    )
                ],
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(("cost_usd", None), ("cost_usd__gte", 0), _connector="OR"),
                        name="playground_cost_not_negative",
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="Conversation",
            fields=[
                ("id", models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                (
                    "kind",
                    models.CharField(
                        choices=[("chat", "Chat"), ("compare", "Compare"), ("completion", "Completion")],
                        default="chat",
                        max_length=10,
                    ),
                ),
                ("title", models.CharField(max_length=100)),
                ("kept", models.BooleanField(default=True, help_text="If not, it is in no list and soon deleted.")),
                (
                    "model_names",
                    models.JSONField(default=list, help_text="The one asked last, or all that are compared."),
                ),
                (
                    "stored_bytes",
                    models.PositiveBigIntegerField(default=0, help_text="Of all that is in it: services.quotas."),
                ),
                ("created_at", models.DateTimeField(default=django.utils.timezone.now)),
                ("used_at", models.DateTimeField(default=django.utils.timezone.now)),
                (
                    "head",
                    models.ForeignKey(
                        db_index=False,
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="+",
                        to="playground.answer",
                    ),
                ),
                (
                    "owner",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="conversations",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "preset",
                    models.ForeignKey(
                        help_text="Of a course: the locked one that began it.",
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="+",
                        to="courses.preset",
                    ),
                ),
                (
                    "paid_by",
                    models.ForeignKey(
                        help_text="Of the next answers; empty: their owner.",
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="courses.course",
                    ),
                ),
            ],
            options={
                "indexes": [
                    models.Index(fields=["owner", "-used_at"], name="playground_of_owner"),
                    models.Index(fields=["used_at"], name="playground_by_use"),
                ],
            },
        ),
        migrations.CreateModel(
            name="GeneratedImage",
            fields=[
                ("id", models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                (
                    "media_type",
                    models.CharField(help_text="As found in the data: image/png, application/pdf, …", max_length=100),
                ),
                (
                    "file",
                    models.CharField(help_text="Its name in the file storage for images.", max_length=200, unique=True),
                ),
                ("size", models.PositiveBigIntegerField(help_text="Bytes.")),
                (
                    "answer",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="images", to="playground.answer"
                    ),
                ),
            ],
            options={
                "abstract": False,
            },
        ),
        migrations.CreateModel(
            name="Message",
            fields=[
                ("id", models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                (
                    "name",
                    models.CharField(
                        blank=True, help_text="Of who says it, sent to the model; often empty.", max_length=64
                    ),
                ),
                ("text", models.TextField()),
                ("stored_bytes", models.PositiveBigIntegerField(default=0, help_text="With its files.")),
                ("created_at", models.DateTimeField(default=django.utils.timezone.now)),
                (
                    "conversation",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="messages",
                        to="playground.conversation",
                    ),
                ),
                (
                    "parent",
                    models.ForeignKey(
                        help_text="Empty: it opens.",
                        null=True,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="replies",
                        to="playground.answer",
                    ),
                ),
            ],
        ),
        migrations.CreateModel(
            name="Attachment",
            fields=[
                ("id", models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                (
                    "media_type",
                    models.CharField(help_text="As found in the data: image/png, application/pdf, …", max_length=100),
                ),
                (
                    "file",
                    models.CharField(help_text="Its name in the file storage for images.", max_length=200, unique=True),
                ),
                ("size", models.PositiveBigIntegerField(help_text="Bytes.")),
                ("name", models.CharField(help_text="Of the file that was sent.", max_length=200)),
                ("position", models.PositiveSmallIntegerField(default=0)),
                ("text", models.TextField(blank=True, help_text="What was read in it; empty for images and scans.")),
                ("pages", models.PositiveIntegerField(help_text="Where its format has them.", null=True)),
                (
                    "tokens",
                    models.PositiveIntegerField(help_text="Of the text, approximately; empty for images.", null=True),
                ),
                (
                    "message",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="attachments",
                        to="playground.message",
                    ),
                ),
            ],
            options={
                "ordering": ["position"],
            },
        ),
        migrations.AddField(
            model_name="answer",
            name="message",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.CASCADE, related_name="answers", to="playground.message"
            ),
        ),
        migrations.CreateModel(
            name="ParameterSet",
            fields=[
                (
                    "id",
                    models.UUIDField(
                        editable=False,
                        help_text="Half the SHA-256 of owner and values.",
                        primary_key=True,
                        serialize=False,
                    ),
                ),
                ("values", models.JSONField(help_text="Without those that are not set.")),
                ("stored_bytes", models.PositiveBigIntegerField()),
                (
                    "owner",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="+", to=settings.AUTH_USER_MODEL
                    ),
                ),
            ],
        ),
        migrations.AddField(
            model_name="conversation",
            name="parameters",
            field=models.ForeignKey(
                help_text="As last sent; empty: none was set.",
                null=True,
                on_delete=django.db.models.deletion.RESTRICT,
                related_name="+",
                to="playground.parameterset",
            ),
        ),
        migrations.AddField(
            model_name="answer",
            name="paid_by",
            field=models.ForeignKey(
                db_index=False,
                help_text="Empty: the owner.",
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to="courses.course",
            ),
        ),
        migrations.AddField(
            model_name="answer",
            name="parameters",
            field=models.ForeignKey(
                help_text="Empty: none was set.",
                null=True,
                on_delete=django.db.models.deletion.RESTRICT,
                related_name="+",
                to="playground.parameterset",
            ),
        ),
        migrations.CreateModel(
            name="ActiveCall",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("began_at", models.DateTimeField(default=django.utils.timezone.now)),
                ("renewed_at", models.DateTimeField(default=django.utils.timezone.now, help_text="Last sign of life.")),
                ("ended_at", models.DateTimeField(null=True)),
                (
                    "owner",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
            options={
                "indexes": [
                    models.Index(fields=["owner", "began_at"], name="playground_calls_of_owner"),
                    models.Index(
                        condition=models.Q(("ended_at", None)), fields=["renewed_at"], name="playground_open_calls"
                    ),
                ],
            },
        ),
        migrations.AddField(
            model_name="answer",
            name="active_call",
            field=models.ForeignKey(
                db_constraint=False,
                db_index=False,
                help_text="Its call.",
                null=True,
                on_delete=django.db.models.deletion.DO_NOTHING,
                related_name="+",
                to="playground.activecall",
            ),
        ),
        migrations.CreateModel(
            name="AnswerCount",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("at", models.DateTimeField(help_text="The beginning of the interval.")),
                ("model", models.CharField(max_length=200)),
                (
                    "outcome",
                    models.CharField(
                        blank=True, help_text="AnswerError.code; empty: nothing went wrong.", max_length=40
                    ),
                ),
                ("answers", models.PositiveIntegerField(default=0)),
                ("timed", models.PositiveIntegerField(default=0, help_text="Those with a first token.")),
                ("first_token_ms", models.BigIntegerField(default=0, help_text="Summed over these.")),
            ],
            options={
                "default_permissions": (),
                "constraints": [
                    models.UniqueConstraint(
                        fields=("at", "model", "outcome"), name="playground_answer_count_is_one_row"
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="Share",
            fields=[
                ("id", models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                (
                    "token_hash",
                    models.CharField(help_text="SHA-256 of the token in the link.", max_length=64, unique=True),
                ),
                ("created_at", models.DateTimeField(default=django.utils.timezone.now)),
                ("ends_at", models.DateTimeField(help_text="Empty: when its owner ends it.", null=True)),
                (
                    "conversation",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="shares",
                        to="playground.conversation",
                    ),
                ),
                (
                    "until",
                    models.ForeignKey(
                        help_text="The last one; empty: what its owner sees.",
                        null=True,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="+",
                        to="playground.answer",
                    ),
                ),
            ],
            options={
                "ordering": ["-created_at", "id"],
                "default_permissions": (),
            },
        ),
        migrations.CreateModel(
            name="FavouriteModel",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("name", models.CharField(max_length=200)),
                (
                    "person",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
            options={
                "default_permissions": (),
                "constraints": [models.UniqueConstraint(fields=("person", "name"), name="playground_favourite_once")],
            },
        ),
        migrations.CreateModel(
            name="BatchRun",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("lease_holder", models.CharField(blank=True, max_length=40)),
                ("lease_until", models.DateTimeField(null=True)),
            ],
            options={
                "default_permissions": (),
            },
        ),
        migrations.CreateModel(
            name="Batch",
            fields=[
                ("id", models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ("title", models.CharField(max_length=100)),
                ("model_names", models.JSONField(help_text="One to four.")),
                (
                    "limit_usd",
                    web.money.UsdField(
                        decimal_places=10, help_text="Of the owner's choice; empty: none.", max_digits=16, null=True
                    ),
                ),
                (
                    "cap_usd",
                    web.money.UsdField(
                        decimal_places=10,
                        help_text="What it may cost in all, set when it starts.",
                        max_digits=16,
                        null=True,
                    ),
                ),
                (
                    "retried_usd",
                    web.money.UsdField(
                        decimal_places=10,
                        default=Decimal("0"),
                        help_text="By estimate, of calls that were made again though they may have been billed.",
                        max_digits=16,
                    ),
                ),
                (
                    "state",
                    models.CharField(
                        choices=[
                            ("draft", "Not started"),
                            ("running", "Running"),
                            ("stopped", "Stopped"),
                            ("paused", "Paused"),
                            ("done", "Finished"),
                        ],
                        default="draft",
                        max_length=10,
                    ),
                ),
                (
                    "problem",
                    models.TextField(blank=True, help_text="Why it is paused, or waits, in the language of its owner."),
                ),
                (
                    "setbacks",
                    models.PositiveIntegerField(default=0, help_text="Calls in a row that brought no answer."),
                ),
                (
                    "not_before",
                    models.DateTimeField(help_text="When the next call may be made; empty: now.", null=True),
                ),
                (
                    "stored_bytes",
                    models.PositiveBigIntegerField(default=0, help_text="Of prompts and answers: services.quotas."),
                ),
                ("created_at", models.DateTimeField(default=django.utils.timezone.now)),
                ("used_at", models.DateTimeField(default=django.utils.timezone.now)),
                (
                    "owner",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="batches",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "paid_by",
                    models.ForeignKey(
                        help_text="Empty: the owner.",
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="courses.course",
                    ),
                ),
                (
                    "parameters",
                    models.ForeignKey(
                        help_text="Empty: none was set.",
                        null=True,
                        on_delete=django.db.models.deletion.RESTRICT,
                        related_name="+",
                        to="playground.parameterset",
                    ),
                ),
            ],
            options={
                "default_permissions": (),
                "indexes": [
                    models.Index(fields=["owner", "-created_at"], name="playground_batch_of_owner"),
                    models.Index(
                        condition=models.Q(("state", "running")), fields=["not_before"], name="playground_batch_running"
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="BatchPrompt",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("number", models.PositiveIntegerField(help_text="From 1, in the order of the list.")),
                ("text", models.TextField()),
                (
                    "batch",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="prompts",
                        to="playground.batch",
                    ),
                ),
            ],
            options={
                "default_permissions": (),
                "constraints": [
                    models.UniqueConstraint(fields=("batch", "number"), name="playground_batch_prompt_is_one")
                ],
            },
        ),
        migrations.CreateModel(
            name="BatchCall",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("model", models.CharField(max_length=200)),
                (
                    "state",
                    models.CharField(
                        choices=[
                            ("waiting", "Waiting"),
                            ("calling", "In progress"),
                            ("complete", "Answered"),
                            ("failed", "Failed"),
                            ("unknown", "Unknown, perhaps billed"),
                        ],
                        default="waiting",
                        max_length=10,
                    ),
                ),
                (
                    "estimate_usd",
                    web.money.UsdField(
                        decimal_places=10, help_text="Before it is made; empty: unknown.", max_digits=16, null=True
                    ),
                ),
                ("claim", models.UUIDField(help_text="Of the run that makes it, or made it last.", null=True)),
                ("seen_at", models.DateTimeField(help_text="Last sign of life of its process.", null=True)),
                ("text", models.TextField(blank=True)),
                ("reasoning", models.TextField(blank=True)),
                ("finish_reason", models.CharField(blank=True, max_length=40)),
                ("problem", models.JSONField(help_text="errors.classify.AnswerError as JSON.", null=True)),
                ("call_id", models.CharField(blank=True, max_length=200)),
                ("prompt_tokens", models.PositiveIntegerField(null=True)),
                ("completion_tokens", models.PositiveIntegerField(null=True)),
                ("cost_usd", web.money.UsdField(decimal_places=10, max_digits=16, null=True)),
                ("cost_source", models.CharField(blank=True, help_text="As of an answer.", max_length=10)),
                ("took_ms", models.PositiveIntegerField(null=True)),
                (
                    "batch",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="calls",
                        to="playground.batch",
                    ),
                ),
                (
                    "prompt",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="calls",
                        to="playground.batchprompt",
                    ),
                ),
            ],
            options={
                "default_permissions": (),
                "indexes": [
                    models.Index(fields=["batch", "state"], name="playground_calls_of_batch"),
                    models.Index(
                        condition=models.Q(("state", "calling")), fields=["seen_at"], name="playground_calls_made"
                    ),
                ],
                "constraints": [
                    models.UniqueConstraint(fields=("prompt", "model"), name="playground_batch_call_is_one")
                ],
            },
        ),
    ]
