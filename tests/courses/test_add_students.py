"""A teacher adds students by a list."""

from collections.abc import Callable
from typing import Any

import pytest
from allauth.account.models import EmailAddress
from django.core import mail
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from pytest_django.asserts import assertContains

from accounts.invitations import send_invitations
from accounts.models import AuditEntry, Invitation, User
from accounts.quotas import consume
from courses.models import Course
from courses.services.add_students import MAX_AN_HOUR, listed_with_account
from tests.courses.courses import enrol, make_course
from tests.factories import make_user

Send = Callable[..., Any]
LIST = "Name;E-mail;Student number\nAda Lovelace;ada@example.edu;20261\nKnown;known@example.edu;20262\nx;;20263\n"


@pytest.fixture
def send(as_teacher: Client, course: Course) -> Send:
    """Return a function that sends the form."""

    def post(people: str = LIST, step: str = "add", **more: object) -> Any:
        return as_teacher.post(
            reverse("courses:add_students", args=[course.pk]), {"people": people, "step": step, **more}
        )

    return post


def test_shows_first_what_happens_to_each_line(send: Send, course: Course) -> None:
    make_user("known")
    inside, gone = make_user("inside"), make_user("gone", is_active=False)
    enrol(course, inside)

    page = send(
        f"{LIST}In;{inside.email};\nGone;{gone.email}\nAgain;ada@example.edu\nLong;l@example.edu;{'9' * 41}", ""
    )

    for words in (
        "Add 2 students?",
        "Gets an account and an invitation",
        "Has an account, and gets a mail",
        "There is no e-mail address.",
        "Is in the course already",
        "This account is not active",
        "The same address is on line 2.",
        "The student number is too long.",
    ):
        assertContains(page, words)
    assert course.students.count() == 1
    assert not User.objects.filter(email="ada@example.edu").exists()


@pytest.mark.django_db(transaction=True)
def test_adds_them_with_accounts_and_mails(send: Send, course: Course, staff: User) -> None:
    known = make_user("known")

    send()
    send()  # again changes nothing
    send_invitations()

    rows = course.students.order_by("number").values_list("name", "number", "source", "account__email", "email")
    assert list(rows) == [
        ("Ada Lovelace", "20261", "list", "ada@example.edu", "ada@example.edu"),
        ("Known", "20262", "list", known.email, known.email),
    ]
    ada = User.objects.get(email="ada@example.edu")
    assert (ada.username, ada.first_name, ada.has_usable_password()) == ("ada", "Ada", False)
    assert Invitation.objects.get(person=ada).about == "Course C"
    (invited,) = [message for message in mail.outbox if message.to == [ada.email]]
    assert "“Course C”" in invited.body
    assert "/account/password/reset/" in invited.body
    entry = AuditEntry.objects.get(code="course.students_added")
    assert (entry.actor, entry.details["count"]) == (staff, 2)


def test_takes_a_file_and_returns_to_the_page(send: Send, course: Course) -> None:
    file = SimpleUploadedFile("class.csv", LIST.encode("utf-16"))

    assertContains(send("", "preview", file=file), "Ada Lovelace")
    assertContains(send("", "preview"), "There is nobody in the list.", status_code=422)


def test_adds_no_more_than_there_are_places(send: Send, course: Course) -> None:
    Course.objects.update(max_students=1)

    assertContains(send("a@example.edu, b@example.edu", ""), "The course is full.")
    send("a@example.edu, b@example.edu")

    assert [student.email for student in course.students.all()] == ["a@example.edu"]


def test_whoever_left_is_added_again(send: Send, course: Course) -> None:
    person = make_user("known")
    enrol(course, person, left_at=timezone.now())

    send(person.email)

    assert course.students.current().get().account == person


def test_accounts_are_made_within_a_limit(send: Send, course: Course, staff: User) -> None:
    consume(staff, "courses:invited", limit=MAX_AN_HOUR, amount=MAX_AN_HOUR)

    assertContains(send("a@example.edu"), "Nobody was added", status_code=429)
    assert not User.objects.filter(email="a@example.edu").exists()
    assert not course.students.exists()


def test_an_ended_course_takes_nobody(send: Send, course: Course) -> None:
    Course.objects.update(state="ended", ended_at=timezone.now())

    assert send("a@example.edu").status_code == 409
    assert not course.students.exists()


def test_students_of_a_draft_with_an_account_get_their_mail_at_its_opening(
    send: Send, as_teacher: Client, course: Course, staff: User
) -> None:
    Course.objects.update(state="draft", opened_at=None)
    known = make_user("known")
    assertContains(as_teacher.get(send().url), "when the course opens")

    Course.objects.update(name="Another name")  # whoever has an invitation with the name before gets no second mail
    assert listed_with_account(Course.objects.get()) == [known]
    copy = make_course(staff, state="draft", opened_at=None)  # has the name by which Ada was invited to the other one
    enrol(copy, ada := User.objects.get(email="ada@example.edu"))
    assert listed_with_account(copy) == [ada]


def test_a_student_whose_address_has_changed_stays(send: Send, course: Course) -> None:
    send("ada@example.edu")
    User.objects.filter(email="ada@example.edu").update(email="lovelace@example.edu")

    assertContains(send("ada@example.edu", ""), "Is in the course already")
    assert send("ada@example.edu").status_code == 409
    make_user("ada2", email="ada@example.edu")  # somebody else gets it
    assertContains(send("ada@example.edu", ""), "Another student of the course was added with this address.")
    send("ada@example.edu, ben@example.edu")

    assert sorted(course.students.values_list("email", flat=True)) == ["ada@example.edu", "ben@example.edu"]


def test_leaves_out_teachers_and_accounts_whose_address_nobody_has_confirmed(
    send: Send, course: Course, staff: User
) -> None:
    person = make_user("known")
    EmailAddress.objects.create(user=person, email=person.email, verified=False, primary=True)
    people = f"{person.email}, {staff.email}"

    page = send(people, "")

    assertContains(page, "is not confirmed")
    assertContains(page, "This person teaches the course.")
    assert send(people).status_code == 409
    assert not course.students.exists()
