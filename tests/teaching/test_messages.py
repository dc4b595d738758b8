"""A message of a teacher to all students of a course."""

import uuid
from typing import Any

import pytest
from django.core import mail
from django.test import Client
from django.urls import reverse

from accounts.models import AuditEntry, HourlyCount, User
from courses.models import Course, Student
from teaching.models import CourseMessage, MessageMail
from teaching.services import send_messages
from tests.keys.views.pages import words_of
from tests.teaching.courses import add_student, make_course


@pytest.fixture
def course(staff: User) -> Course:
    course = make_course(staff)
    for name in ("Ada", "Bob"):
        add_student(course, name)
    add_student(course, "Eve", account=False)
    return course


def send(client: Client, course: Course, **fields: Any) -> Any:
    form = {"subject": "Tomorrow", "body": "Bring your laptops.\n\nA", "request_id": str(uuid.uuid4()), **fields}
    return client.post(reverse("teaching:message", args=[course.pk]), form, follow=True)


def test_writes_one_mail_to_each_student_with_an_account(as_staff: Client, course: Course, staff: User) -> None:
    page = send(as_staff, course)

    assert "Mails to 2 students are on their way." in words_of(page)
    assert send_messages() == 2
    assert send_messages() == 0
    assert sorted(sent.to[0] for sent in mail.outbox) == ["ada@example.edu", "bob@example.edu"]
    first = mail.outbox[0]
    assert "Prompting: Tomorrow" in first.subject
    assert "Bring your laptops." in first.body
    assert reverse("courses:attended", args=[course.pk]) in first.body
    assert first.reply_to == [staff.email]
    assert AuditEntry.objects.get(code="course.message").details["students"] == 2


def test_a_second_click_sends_nothing(as_staff: Client, course: Course) -> None:
    form_id = str(uuid.uuid4())
    for _click in range(2):
        send(as_staff, course, request_id=form_id)

    assert CourseMessage.objects.count() == 1
    assert send_messages() == 2


def test_another_text_in_the_same_form_is_another_message(as_staff: Client, course: Course) -> None:
    form_id = str(uuid.uuid4())
    for body in ("one", "two", "two"):  # Back, and a second click
        send(as_staff, course, request_id=form_id, body=body)

    assert sorted(CourseMessage.objects.values_list("body", flat=True)) == ["one", "two"]
    assert send_messages() == 4


def test_a_kill_between_mails_leaves_the_rest_to_the_next_run(as_staff: Client, course: Course) -> None:
    send(as_staff, course)
    first = MessageMail.objects.order_by("pk")[0]
    MessageMail.objects.filter(pk=first.pk).update(mail_claimed_at=first.message.written_at)  # and was killed

    assert send_messages() == 1  # the claim still holds
    MessageMail.objects.filter(pk=first.pk).update(mail_claimed_at=None)
    assert send_messages() == 1
    assert len({sent.extra_headers["Message-ID"] for sent in mail.outbox}) == 2


def test_who_left_meanwhile_gets_none(as_staff: Client, course: Course) -> None:
    send(as_staff, course)
    Student.objects.filter(name="Ada").update(left_at=course.starts_at)

    assert send_messages() == 1
    assert mail.outbox[0].to == ["bob@example.edu"]
    assert not MessageMail.objects.filter(mailed_at=None).exists()


def test_refuses_what_is_empty_or_too_often(as_staff: Client, course: Course, staff: User) -> None:
    assert send(as_staff, course, body=" ").status_code == 422
    assert send(as_staff, make_course(staff, name="Nobody")).status_code == 422
    send(as_staff, course)
    HourlyCount.objects.update(amount=10_000)
    assert send(as_staff, course).status_code == 429
    assert CourseMessage.objects.count() == 1
