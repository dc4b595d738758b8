"""Who sees and does what: every route of courses, for every kind of person."""

import pytest
from django.test import Client
from django.urls import URLPattern, reverse
from django.utils import timezone

from accounts.models import AuditEntry, User
from courses.models import Course, CourseTeacher, Student
from courses.services.join_codes import derive_code, hash_of
from courses.urls import urlpatterns as urls_of_courses
from teaching.urls import urlpatterns
from tests.conftest import signed_in
from tests.factories import make_user
from tests.people.conftest import with_permissions
from tests.teaching.courses import add_student, make_course

LISTS = ("courses", "courses_csv")
PAGES = ("course", "students_csv", "report", "report_csv")
ACTIONS = ("message", "action")
OF_TEACHERS = (
    "course",
    "progress",
    "edit",
    "freeze",
    "thaw",
    "end",
    "copy",
    "open",
    "add_students",
    "file_keys",
    "ways_in",
)
BY_BUTTON = (  # GET is refused
    *("add_teacher", "add_names", "make_file", "replace_file", "sheet", "new_link", "close_link", "save_entry"),
    "get_key",
)
OF_STUDENTS = ("attended", "replace_secret", "leave")


@pytest.fixture
def course(staff: User) -> Course:
    return make_course(staff)


@pytest.fixture
def browsers(course: Course, as_staff: Client, as_admin: Client) -> dict[str, Client]:
    former, other = make_user("former"), make_user("other", groups=("Staff",))
    CourseTeacher.objects.create(course=course, person=former).delete()
    another = make_course(other, name="Another")
    student, left = add_student(course, "Ada").account, add_student(course, "Bo", left_at=timezone.now()).account
    other_student = add_student(another, "Cy").account
    assert student
    assert left
    assert other_student
    return {
        "anonymous": Client(),
        "student": signed_in(student),
        "former student": signed_in(left),
        "other student": signed_in(other_student),
        "other teacher": signed_in(other),
        "former teacher": signed_in(former),
        "teacher": as_staff,
        "reader": signed_in(with_permissions("reader", "view_all_courses")),
        "usage reader": signed_in(with_permissions("usage-reader", "view_everyone", "view_people")),
        "superuser": as_admin,
    }


def statuses(browsers: dict[str, Client], name: str, *args: object) -> dict[str, int]:
    address = reverse(f"teaching:{name}", args=args)
    chosen = {"action": "remove", "all": "1"} if name == "action" else {}
    return {who: browser.get(address, chosen).status_code for who, browser in browsers.items()}


STRANGERS = ("student", "former student", "other student", "other teacher", "former teacher", "usage reader")
SIGNED_IN = (*STRANGERS, "teacher", "reader", "superuser")


def test_every_address_is_in_the_matrix() -> None:
    names = {str(route.name) for route in urlpatterns if isinstance(route, URLPattern)}

    assert names == {*LISTS, *PAGES, *ACTIONS}
    of_courses = {str(route.name) for route in urls_of_courses}
    assert of_courses == {"index", "create", "join", "remove_teacher", *OF_TEACHERS, *BY_BUTTON, *OF_STUDENTS}


def test_pages_are_for_teachers_and_those_who_see_all_courses(browsers: dict[str, Client], course: Course) -> None:
    expected = {"anonymous": 302, **dict.fromkeys(STRANGERS, 404), "teacher": 200, "reader": 200, "superuser": 200}

    for name in PAGES:
        assert statuses(browsers, name, course.pk) == expected, name


def test_only_teachers_act(browsers: dict[str, Client], course: Course) -> None:
    expected = {"anonymous": 302, **dict.fromkeys(STRANGERS, 404), "teacher": 200, "reader": 403, "superuser": 403}

    for name in ACTIONS:
        assert statuses(browsers, name, course.pk) == expected, name


def test_the_list_is_for_those_who_see_all_courses(browsers: dict[str, Client]) -> None:
    refused = {"anonymous": 302, **dict.fromkeys((*STRANGERS, "teacher"), 403)}

    for name in LISTS:
        assert statuses(browsers, name) == {**refused, "reader": 200, "superuser": 200}


def of_courses(browsers: dict[str, Client], name: str, *args: object, post: bool = False) -> dict[str, int]:
    address = reverse(f"courses:{name}", args=args)
    return {
        who: (browser.post(address) if post else browser.get(address)).status_code for who, browser in browsers.items()
    }


def test_a_course_is_only_its_teachers(browsers: dict[str, Client], course: Course, staff: User) -> None:
    nobody_else = {"anonymous": 302, **dict.fromkeys(SIGNED_IN, 404)}
    others = {who: browser for who, browser in browsers.items() if who != "teacher"}
    before = len(AuditEntry.objects.all()), Course.objects.values().get(pk=course.pk)

    for name in (*OF_TEACHERS, "remove_teacher"):
        args = [course.pk, staff.pk] if name == "remove_teacher" else [course.pk]
        seen = 409 if name == "remove_teacher" else 200  # the last one stays
        assert of_courses(browsers, name, *args) == {**nobody_else, "teacher": seen}, name
        if name in ("course", "progress", "file_keys", "ways_in"):
            continue
        assert of_courses(others, name, *args, post=True) == {who: nobody_else[who] for who in others}, name
    for name in BY_BUTTON:
        assert of_courses(browsers, name, course.pk) == {"anonymous": 302, **dict.fromkeys(SIGNED_IN, 405)}, name
        if name != "get_key":
            assert of_courses(others, name, course.pk, post=True) == {who: nobody_else[who] for who in others}, name
    assert (len(AuditEntry.objects.all()), Course.objects.values().get(pk=course.pk)) == before


def test_students_see_only_themselves_and_only_their_course(browsers: dict[str, Client], course: Course) -> None:
    expected = {"anonymous": 302, **dict.fromkeys(SIGNED_IN, 404)}
    others = {who: browser for who, browser in browsers.items() if who != "student"}

    for name in OF_STUDENTS:
        assert of_courses(browsers, name, course.pk) == {**expected, "student": 200}, name
    for name in ("get_key", "replace_secret", "leave"):
        assert of_courses(others, name, course.pk, post=True) == {who: expected[who] for who in others}, name
    add_student(course, "Dora Unseen", number="77123")
    page = browsers["student"].get(reverse("courses:attended", args=[course.pk])).content.decode()
    assert "Dora" not in page
    assert "77123" not in page
    assert course.students.current().count() == 2


def test_the_link_is_for_whoever_has_it_but_not_for_who_left(browsers: dict[str, Client], course: Course) -> None:
    code = derive_code(course)
    Course.objects.filter(pk=course.pk).update(join_hash=hash_of(code))

    expected = {"anonymous": 302, **dict.fromkeys(SIGNED_IN, 200), "student": 302, "former student": 403}
    assert of_courses(browsers, "join", code) == {**expected, "teacher": 409}
    assert Student.objects.count() == 3


def test_everybody_has_a_list_and_policies_say_who_makes_courses(browsers: dict[str, Client]) -> None:
    assert of_courses(browsers, "index") == {"anonymous": 302, **dict.fromkeys(SIGNED_IN, 200)}
    may = {"teacher": 200, "other teacher": 200, "superuser": of_courses(browsers, "create")["superuser"]}
    assert of_courses(browsers, "create") == {"anonymous": 302, **dict.fromkeys(SIGNED_IN, 403), **may}
