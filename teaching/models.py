"""Mails of teachers to the students of a course."""

import uuid
from typing import ClassVar

from django.conf import settings
from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from courses.models import Course, Student

LONGEST_SUBJECT = 120
LONGEST_MESSAGE = 5000


class CourseMessage(models.Model):
    """A text that a teacher wrote to the students whom a course had then."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    course = models.ForeignKey(Course, models.PROTECT, related_name="messages", editable=False)
    author = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="+", editable=False)
    request_id = models.UUIDField(
        null=True, unique=True, editable=False, help_text="The form and its text: a second click sends nothing."
    )
    subject = models.CharField(_("subject"), max_length=LONGEST_SUBJECT)
    body = models.TextField(_("text of the mail"), max_length=LONGEST_MESSAGE)
    written_at = models.DateTimeField(default=timezone.now, editable=False)

    class Meta:
        default_permissions = ()
        ordering: ClassVar = ["-written_at"]

    def __str__(self) -> str:
        return self.subject


class MessageMail(models.Model):
    """The mail of a message to one student: sent once."""

    message = models.ForeignKey(CourseMessage, models.CASCADE, related_name="mails", editable=False)
    student = models.ForeignKey(Student, models.PROTECT, related_name="+", editable=False)
    mail_claimed_at = models.DateTimeField(null=True, help_text="The mail is being sent.")
    mailed_at = models.DateTimeField(null=True, help_text="When it was sent, or refused for good.")
    is_refused = models.BooleanField(default=False, help_text="The mail server does not take this address.")

    class Meta:
        default_permissions = ()
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["message", "student"], name="teaching_one_mail_a_student"),
        ]
        indexes: ClassVar = [
            models.Index(
                fields=["id"], condition=models.Q(mailed_at=None), name="teaching_unsent"
            ),  # services.messages
        ]

    def __str__(self) -> str:
        return f"{self.message_id} {self.student_id}"
