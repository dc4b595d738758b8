"""A message of a teacher to all students of a course: one mail each, once, also after a kill."""

from datetime import timedelta
from typing import Final
from uuid import UUID, uuid5

from django.conf import settings
from django.db import transaction
from django.db.models import Q, QuerySet
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from accounts.audit import Actor, record
from accounts.audit_words import add_words
from accounts.delivery import MailServerUnavailable, claim, deliver, send_each
from accounts.locale import reading_as
from accounts.mails import compose
from accounts.models import AuditAction, AuditObject, AuditOutcome, User
from courses.models import Course, Student
from teaching.models import CourseMessage, MessageMail
from web.tasks import send_task

add_words({"course.message": _("Message to %(students)d students: %(subject)s")})

TRIES: Final = timedelta(days=2)  # what could not be sent for so long is no news any more
LATEST_S: Final = 3600


def recipients(course: Course) -> QuerySet[Student]:
    """Return the students who get a message: those with an account that is active and has an address."""
    students = Student.objects.current().filter(course=course, account__is_active=True)
    return students.exclude(account__email="")


def write_message(*, course: Course, actor: Actor, subject: str, body: str, request_id: UUID | None = None) -> int:
    """Record a message and a mail for each student, and have them sent; return how many.

    A second click on the same form does nothing, and returns the number of the first; another text is another message.
    """
    author = actor.user
    if author is None:
        raise AssertionError("a message has an author")
    if request_id:
        request_id = uuid5(request_id, f"{course.pk} {author.pk} {subject}\n{body}")
    with transaction.atomic():
        Course.objects.select_for_update().get(pk=course.pk)
        before = CourseMessage.objects.filter(request_id=request_id).first() if request_id else None
        if before:
            return before.mails.count()
        text = {"subject": subject, "body": body, "request_id": request_id}
        message = CourseMessage.objects.create(course=course, author=author, **text)
        mails = [MessageMail(message=message, student=student) for student in recipients(course)]
        MessageMail.objects.bulk_create(mails)
        record(
            actor=actor,
            action=AuditAction.PUBLISH,
            outcome=AuditOutcome.DONE,
            kind=AuditObject.COURSE,
            object_id=course.pk,
            label=course.name,
            code="course.message",
            details={"subject": subject, "students": len(mails)},
        )
        transaction.on_commit(lambda: send_task("teaching.send_messages", expires=LATEST_S), robust=True)
    return len(mails)


def send_messages() -> int:
    """Send the mails that are not sent yet; return how many went out. An unavailable server ends the round."""
    unsent = MessageMail.objects.filter(mailed_at=None, message__written_at__gt=timezone.now() - TRIES)
    rows = unsent.select_related("message__course", "message__author", "student__account").order_by("pk")
    return send_each(rows.iterator(chunk_size=200), _send)


def _send(mail: MessageMail) -> bool:
    """Send one mail, unless another run has, or is about to; a person who left meanwhile gets none."""
    row = MessageMail.objects.filter(pk=mail.pk)
    if not claim(row.filter(mailed_at=None), "mail_claimed_at"):
        return False
    person, message = mail.student.account, mail.message
    if person is None or not person.email or not person.is_active or mail.student.left_at:
        row.update(mail_claimed_at=None, mailed_at=timezone.now(), is_refused=True)
        return False
    try:
        sent = _deliver(person, message, name=f"course-message-{mail.pk}-{message.pk}")
    except MailServerUnavailable:
        row.update(mail_claimed_at=None)
        raise
    row.update(mail_claimed_at=None, mailed_at=timezone.now(), is_refused=not sent)
    return sent


def _deliver(person: User, message: CourseMessage, *, name: str) -> bool:
    context = {
        "name": person.display_name,
        "message": message,
        "course": message.course,
        "portal_url": settings.PORTAL_URL,
    }
    with reading_as(person):
        subject = "teaching/mail/message_subject.txt"
        mail = compose(subject, "teaching/mail/message.txt", to=person.email, context=context)
    if message.author.email:
        mail.reply_to = [message.author.email]
    return deliver(mail, name=name)


def unsent_count(course: Course) -> int:
    """Return how many mails to students are still to be sent."""
    recent = Q(message__written_at__gt=timezone.now() - TRIES)
    return MessageMail.objects.filter(recent, message__course=course, mailed_at=None).count()
