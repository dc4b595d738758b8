"""People who leave the portal: what courses keep of their names, and the keys that they handed out."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import connection

from accounts.models import User
from courses import services
from courses.models import Course, CourseTeacher, Student
from courses.services import file_keys
from courses.tasks import end_due
from keys.models import FormerOwner, Key, LimitOverride, Token
from keys.services import follow_teams, give_team_key, set_key_budget, sweep_keys
from playground.services.anonymise import anonymise
from tests.courses.actions import acting, enrol, follow, open_course
from tests.factories import make_staff
from tests.keys.actions import BY_TEST
from tests.keys.team_actions import assert_as_wanted, rows_at
from tests.sandbox_process import Sandbox

pytestmark = pytest.mark.django_db


@pytest.fixture
def course(staff: User, sandbox: Sandbox) -> Course:
    """Return an open course of two teachers, the first of whom handed a key out."""
    course = open_course(staff)
    services.add_teacher(course=course, person=make_staff("second"), actor=acting(staff))
    file_keys.add_by_name(course=course, names=["Ada"], actor=acting(staff))
    list(file_keys.make_keys(file_keys.in_order(course), owner=staff, actor=acting(staff)))
    follow(course)
    return course


def assert_is_of_second(sandbox: Sandbox, course: Course) -> None:
    """Check that the key works, and is the other teacher's, at the gateway too."""
    second = User.objects.get(username="second")
    (row,) = rows_at(sandbox, course.team)
    key = Key.objects.get(handed_out=True)
    assert (key.owner, key.state, key.blocked) == (second, Key.State.ACTIVE, False)
    assert (row["user_id"], bool(row["blocked"])) == (second.gateway_user_id, False)
    assert FormerOwner.objects.get().key == key
    assert_as_wanted(sandbox, course.team)


def test_keys_of_a_teacher_whose_account_is_deactivated_go_to_another(
    course: Course, staff: User, sandbox: Sandbox
) -> None:
    key = Key.objects.get()
    set_key_budget(key=key, budget_usd=key.budget_usd, actor=acting(staff))
    User.objects.filter(pk=staff.pk).update(is_active=False)
    sweep_keys()  # comes first, and blocks it
    assert Key.objects.get().blocked

    for _again in range(2):
        end_due()
        follow_teams()
        sweep_keys()

    assert_is_of_second(sandbox, course)
    assert LimitOverride.objects.count() == 1  # a top-up is the student's


def test_keys_of_a_teacher_who_left_the_course_go_to_another(course: Course, staff: User, sandbox: Sandbox) -> None:
    services.remove_teacher(course=course, person=staff, actor=acting(staff))

    end_due()
    follow_teams()

    assert_is_of_second(sandbox, course)


def test_keys_of_an_anonymised_teacher_go_to_another(course: Course, staff: User, sandbox: Sandbox) -> None:
    anonymise(person=staff, actor=BY_TEST)
    sweep_keys()
    follow_teams()

    assert_is_of_second(sandbox, course)


def test_keys_of_the_only_teacher_stop_with_the_account(course: Course, staff: User, sandbox: Sandbox) -> None:
    CourseTeacher.objects.exclude(person=staff).delete()
    User.objects.filter(pk=staff.pk).update(is_active=False)

    end_due()
    sweep_keys()

    assert [bool(row["blocked"]) for row in rows_at(sandbox, course.team)] == [True]
    services.add_teacher(course=course, person=User.objects.get(username="second"), actor=BY_TEST)
    for _again in range(2):
        end_due()
        follow_teams()
        sweep_keys()
    assert_is_of_second(sandbox, course)


def test_an_anonymised_student_has_no_name_and_no_key(course: Course, sandbox: Sandbox) -> None:
    student = enrol(course, name="Ngozi Obi", email="ngozi@example.edu", number="20261")
    account = student.account
    assert account
    services.get_key(student=student, actor=acting(account))

    anonymise(person=account, actor=BY_TEST)
    sweep_keys()

    student.refresh_from_db()
    assert (student.name, student.email, student.number) == ("", "", "")
    assert Key.objects.get(owner=account).state == Key.State.DELETED
    assert len(rows_at(sandbox, course.team)) == 1  # Ada's


def test_the_task_links_a_key_whose_process_ended_and_ends_one_of_who_left(course: Course, sandbox: Sandbox) -> None:
    Student.objects.update(key=None)

    end_due()
    assert Student.objects.get().key == Key.objects.get()

    Student.objects.update(key=None, left_at=course.starts_at)
    end_due()
    sweep_keys()
    assert rows_at(sandbox, course.team) == []


@pytest.mark.django_db(transaction=True)
def test_a_handover_while_keys_follow_an_earlier_one_reaches_the_gateway(staff: User, sandbox: Sandbox) -> None:
    course = open_course(staff)
    first, last = (make_staff(name) for name in ("first", "last"))
    file_keys.add_by_name(course=course, names=["Ada", "Ben"], actor=acting(staff))
    list(file_keys.make_keys(file_keys.in_order(course), owner=staff, actor=acting(staff)))
    for key in Key.objects.all():
        give_team_key(key=key, to=first, actor=acting(staff))
    sandbox.faults("/key/update", "delay", seconds=1)  # of the first key; the other one was read before

    with ThreadPoolExecutor(1) as thread:
        following = thread.submit(_follow, course)
        sandbox.wait_until_fault_holds("/key/update")
        for key in Key.objects.all():
            give_team_key(key=key, to=last, actor=acting(staff))
        following.result()
    follow(course)

    assert [row["user_id"] for row in sandbox.live_keys()] == [last.gateway_user_id] * 2
    assert not Token.objects.filter(in_team=False).exists()


def _follow(course: Course) -> None:
    try:
        follow(course)
    finally:
        connection.close()
