"""Running courses in French: students and their use, the report, the message, the list of all courses."""

import uuid

import pytest
from django.core import mail
from django.urls import reverse

from accounts.models import User
from courses.models import Course
from teaching.services import StudentAction, send_messages
from tests.french.conftest import Read, in_french
from tests.french.reading import english_in
from tests.teaching.courses import add_student, make_course
from tests.usage.views.facts import file_of, used

pytestmark = pytest.mark.django_db


@pytest.fixture
def course(staff: User) -> Course:
    """Return a course with students in several states, whose requests fail often."""
    course = make_course(staff, name="Grammaire", team={"rpm_limit": 10, "tpm_limit": 1000})
    used(add_student(course, "Ada").key, "2", failed_requests=9, days_ago=1)
    used(add_student(course, "Eve", account=False).key, "0.5", model="modèle-local")
    add_student(course, "Bob", key=False)
    return course


def test_students_and_report(staff: User, course: Course, read: Read) -> None:
    browser = in_french(staff)
    empty = make_course(staff, name="Latin", state=Course.State.DRAFT, opened_at=None)
    over = make_course(staff, name="Grec", state=Course.State.ENDED)
    for each in (course, empty, over):
        for name in ("course", "report"):
            read(browser.get(reverse(f"teaching:{name}", args=[each.pk])))
    read(browser.get(reverse("teaching:course", args=[course.pk]), {"q": "personne", "state": "left"}))
    for name in ("students_csv", "report_csv"):
        file = file_of(browser.get(reverse(f"teaching:{name}", args=[course.pk]), {"for": "people"}))
        assert english_in(file) == []


def test_a_message(staff: User, course: Course, read: Read) -> None:
    browser, address = in_french(staff), reverse("teaching:message", args=[course.pk])
    read(browser.get(address))
    read(browser.post(address, {"subject": "", "body": "", "request_id": uuid.uuid4()}))
    words = {"subject": "Demain", "body": "Venez avec vos ordinateurs.", "request_id": uuid.uuid4()}
    read(browser.post(address, words, follow=True))
    User.objects.update(language="fr")

    assert send_messages() == 2
    assert english_in(str(mail.outbox[0].body)) == []


@pytest.mark.parametrize("action", list(StudentAction))
def test_actions(staff: User, course: Course, read: Read, action: str) -> None:
    browser, address = in_french(staff), reverse("teaching:action", args=[course.pk])
    for chosen in ({"all": "1"}, {"q": "personne", "all": "1"}):
        read(browser.get(address, {"action": action, **chosen}))
    ids = ",".join(str(pk) for pk in course.students.values_list("pk", flat=True))
    read(browser.post(address, {"action": action, "students": ids, "amount_usd": "1"}, follow=True))


def test_all_courses(admin: User, course: Course, read: Read) -> None:
    browser = in_french(admin)
    read(browser.get(reverse("teaching:courses")))
    read(browser.get(reverse("teaching:courses"), {"q": "rien"}))
    read(browser.get(reverse("teaching:course", args=[course.pk])))
    read(browser.get(reverse("usage:everyone"), {"course": str(course.pk)}))
    read(browser.get(reverse("usage:everyone_report"), {"course": str(course.pk)}))
