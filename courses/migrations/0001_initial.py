import uuid

import django.db.models.deletion
import django.db.models.functions.text
import django.utils.timezone
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    initial = True

    dependencies = [
        ("keys", "0001_initial"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="Course",
            fields=[
                ("id", models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ("name", models.CharField(max_length=100, verbose_name="name")),
                (
                    "code",
                    models.CharField(
                        blank=True,
                        help_text="As in the timetable, such as INF-201.",
                        max_length=20,
                        verbose_name="code",
                    ),
                ),
                (
                    "cost_centre",
                    models.CharField(
                        blank=True,
                        help_text="To which the spend of its keys is charged. Empty: that of the key’s owner.",
                        max_length=40,
                        verbose_name="cost centre",
                    ),
                ),
                (
                    "description",
                    models.TextField(
                        blank=True, help_text="Students see it.", max_length=2000, verbose_name="description"
                    ),
                ),
                (
                    "state",
                    models.CharField(
                        choices=[("draft", "Draft"), ("open", "Open"), ("frozen", "Frozen"), ("ended", "Ended")],
                        default="draft",
                        editable=False,
                        max_length=10,
                    ),
                ),
                (
                    "time_zone",
                    models.CharField(
                        help_text="In which start and end were entered.", max_length=40, verbose_name="time zone"
                    ),
                ),
                (
                    "starts_at",
                    models.DateTimeField(help_text="Students can get a key from then on.", verbose_name="start"),
                ),
                ("max_students", models.PositiveSmallIntegerField(default=60, verbose_name="students at most")),
                ("created_at", models.DateTimeField(default=django.utils.timezone.now, editable=False)),
                ("opened_at", models.DateTimeField(editable=False, null=True)),
                ("ended_at", models.DateTimeField(editable=False, null=True)),
                (
                    "join_serial",
                    models.PositiveIntegerField(
                        default=0, editable=False, help_text="Of the code; the next one is new."
                    ),
                ),
                (
                    "join_hash",
                    models.CharField(
                        editable=False,
                        help_text="SHA-256 of the code; empty: closed.",
                        max_length=64,
                        null=True,
                        unique=True,
                    ),
                ),
                ("join_until", models.DateTimeField(blank=True, null=True, verbose_name="until")),
                (
                    "join_domains",
                    models.JSONField(blank=True, default=list, help_text="Empty: all.", verbose_name="e-mail domains"),
                ),
                (
                    "claim_group",
                    models.CharField(
                        blank=True,
                        help_text="Its members are students from sign-in on.",
                        max_length=150,
                        verbose_name="group of the institution",
                    ),
                ),
                (
                    "copied_from",
                    models.ForeignKey(
                        editable=False,
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="+",
                        to="courses.course",
                    ),
                ),
                (
                    "created_by",
                    models.ForeignKey(
                        editable=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "team",
                    models.OneToOneField(
                        editable=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="course",
                        to="keys.team",
                    ),
                ),
            ],
            options={
                "verbose_name": "course",
                "verbose_name_plural": "courses",
                "permissions": [("view_all_courses", "Can see all courses")],
                "default_permissions": (),
                "indexes": [models.Index(fields=["state"], name="courses_by_state")],
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(("state__in", ("draft", "open", "frozen", "ended"))),
                        name="courses_state_known",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("max_students__gte", 1), ("max_students__lte", 2000)), name="courses_size"
                    ),
                    models.CheckConstraint(condition=models.Q(("name", ""), _negated=True), name="courses_has_name"),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("state__in", ("open", "frozen")), _negated=True),
                            ("opened_at__isnull", False),
                            _connector="OR",
                        ),
                        name="courses_open_since",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("state", "ended"), _negated=True), ("ended_at__isnull", False), _connector="OR"
                        ),
                        name="courses_ended_since",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="CourseTeacher",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("added_at", models.DateTimeField(default=django.utils.timezone.now, editable=False)),
                (
                    "course",
                    models.ForeignKey(
                        editable=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="teachers",
                        to="courses.course",
                    ),
                ),
                (
                    "person",
                    models.ForeignKey(
                        editable=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="teaches",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
            options={
                "default_permissions": (),
                "constraints": [models.UniqueConstraint(fields=("course", "person"), name="courses_teacher_once")],
            },
        ),
        migrations.CreateModel(
            name="Preset",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("name", models.CharField(max_length=60, verbose_name="name")),
                ("system_prompt", models.TextField(blank=True, max_length=20000, verbose_name="system prompt")),
                ("model", models.CharField(max_length=200, verbose_name="model")),
                ("parameters", models.JSONField(blank=True, default=dict, verbose_name="parameters")),
                (
                    "is_locked",
                    models.BooleanField(default=False, help_text="Students cannot change it.", verbose_name="locked"),
                ),
                ("position", models.PositiveSmallIntegerField(default=0, editable=False)),
                (
                    "course",
                    models.ForeignKey(
                        editable=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="presets",
                        to="courses.course",
                    ),
                ),
            ],
            options={
                "ordering": ["position", "pk"],
                "default_permissions": (),
            },
        ),
        migrations.CreateModel(
            name="Student",
            fields=[
                ("id", models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ("name", models.CharField(blank=True, max_length=100, verbose_name="name")),
                ("email", models.EmailField(blank=True, max_length=254, verbose_name="e-mail")),
                ("number", models.CharField(blank=True, max_length=40, verbose_name="student number")),
                (
                    "source",
                    models.CharField(
                        choices=[
                            ("list", "list"),
                            ("link", "link"),
                            ("claim", "sign-in of the institution"),
                            ("file", "keys as a file"),
                        ],
                        editable=False,
                        max_length=10,
                    ),
                ),
                (
                    "is_invited",
                    models.BooleanField(
                        default=False,
                        editable=False,
                        help_text="An invitation names the course; others get a mail once it is open.",
                    ),
                ),
                ("joined_at", models.DateTimeField(default=django.utils.timezone.now, editable=False)),
                (
                    "left_at",
                    models.DateTimeField(editable=False, help_text="Their key ends; the history stays.", null=True),
                ),
                (
                    "account",
                    models.ForeignKey(
                        editable=False,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="attends",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "course",
                    models.ForeignKey(
                        editable=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="students",
                        to="courses.course",
                    ),
                ),
                (
                    "key",
                    models.OneToOneField(
                        editable=False,
                        help_text="The present, or last, one.",
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="student",
                        to="keys.key",
                    ),
                ),
            ],
            options={
                "verbose_name": "student",
                "verbose_name_plural": "students",
                "default_permissions": (),
                "constraints": [
                    models.UniqueConstraint(
                        condition=models.Q(("left_at", None)),
                        fields=("course", "account"),
                        name="courses_student_account_once",
                    ),
                    models.UniqueConstraint(
                        models.F("course"),
                        django.db.models.functions.text.Lower("email"),
                        condition=models.Q(("left_at", None), models.Q(("email", ""), _negated=True)),
                        name="courses_student_email_once",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("account__isnull", False), ("source", "file"), _connector="OR"),
                        name="courses_student_has_account",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("source__in", ("list", "link", "claim", "file"))),
                        name="courses_student_source_known",
                    ),
                ],
            },
        ),
    ]
