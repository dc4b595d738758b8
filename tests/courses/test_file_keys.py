"""Keys as a file: all made at once, sent once, and cards to print."""

import csv
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from io import StringIO
from threading import Barrier
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.test import Client
from django.urls import reverse
from pytest_django.asserts import assertContains, assertNotContains

from accounts.audit import Actor
from accounts.models import User
from courses.models import Course, Preset
from courses.services import file_keys
from keys.models import Key
from keys.services import delete_key, issue_team_key, sweep_keys
from tests.courses.courses import make_course
from tests.factories import make_user
from tests.keys.leaks import assert_nowhere, in_tables
from tests.sandbox_process import Sandbox

Post = Callable[..., Any]


@pytest.fixture
def post(as_teacher: Client, course: Course) -> Post:
    """Return how the teacher sends a form."""
    return lambda name, **data: as_teacher.post(reverse(f"courses:{name}", args=[course.pk]), data)


def rows_of(answer: Any) -> list[list[str]]:
    """Return the lines of the file, without its header."""
    text = b"".join(answer.streaming_content).decode("utf-8-sig")
    return list(csv.reader(StringIO(text)))[1:]


def test_makes_all_keys_in_one_file_that_nothing_keeps(
    post: Post, course: Course, staff: User, sandbox: Sandbox
) -> None:
    post("add_names", names_typed="Ada\nBen\n\nAda\n")

    answer = post("make_file")
    rows = rows_of(answer)

    assert "no-store" in answer["Cache-Control"]
    assert [(name, url, problem) for name, _key, url, problem in rows] == [
        ("Ada", rows[0][2], ""),
        ("Ben", rows[0][2], ""),
    ]
    assert sorted(key for _name, key, *_ in rows) == sorted(sandbox.issued_secrets())
    assert {row["team_id"] for row in sandbox.live_keys()} == {course.team.gateway_id}
    keys = Key.objects.filter(handed_out=True, owner=staff)
    assert {key.student.name for key in keys} == {"Ada", "Ben"}
    assert_nowhere(sandbox.issued_secrets(), in_tables())
    assert post("make_file").status_code == 409  # there is nobody left


def test_numbers_students_on_request_up_to_the_size(post: Post, course: Course) -> None:
    Course.objects.update(max_students=3)

    post("add_names", number="2")
    post("add_names", number="5")

    assert [student.name for student in course.students.order_by("name")] == ["Student 1", "Student 2", "Student 3"]
    assert post("add_names").status_code == 422


def test_a_file_that_broke_midway_says_which_are_made_and_goes_on(
    as_teacher: Client, post: Post, course: Course, sandbox: Sandbox
) -> None:
    post("add_names", names_typed="Ada\nBen\nCleo")
    students = file_keys.in_order(course)
    broken = file_keys.make_keys(students, owner=course.created_by, actor=Actor(user=course.created_by))
    next(broken)
    broken.close()

    page = as_teacher.get(reverse("courses:file_keys", args=[course.pk]))
    assertContains(page, "1 of 3 keys are made.")
    assertContains(page, "Make 2 keys and download them")
    rest = rows_of(post("make_file"))

    assert [row[0] for row in rest] == ["Ben", "Cleo"]
    assert len(sandbox.live_keys()) == 3


def test_a_lost_secret_is_replaced(post: Post, course: Course, sandbox: Sandbox) -> None:
    post("add_names", names_typed="Ada\nBen")
    rows_of(post("make_file"))
    ada = course.students.get(name="Ada")

    rows = rows_of(post("replace_file", student=[str(ada.pk), "nonsense"]))

    assert [(row[0], row[1]) for row in rows] == [("Ada", sandbox.issued_secrets()[-1])]
    assert len(sandbox.live_keys()) == 2


def test_stops_where_the_gateway_fails_and_says_so(post: Post, course: Course, sandbox: Sandbox) -> None:
    post("add_names", names_typed="Ada\nBen")
    sandbox.faults("/key/generate", "drop_before")

    rows = rows_of(post("make_file"))

    assert [(row[0], row[1]) for row in rows] == [("Ada", "")]
    assert "Try again in five minutes" in rows[0][3]


@pytest.mark.django_db(transaction=True)
def test_a_process_that_ended_before_the_link_leaves_no_second_key(sandbox: Sandbox) -> None:
    teacher = make_user("teacher")
    course = make_course(teacher)
    file_keys.add_by_name(course=course, names=["Ada"], actor=Actor(user=teacher))
    student = course.students.get()
    lines = list(file_keys.make_keys([student], owner=teacher, actor=Actor(user=teacher)))
    course.students.update(key=None)  # as if it had ended here

    assert lines[0].secret
    assert list(file_keys.make_keys([student], owner=teacher, actor=Actor(user=teacher)))[0].problem
    assert file_keys.link_made_keys(course) == 1
    student.refresh_from_db()
    assert student.key == Key.objects.get()


def test_a_new_file_makes_another_key_for_one_that_ended(
    as_teacher: Client, post: Post, course: Course, sandbox: Sandbox
) -> None:
    post("add_names", names_typed="Ada\nBen")
    rows_of(post("make_file"))
    for number in (1, 2):
        ada = course.students.get(name="Ada")
        delete_key(key=Key.objects.get(student=ada), actor=Actor(user=course.created_by))
        page = as_teacher.get(reverse("courses:file_keys", args=[course.pk]))
        assertContains(page, "Make 1 key and download it")
        assert post("replace_file", student=[str(ada.pk)]).status_code == 409

        rows = rows_of(post("make_file"))

        assert [(row[0], row[1]) for row in rows] == [("Ada", sandbox.issued_secrets()[-1])], number
        assert len(sandbox.live_keys()) == 2
        assert post("make_file").status_code == 409


