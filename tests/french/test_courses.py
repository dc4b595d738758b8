"""Courses in French: how students come in, their page, keys as a file."""

from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse

from accounts.invitations import send_invitations
from accounts.models import User
from courses.models import Course
from tests.conftest import HTMX
from tests.courses.courses import enrol, make_course
from tests.factories import change_policies, make_intern, make_staff, make_user
from tests.french.conftest import Read, in_french
from tests.playground.streams import know_the_models
from tests.sandbox_process import Sandbox

pytestmark = pytest.mark.django_db


@pytest.fixture
def teacher(db: None) -> User:
    return make_staff("teacher", first_name="Zoé")


@pytest.fixture
def course(teacher: User) -> Course:
    return make_course(teacher, name="Cours")


def send(browser: Client, name: str, course: Course, **data: Any) -> Any:
    """Send a form about a course."""
    return browser.post(reverse(f"courses:{name}", args=[course.pk]), data, follow=True)


def test_how_students_come_in(read: Read, teacher: User, course: Course) -> None:
    browser = in_french(teacher)
    ways_in = reverse("courses:ways_in", args=[course.pk])

    read(browser.get(ways_in))
    link = read(send(browser, "new_link", course)).partition("testserver")
    assert link
    for form in ({"until": "2020-01-01"}, {"domains": "!"}, {"domains": "example.edu"}):
        read(send(browser, "save_entry", course, **form))
    read(send(browser, "close_link", course))
    make_user("known", first_name="Zoé")
    people = "Zoé;known@example.edu\nZoé;nouvelle@example.edu;1\nx\nZoé;known@example.edu"
    for step in ("preview", "edit", "add", "add"):
        read(send(browser, "add_students", course, people=people, step=step))
    send_invitations()


def test_a_student_from_the_link_to_the_key(read: Read, course: Course, sandbox: Sandbox) -> None:
    student = in_french(make_intern("zoe", first_name="Zoé"))
    teacher = in_french(course.created_by)
    send(teacher, "new_link", course)
    page = str(teacher.get(reverse("courses:ways_in", args=[course.pk])).content)
    link = reverse("courses:join", args=[page.partition("/courses/join/")[2].partition("/")[0]])

    read(student.get(reverse("courses:index")))
    read(student.get(reverse("courses:join", args=["x"])))
    for _ in range(2):
        read(student.get(link, follow=True))
        read(student.post(link, follow=True))
    read(student.get(reverse("courses:index")))
    for _ in range(2):
        read(send(student, "get_key", course))
    for name in ("attended", "replace_secret", "leave"):
        read(student.get(reverse(f"courses:{name}", args=[course.pk])))
    read(send(student, "replace_secret", course))
    Course.objects.update(state="frozen")
    read(student.get(reverse("courses:attended", args=[course.pk])))
    read(send(student, "leave", course))
    read(student.get(link))


def test_keys_as_a_file(read: Read, course: Course, teacher: User, sandbox: Sandbox) -> None:
    browser = in_french(teacher)
    page = reverse("courses:file_keys", args=[course.pk])

    for form in ({}, {"names_typed": "Zoé"}, {"number": "1"}):
        read(send(browser, "add_names", course, **form))
    answer = send(browser, "make_file", course)
    file = b"".join(answer.streaming_content)
    read(browser.get(page))
    read(send(browser, "make_file", course))
    read(send(browser, "sheet", course))
    read(send(browser, "sheet", course, file=SimpleUploadedFile("keys.csv", file)))


def test_presets(read: Read, course: Course, teacher: User, sandbox: Sandbox) -> None:
    know_the_models()
    browser, student = in_french(teacher), make_intern("zoe", first_name="Zoé")
    enrol(course, student)
    new, page = reverse("playground:create_preset", args=[course.pk]), reverse("courses:course", args=[course.pk])
    for name in ("", "x", "y"):
        form = {"name": name, "model": "gpt-4o-mini", "temperature": "0,5", "is_locked": "on"}
        read(browser.post(new, form, follow=True))
    first, second = course.presets.all()
    at = {name: reverse(f"playground:{name}_preset", args=[second.pk]) for name in ("open", "move", "edit", "delete")}
    read(browser.post(at["move"], {"to": "up"}, follow=True))
    read(browser.get(page))
    read(browser.get(at["edit"]))
    read(in_french(student).get(reverse("courses:attended", args=[course.pk])))
    read(in_french(student).get(at["open"]))
    sent = {"message": "Zoé", "preset": str(second.pk)}
    change_policies(playground__all_models=False, playground__model_names=["llama-70b"])
    read(in_french(student).get(at["open"]))
    read(in_french(student).post(reverse("playground:send"), sent, headers=HTMX))
    change_policies(playground__allowed=False)
    read(in_french(student).get(reverse("courses:attended", args=[course.pk])))
    read(browser.get(at["delete"]))
    read(browser.post(at["delete"], follow=True))
    read(browser.get(reverse("playground:edit_preset", args=[first.pk])))
