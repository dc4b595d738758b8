"""The gateway fails once, in each way and at each call of a course's actions: the next tasks make all as wanted."""

from collections.abc import Callable
from contextlib import suppress
from decimal import Decimal
from functools import partial
from typing import Any, Final

import pytest
from django.utils import timezone

from accounts.models import User
from courses import services
from courses.models import Course, CourseTeacher, Student
from courses.services import file_keys
from gateway.errors import GatewayError
from keys import services as keys
from keys.models import FormerOwner, Key, Team, Token
from keys.services.team_writes import check_team
from tests.courses.actions import acting, enrol, follow, get_key, open_course, use_playground
from tests.courses.test_crashes import make_keys, run_tasks
from tests.factories import make_staff
from tests.keys.actions import again, works
from tests.keys.team_actions import assert_as_wanted, rows_at
from tests.sandbox_process import Sandbox

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.timeout(600)]

# Once for each way in which the client reports a failure: an answer that is late, cut, no JSON or an error 500 is no
# answer or unreadable for it, by tests/gateway/.
FAULTS: Final[dict[str, dict[str, Any]]] = {
    "drop_before": {},
    "drop_after": {},
    "error 429": {"status": 429},
    "error 403": {"status": 403},
    "html": {},
}
Prepare = Callable[[Course], Callable[[], object]]


def freezing(course: Course) -> Callable[[], object]:
    """Return the task of a freeze."""
    services.freeze_course(course=course, actor=acting(teacher_of(course)))
    return partial(follow, course)


def thawing(course: Course) -> Callable[[], object]:
    """Return the task of a thaw."""
    services.freeze_course(course=course, actor=acting(teacher_of(course)))
    follow(course)
    services.thaw_course(course=course, actor=acting(teacher_of(course)))
    return partial(follow, course)


def changing(course: Course) -> Callable[[], object]:
    """Return the task of other limits of the course and its keys."""
    keys.change_team(course.team_id, budget_usd=30, rpm_limit=7)
    return partial(follow, course)


def ending(course: Course) -> Callable[[], object]:
    """Return the task of an end."""
    services.end_course(course=course, actor=acting(teacher_of(course)))
    return partial(follow, course)


def leaving(course: Course) -> Callable[[], object]:
    """Return how a student leaves."""
    student = course.students.exclude(account=None)[0]
    return partial(services.remove_student, student=student, actor=acting(teacher_of(course)))


def getting_the_first_key(course: Course) -> Callable[[], object]:
    """Return how somebody gets a key where the gateway has lost the team."""
    Team.objects.filter(pk=course.team_id).update(state=Team.State.UNDER_WAY)
    return partial(get_key, enrol(course))


def using_the_playground(course: Course) -> Callable[[], object]:
    """Return how a student first sends a message that the course pays for."""
    return partial(use_playground, enrol(course))


def using_it_under_new_limits(course: Course) -> Callable[[], object]:
    """Return how a student sends one after the course's limits have changed, before the task has come to the key."""
    student = course.students.exclude(account=None)[0]
    Team.objects.filter(pk=course.team_id).update(playground_budget_usd=3)
    return partial(use_playground, student)


def using_it_after_it_left_the_team(course: Course) -> Callable[[], object]:
    """Return how a student sends one while the key does not count in the course."""
    student = course.students.exclude(account=None)[0]
    Token.objects.filter(key__team=course.team_id, key__kind=Key.Kind.PLAYGROUND).update(in_team=False)
    return partial(use_playground, student)


def replacing(course: Course) -> Callable[[], object]:
    """Return how a student replaces the secret."""
    key = Key.objects.filter(team=course.team, handed_out=False)[0]
    return partial(keys.rotate_key, key=again(key), actor=acting(key.owner))


def replacing_as_a_file(course: Course) -> Callable[[], object]:
    """Return how the teacher replaces secrets that were handed out."""
    students = file_keys.in_order(course)
    return lambda: list(file_keys.replace_keys(students, actor=acting(teacher_of(course))))


def making_a_file(course: Course) -> Callable[[], object]:
    """Return how the teacher makes two more keys."""
    file_keys.add_by_name(course=course, names=["Cleo", "Dan"], actor=acting(teacher_of(course)))
    return partial(make_keys, course, teacher_of(course))


def handing_over(course: Course) -> Callable[[], object]:
    """Return the task by which another teacher gets the keys that were handed out."""
    other = User.objects.filter(username="other").first() or make_staff("other")
    CourseTeacher.objects.filter(course=course).delete()
    CourseTeacher.objects.create(course=course, person=other)
    services.hand_over_keys()
    return partial(follow, course)


def checking(course: Course) -> Callable[[], object]:
    """Return the comparison with the team at the gateway."""
    return partial(check_team, Team.objects.get(pk=course.team_id))