@pytest.mark.django_db(transaction=True)
def test_a_second_click_on_the_file_takes_no_key_away(sandbox: Sandbox) -> None:
    teacher = make_user("teacher")
    course = make_course(teacher)
    file_keys.add_by_name(course=course, names=["Ada"], actor=Actor(user=teacher))
    student = course.students.select_related("course__team").get()
    issue_team_key(
        team=course.team, owner=teacher, actor=Actor(user=teacher), label="", handed_out=True, request_id=student.pk
    )
    assert file_keys.link_made_keys(course) == 1  # the second click, before the first has recorded whose key it is

    key = Key.objects.get()

    assert file_keys.link_key(student, key)


def test_a_key_whose_answer_was_lost_is_made_again(post: Post, course: Course, sandbox: Sandbox) -> None:
    post("add_names", names_typed="Ada")
    sandbox.faults("/key/generate", "drop_after")
    rows_of(post("make_file"))

    pressed_again = rows_of(post("make_file"))
    sweep_keys()
    rows = rows_of(post("make_file"))

    assert (pressed_again[0][1], rows[0][1]) == ("", sandbox.issued_secrets()[-1])
    assert len(sandbox.live_keys()) == 1


def test_another_teachers_file_makes_no_second_key(post: Post, course: Course, sandbox: Sandbox) -> None:
    post("add_names", names_typed="Ada")
    student = course.students.select_related("course__team").get()
    other = make_user("other")
    made = list(file_keys.make_keys([student], owner=other, actor=Actor(user=other)))
    late = list(file_keys.make_keys([student], owner=course.created_by, actor=Actor(user=course.created_by)))

    assert (bool(made[0].secret), late[0].secret) == (True, None)
    assert len(sandbox.live_keys()) == 1


def test_prints_a_card_for_each_key_that_works(post: Post, course: Course, sandbox: Sandbox) -> None:
    post("add_names", names_typed="Ada\nBen")
    answer = post("make_file")
    file = b"".join(answer.streaming_content)
    ada, ben = sandbox.issued_secrets()
    rows_of(post("replace_file", student=str(course.students.get(name="Ada").pk)))

    sheet = post("sheet", file=SimpleUploadedFile("keys.csv", file))

    assertContains(sheet, ben)
    assertNotContains(sheet, ada)  # replaced since
    assertContains(sheet, "ps-qr", count=1)
    assert "no-store" in sheet["Cache-Control"]
    preset = Preset.objects.create(course=course, name="Pirate", model="gpt-4o", system_prompt="Be a pirate.")
    uploaded = SimpleUploadedFile("keys.csv", file)
    assertContains(post("sheet", file=uploaded), "Be a pirate.")
    Preset.objects.filter(pk=preset.pk).update(system_prompt="Be a pirate. " * 80)  # no card has room for it
    uploaded.seek(0)
    sheet = post("sheet", file=uploaded)
    assertContains(sheet, "gpt-4o")
    assertNotContains(sheet, "Be a pirate.")
    stranger = SimpleUploadedFile("keys.csv", b"Name,Key\nX,sk-Not0fThisCourse123456\n")
    assertContains(post("sheet", file=stranger), "no key of this course", status_code=422)
    assert post("sheet").status_code == 422


def test_makes_none_while_the_course_is_not_open(post: Post, course: Course, sandbox: Sandbox) -> None:
    post("add_names", names_typed="Ada")
    Course.objects.update(state="draft")

    assert post("make_file").status_code == 409
    assert sandbox.live_keys() == []


def test_another_teacher_finds_nothing(as_teacher: Client) -> None:
    other = make_course(make_user("other-teacher"))

    assert as_teacher.get(reverse("courses:file_keys", args=[other.pk])).status_code == 404
    for name in ("add_names", "make_file", "replace_file", "sheet"):
        assert as_teacher.post(reverse(f"courses:{name}", args=[other.pk])).status_code == 404


@pytest.mark.django_db(transaction=True)
def test_two_files_at_the_same_moment_make_each_key_once(sandbox: Sandbox) -> None:
    """Two teachers press at once, or one twice: each secret is in one of the files, and none is in both."""
    teachers = [make_user("teacher"), make_user("other")]
    course = make_course(teachers[0])
    names = ["Ada", "Ben", "Cleo", "Dan"]
    for owners in (teachers, teachers[:1] * 2):
        file_keys.add_by_name(course=course, names=names, actor=Actor(user=teachers[0]))
        both_have_begun = Barrier(2)

        with ThreadPoolExecutor(2) as threads:
            files = list(threads.map(partial(_make_file, course, both_have_begun), owners))

        secrets = [line.secret for file in files for line in file if line.secret]
        with_problem = [line for file in files for line in file if not line.secret]
        assert sorted(secrets) == sorted(sandbox.issued_secrets()[-len(names) :])
        assert all(line.problem for line in with_problem)
        assert course.students.exclude(key=None).count() == len(sandbox.live_keys())
        names = [f"{name} B." for name in names]
    assert len(sandbox.live_keys()) == 8


def _make_file(course: Course, both_have_begun: Barrier, owner: User) -> list[file_keys.Line]:
    try:
        students = list(file_keys.without_key(file_keys.in_order(course)))
        both_have_begun.wait(30)
        return list(file_keys.make_keys(students, owner=owner, actor=Actor(user=owner)))
    finally:
        connection.close()
