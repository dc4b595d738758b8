"""Who sees and does what: every route of the pages about running courses, for every kind of person."""

import pytest
from django.test import Client
from django.urls import URLPattern, reverse

from accounts.models import User
from courses.models import Course, CourseTeacher
from teaching.urls import urlpatterns
from tests.conftest import signed_in
from tests.factories import make_user
from tests.people.conftest import with_permissions
from tests.teaching.courses import add_student, make_course

LISTS = ("courses", "courses_csv")
PAGES = ("course", "students_csv", "report", "report_csv")
ACTS = ("message", "act")


@pytest.fixture
def course(staff: User) -> Course:
    return make_course(staff)


@pytest.fixture
def browsers(course: Course, as_staff: Client, as_admin: Client) -> dict[str, Client]:
    student = add_student(course, "Ada").account
    assert student
    former, other = make_user("former"), make_user("other", groups=("Staff",))
    CourseTeacher.objects.create(course=course, person=former).delete()
    make_course(other, name="Another")
    return {
        "anonymous": Client(),
        "student": signed_in(student),
        "other teacher": signed_in(other),
        "former teacher": signed_in(former),
        "teacher": as_staff,
        "reader": signed_in(with_permissions("reader", "view_all_courses")),
        "usage reader": signed_in(with_permissions("usage-reader", "view_everyone", "view_people")),
        "superuser": as_admin,
    }


def statuses(browsers: dict[str, Client], name: str, *args: object) -> dict[str, int]:
    address = reverse(f"teaching:{name}", args=args)
    chosen = {"act": "remove", "all": "1"} if name == "act" else {}
    return {who: browser.get(address, chosen).status_code for who, browser in browsers.items()}


STRANGERS = ("student", "other teacher", "former teacher", "usage reader")


def test_every_address_is_in_the_matrix() -> None:
    names = {str(route.name) for route in urlpatterns if isinstance(route, URLPattern)}

    assert names == {*LISTS, *PAGES, *ACTS}


def test_pages_are_for_teachers_and_those_who_see_all_courses(browsers: dict[str, Client], course: Course) -> None:
    expected = {"anonymous": 302, **dict.fromkeys(STRANGERS, 404), "teacher": 200, "reader": 200, "superuser": 200}

    for name in PAGES:
        assert statuses(browsers, name, course.pk) == expected, name


def test_only_teachers_act(browsers: dict[str, Client], course: Course) -> None:
    expected = {"anonymous": 302, **dict.fromkeys(STRANGERS, 404), "teacher": 200, "reader": 403, "superuser": 403}

    for name in ACTS:
        assert statuses(browsers, name, course.pk) == expected, name


def test_the_list_is_for_those_who_see_all_courses(browsers: dict[str, Client]) -> None:
    refused = {"anonymous": 302, **dict.fromkeys((*STRANGERS, "teacher"), 403)}

    for name in LISTS:
        assert statuses(browsers, name) == {**refused, "reader": 200, "superuser": 200}
