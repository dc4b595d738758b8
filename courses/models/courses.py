"""A course and its teachers."""

import uuid
from typing import Any, ClassVar, Final, Self

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from accounts.models import COST_CENTRE_LENGTH, User
from keys.models import Team

MOST_STUDENTS: Final = 2000


class CourseQuerySet(models.QuerySet["Course"]):
    """Queries of courses."""

    def taught_by(self, user: User) -> Self:
        """Keep the courses that this person teaches now; every teacher's view starts here."""
        return self.filter(pk__in=CourseTeacher.objects.filter(person=user).values("course"))

    def without_teacher(self) -> Self:
        """Keep the courses whose teachers have no active account any more."""
        return self.exclude(pk__in=CourseTeacher.objects.filter(person__is_active=True).values("course"))

    def attended_by(self, user: User) -> Self:
        """Keep the courses, drafts excluded, that this person is a student of; every student's view starts here."""
        mine = Q(students__account=user, students__left_at=None)  # at most one row of each course: a constraint
        return self.filter(mine).exclude(state=Course.State.DRAFT)

    def paying_for(self, user: User) -> Self:
        """Keep the running courses that pay for the answers of this person, their student, in the Playground."""
        now = timezone.now()
        running = self.attended_by(user).filter(state=Course.State.OPEN, starts_at__lte=now, team__ends_at__gt=now)
        return running.exclude(team__playground_budget_usd=None).select_related("team")


class Course(models.Model):
    """A class: who, which models, how much each and in all, from when to when.

    The limits of its keys are those of its team, which the gateway enforces.
    """

    class State(models.TextChoices):
        """The state that its teachers chose; tasks bring the keys into it. An open one also ends by itself."""

        DRAFT = "draft", pgettext_lazy("course", "Draft")
        OPEN = "open", pgettext_lazy("course", "Open")
        FROZEN = "frozen", pgettext_lazy("course", "Frozen")
        ENDED = "ended", pgettext_lazy("course", "Ended")

    RUNNING: ClassVar = (State.OPEN, State.FROZEN)

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    name = models.CharField(_("name"), max_length=100)
    code = models.CharField(_("code"), max_length=20, blank=True, help_text=_("As in the timetable, such as INF-201."))
    cost_centre = models.CharField(
        _("cost centre"),
        max_length=COST_CENTRE_LENGTH,
        blank=True,
        help_text=_("To which the spend of its keys is charged. Empty: that of the key’s owner."),
    )
    description = models.TextField(_("description"), max_length=2000, blank=True, help_text=_("Students see it."))
    team = models.OneToOneField(Team, models.PROTECT, related_name="course", editable=False)
    state = models.CharField(max_length=10, choices=State, default=State.DRAFT, editable=False)
    time_zone = models.CharField(_("time zone"), max_length=40, help_text="In which start and end were entered.")
    starts_at = models.DateTimeField(_("start"), help_text=_("Students can get a key from then on."))
    max_students = models.PositiveSmallIntegerField(_("students at most"), default=60)
    copied_from = models.ForeignKey("self", models.SET_NULL, null=True, related_name="+", editable=False)
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="+", editable=False)
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    opened_at = models.DateTimeField(null=True, editable=False)
    ended_at = models.DateTimeField(null=True, editable=False)

    join_serial = models.PositiveIntegerField(default=0, editable=False, help_text="Of the code; the next one is new.")
    join_hash = models.CharField(  # noqa: DJ001  (null: no code, and unique)
        max_length=64, null=True, unique=True, editable=False, help_text="SHA-256 of the code; empty: closed."
    )
    join_until = models.DateTimeField(_("until"), null=True, blank=True)
    join_domains = models.JSONField(_("e-mail domains"), default=list, blank=True, help_text="Empty: all.")
    claim_group = models.CharField(
        _("group of the institution"), max_length=150, blank=True, help_text="Its members are students from sign-in on."
    )

    objects = CourseQuerySet.as_manager()

    class Meta:
        verbose_name = _("course")
        verbose_name_plural = _("courses")
        default_permissions = ()
        permissions: ClassVar = [("view_all_courses", _("Can see all courses"))]
        constraints: ClassVar = [
            models.CheckConstraint(
                condition=Q(state__in=("draft", "open", "frozen", "ended")), name="courses_state_known"
            ),
            models.CheckConstraint(
                condition=Q(max_students__gte=1, max_students__lte=MOST_STUDENTS), name="courses_size"
            ),
            models.CheckConstraint(condition=~Q(name=""), name="courses_has_name"),
            models.CheckConstraint(
                condition=~Q(state__in=("open", "frozen")) | Q(opened_at__isnull=False), name="courses_open_since"
            ),
            models.CheckConstraint(condition=~Q(state="ended") | Q(ended_at__isnull=False), name="courses_ended_since"),
        ]
        indexes: ClassVar = [models.Index(fields=["state"], name="courses_by_state")]

    def __str__(self) -> str:
        return self.name

    @property
    def starts_later(self) -> bool:
        """Whether students have to wait for its start."""
        return self.starts_at > timezone.now()

    @property
    def is_over(self) -> bool:
        """Whether it has ended, or its end has passed."""
        return self.state == self.State.ENDED or self.team.ends_at <= timezone.now()


class CourseTeacher(models.Model):
    """Somebody who teaches a course; all its teachers have the same rights. Deleted when they leave it."""

    course = models.ForeignKey(Course, models.CASCADE, related_name="teachers", editable=False)
    person = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="teaches", editable=False)
    added_at = models.DateTimeField(default=timezone.now, editable=False)

    class Meta:
        default_permissions = ()
        constraints: ClassVar = [models.UniqueConstraint(fields=["course", "person"], name="courses_teacher_once")]

    def __str__(self) -> str:
        return f"{self.person_id}"


class PresetQuerySet(models.QuerySet["Preset"]):
    """Queries of presets."""

    def open_to(self, user: User) -> Self:
        """Keep the presets that this person can use now: as a student of a running course, or as its teacher."""
        now, taught = timezone.now(), Course.objects.taught_by(user).exclude(state=Course.State.ENDED)
        attended = Course.objects.attended_by(user).filter(state=Course.State.OPEN, starts_at__lte=now)
        return self.filter(Q(course__in=taught) | Q(course__in=attended), course__team__ends_at__gt=now)


class Preset(models.Model):
    """A system prompt, a model and parameters for the Playground and the snippets of a course."""

    course = models.ForeignKey(Course, models.CASCADE, related_name="presets", editable=False)
    name = models.CharField(_("name"), max_length=60)
    system_prompt = models.TextField(_("system prompt"), max_length=20_000, blank=True)
    model = models.CharField(_("model"), max_length=200)
    parameters = models.JSONField(_("parameters"), default=dict, blank=True)
    is_locked = models.BooleanField(_("locked"), default=False, help_text="Students cannot change it.")
    position = models.PositiveSmallIntegerField(default=0, editable=False)

    objects = PresetQuerySet.as_manager()

    class Meta:
        default_permissions = ()
        ordering: ClassVar = ["position", "pk"]

    def __str__(self) -> str:
        return self.name

    @property
    def params(self) -> dict[str, Any]:
        """Model, system prompt and parameters, by their names in the Playground."""
        system = {"system": self.system_prompt} if self.system_prompt else {}
        return {"model": self.model, **system, **self.parameters}