def teacher_of(course: Course) -> User:
    """Return who teaches the course."""
    return CourseTeacher.objects.select_related("person").get(course=course).person


CALLS: Final[list[tuple[Prepare, str, int]]] = [  # and how often each is made
    (freezing, "/key/block", 2),
    (thawing, "/key/unblock", 2),
    (changing, "/team/update", 1),
    (changing, "/key/update", 2),
    (using_the_playground, "/key/generate", 1),
    (using_it_under_new_limits, "/key/update", 1),
    (using_it_after_it_left_the_team, "/key/info", 1),
    (ending, "/key/delete", 1),
    (ending, "/key/info", 4),
    (ending, "/team/delete", 1),
    (leaving, "/key/delete", 1),
    (leaving, "/key/info", 1),
    (getting_the_first_key, "/team/update", 1),
    (getting_the_first_key, "/key/generate", 1),
    (replacing, "/key/generate", 1),
    (replacing, "/key/delete", 1),
    (replacing_as_a_file, "/key/generate", 2),
    (replacing_as_a_file, "/key/delete", 1),
    (making_a_file, "/key/generate", 2),
    (handing_over, "/key/info", 1),
    (handing_over, "/key/update", 2),
    (checking, "/team/info", 1),
]


@pytest.mark.parametrize(("prepare", "path", "calls"), CALLS, ids=lambda value: getattr(value, "__name__", None))
def test_is_as_wanted_after_any_failed_call(
    staff: User, sandbox: Sandbox, prepare: Prepare, path: str, calls: int
) -> None:
    wrong = []
    for fault, values in FAULTS.items():
        for call in range(calls):
            course = _course_with_keys(staff)
            action = prepare(course)
            sandbox.faults(path, fault.split()[0], skip=call, **values)
            with suppress(GatewayError, keys.KeyRefused):
                action()
            hits = [armed["hits"] for armed in sandbox.armed_faults()]
            sandbox.clear_faults()
            run_tasks()
            if hits != [1]:
                wrong.append(f"{fault}, call {call}: never made")
            try:
                _check(course, sandbox)
            except AssertionError as error:
                wrong.append(f"{fault}, call {call}: {error}")
            _forget(course, sandbox)
    assert wrong == []


def _course_with_keys(staff: User) -> Course:
    """Return a course with a student's keys, for programs and the Playground, and two that were handed out."""
    course = open_course(staff, playground_budget_usd=Decimal(1))
    student = enrol(course)
    get_key(student)
    use_playground(student)
    file_keys.add_by_name(course=course, names=["Ada", "Ben"], actor=acting(staff))
    make_keys(course, staff)
    return course


def _check(course: Course, sandbox: Sandbox) -> None:
    """Check that both sides agree, and that everybody who has no key can get one that works."""
    assert_as_wanted(sandbox, course.team)
    course.refresh_from_db()
    if course.state != Course.State.OPEN:
        return
    teacher = teacher_of(course)
    secrets = [line.secret or "" for line in make_keys(course, teacher)]
    secrets += [get_key(each).secret for each in _without_key(course)]
    assert all(works(sandbox, secret) for secret in secrets), "a new secret does not work"
    for key in Key.objects.filter(team=course.team, kind=Key.Kind.PLAYGROUND, state=Key.State.ACTIVE):
        assert works(sandbox, use_playground(Student.objects.get(course=course, account=key.owner))), "unusable"
    students = course.students.current().count()
    of_programs = [row for row in rows_at(sandbox, course.team) if row["metadata"]["passerelle_kind"] == "course"]
    assert len(of_programs) == students, "not one key for each student"
    owners = {key.owner.gateway_user_id for key in Key.objects.filter(team=course.team, state=Key.State.ACTIVE)}
    assert {row["user_id"] for row in rows_at(sandbox, course.team)} == owners, "another owner at the gateway"


def _without_key(course: Course) -> list[Student]:
    return list(course.students.current().exclude(account=None).filter(file_keys.WITHOUT_KEY))


def _forget(course: Course, sandbox: Sandbox) -> None:
    """End the course here and there without its tasks, which have a case of their own: ten run at most."""
    team = Team.objects.get(pk=course.team_id)
    if tokens := [row["token"] for row in rows_at(sandbox, team)]:
        sandbox.call("POST", "/key/delete", body={"keys": tokens}).raise_for_status()
    sandbox.call("POST", "/team/delete", body={"team_ids": [team.gateway_id]})  # 404 where it is gone
    course.students.update(key=None)
    for of_a_key in (Token, FormerOwner):
        of_a_key.objects.filter(key__team=team).delete()
    Key.objects.filter(team=team).delete()
    Course.objects.filter(pk=course.pk).update(state=Course.State.ENDED, ended_at=timezone.now())
    Team.objects.filter(pk=team.pk).update(state=Team.State.DELETED, ended_at=timezone.now())
