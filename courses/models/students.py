"""The students of a course."""

import uuid
from typing import ClassVar, Self

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.db.models.functions import Lower
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from courses.models.courses import Course
from keys.models import Key


class StudentQuerySet(models.QuerySet["Student"]):
    """Queries of students."""

    def current(self) -> Self:
        """Keep those who have not left."""
        return self.filter(left_at=None)


class Student(models.Model):
    """Somebody in a course, with an account, or without one and with a key that a teacher hands out."""

    class Source(models.TextChoices):
        """How they came in."""

        LIST = "list", _("list")
        LINK = "link", _("link")
        CLAIM = "claim", _("sign-in of the institution")
        FILE = "file", _("keys as a file")

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    course = models.ForeignKey(Course, models.PROTECT, related_name="students", editable=False)
    account = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, null=True, related_name="attends", editable=False
    )
    name = models.CharField(_("name"), max_length=100, blank=True)
    email = models.EmailField(_("e-mail"), blank=True)
    number = models.CharField(_("student number"), max_length=40, blank=True)
    source = models.CharField(max_length=10, choices=Source, editable=False)
    key = models.OneToOneField(
        Key, models.PROTECT, null=True, related_name="student", editable=False, help_text="The present, or last, one."
    )
    is_invited = models.BooleanField(
        default=False, editable=False, help_text="An invitation names the course; others get a mail once it is open."
    )
    joined_at = models.DateTimeField(default=timezone.now, editable=False)
    left_at = models.DateTimeField(null=True, editable=False, help_text="Their key ends; the history stays.")

    objects = StudentQuerySet.as_manager()

    class Meta:
        verbose_name = _("student")
        verbose_name_plural = _("students")
        default_permissions = ()
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["course", "account"], condition=Q(left_at=None), name="courses_student_account_once"
            ),
            models.UniqueConstraint(
                "course",
                Lower("email"),
                condition=Q(left_at=None) & ~Q(email=""),
                name="courses_student_email_once",
            ),
            models.CheckConstraint(
                condition=Q(account__isnull=False) | Q(source="file"), name="courses_student_has_account"
            ),
            models.CheckConstraint(
                condition=Q(source__in=("list", "link", "claim", "file")), name="courses_student_source_known"
            ),
        ]

    def __str__(self) -> str:
        return self.name or self.email or str(self.account or self.number)
