"""A process that is killed at any step of what is done to a course: the next tasks leave no key outside of it."""

from collections.abc import Callable
from functools import partial
from itertools import count
from pathlib import Path
from uuid import UUID

import pytest
from django.test import override_settings

import courses.services
from accounts.models import User
from courses import services
from courses.models import Student
from keys import services as keys
from keys.models import Key
from tests.courses.actions import acting, enrol, get_key, open_course
from tests.keys.actions import again
from tests.keys.crashes import SERVICES, killed_at_step
from tests.keys.team_actions import assert_as_wanted, rows_at
from tests.sandbox_process import Sandbox

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning"),
    pytest.mark.timeout(300),
]
OF_COURSES = str(Path(courses.services.__file__).parent)


def run_tasks() -> None:
    """Do what the schedule does, when the deadline of what was interrupted has passed; also what it left twice."""
    with override_settings(KEY_ANSWER_DEADLINE_S=0):
        keys.sweep_keys()
        for _ in range(2):
            services.end_due_courses()
            services.repair_students()
            keys.follow_teams()


def thaw_frozen(team_id: UUID) -> None:
    """Freeze all keys of a team, and want them back."""
    keys.freeze_team(team_id)
    run_tasks()
    keys.thaw_team(team_id)


def until_it_ends(act: Callable[[], Callable[[], object]], check: Callable[[], object], folder: str) -> int:
    """Kill the act, which is prepared anew, at each of its steps, and check after the tasks; return how many."""
    for step in count(1):
        if not killed_at_step(step, act(), folder):
            return step
        run_tasks()
        check()
    raise AssertionError


def test_a_key_is_its_students_or_is_nowhere(staff: User, sandbox: Sandbox) -> None:
    course = open_course(staff)

    def check() -> None:
        assert_as_wanted(sandbox, course.team)
        linked = set(Student.objects.exclude(key=None).values_list("key", flat=True))
        assert set(Key.objects.filter(state=Key.State.ACTIVE).values_list("pk", flat=True)) <= linked

    for folder in (SERVICES, OF_COURSES):
        assert until_it_ends(lambda: partial(get_key, enrol(course)), check, folder) > 2


def test_freeze_thaw_and_new_limits_go_on(staff: User, sandbox: Sandbox) -> None:
    course = open_course(staff)
    get_key(enrol(course))
    acts: dict[str, Callable[[int], object]] = {
        "freeze": lambda step: keys.freeze_team(course.team_id),
        "thaw": lambda step: thaw_frozen(course.team_id),
        "limits": lambda step: keys.change_team(course.team_id, frozen_at=None, rpm_limit=step + 1),
    }
    for name, change in acts.items():
        for step in count(1):
            change(step)
            if not killed_at_step(step, partial(keys.follow_team, course.team_id)):
                break
            run_tasks()
            assert_as_wanted(sandbox, course.team)
        keys.follow_team(course.team_id)
        assert_as_wanted(sandbox, course.team)
        assert step > 2, name


def test_an_end_at_each_step_of_its_own_leaves_no_key(staff: User, sandbox: Sandbox) -> None:
    for step in count(1):
        course = open_course(staff)
        get_key(enrol(course))
        keys.end_team(course.team_id)
        killed = killed_at_step(step, partial(keys.follow_team, course.team_id))
        run_tasks()
        assert_as_wanted(sandbox, course.team)
        if not killed:
            break
    assert step > 4


def test_who_left_has_no_key(staff: User, sandbox: Sandbox) -> None:
    course = open_course(staff)

    def leaving() -> Callable[[], object]:
        student = enrol(course)
        get_key(student)
        return partial(services.remove_student, student=student, actor=acting(staff))

    def check() -> None:
        assert len(rows_at(sandbox, course.team)) == Student.objects.current().count()

    for folder in (OF_COURSES, SERVICES):
        assert until_it_ends(leaving, check, folder) > 2


def test_a_replaced_secret_leaves_one(staff: User, sandbox: Sandbox) -> None:
    course = open_course(staff)
    student = enrol(course)
    key = get_key(student).key

    def check() -> None:
        assert_as_wanted(sandbox, course.team)
        assert len(rows_at(sandbox, course.team)) == 1

    def replacing() -> Callable[[], object]:
        return partial(keys.rotate_key, key=again(key), actor=acting(staff))

    assert until_it_ends(replacing, check, SERVICES) > 3
