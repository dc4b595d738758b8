"""A process that is killed at any step of what is done to a course: the next tasks leave no key outside of it."""

from collections.abc import Callable
from decimal import Decimal
from functools import partial
from itertools import count
from pathlib import Path
from uuid import UUID

import pytest
from django.test import override_settings
from django.utils import timezone

import courses.services
from accounts.models import User
from courses import services
from courses.models import Course, CourseTeacher, Student
from courses.services import file_keys, joining
from courses.views.file_keys import rows_of
from keys import services as keys
from keys.models import Key
from tests.courses.actions import acting, enrol, get_key, open_course, use_playground
from tests.factories import make_intern, make_staff
from tests.keys.actions import again, works
from tests.keys.crashes import SERVICES, Folder, killed_at_step
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
            services.hand_over_keys()
            keys.follow_teams()


def thaw_frozen(team_id: UUID) -> None:
    """Freeze all keys of a team, and want them back."""
    keys.freeze_team(team_id)
    run_tasks()
    keys.thaw_team(team_id)


def until_it_ends(action: Callable[[], Callable[[], object]], check: Callable[[], object], folder: Folder) -> int:
    """Kill the action, which is prepared anew, at each of its steps, and check after the tasks; return how many."""
    for step in count(1):
        if not killed_at_step(step, action(), folder):
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


def test_a_playground_key_is_usable_or_nowhere(staff: User, sandbox: Sandbox) -> None:
    course = open_course(staff, playground_budget_usd=Decimal(1))
    students = list[Student]()

    def using() -> Callable[[], object]:
        students.append(enrol(course))
        return partial(use_playground, students[-1])

    def check() -> None:
        assert_as_wanted(sandbox, course.team)
        assert works(sandbox, use_playground(students[-1]))
        assert len(rows_at(sandbox, course.team)) == len(students)

    assert until_it_ends(using, check, (SERVICES, OF_COURSES)) > 3


def test_freeze_thaw_and_new_limits_go_on(staff: User, sandbox: Sandbox) -> None:
    course = open_course(staff, playground_budget_usd=Decimal(1))
    student = enrol(course)
    for get in (get_key, use_playground):  # so that the gateway is called in threads
        get(student)
    actions: dict[str, Callable[[int], object]] = {
        "freeze": lambda step: keys.freeze_team(course.team_id),
        "thaw": lambda step: thaw_frozen(course.team_id),
        "limits": lambda step: keys.change_team(course.team_id, frozen_at=None, rpm_limit=step + 1),
    }
    for name, change in actions.items():
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
        course = open_course(staff, playground_budget_usd=Decimal(1))
        student = enrol(course)
        for get in (get_key, use_playground):
            get(student)
        keys.end_team(course.team_id)
        killed = killed_at_step(step, partial(keys.follow_team, course.team_id))
        run_tasks()
        assert_as_wanted(sandbox, course.team)
        Course.objects.filter(pk=course.pk).update(state=Course.State.ENDED, ended_at=timezone.now())  # ten run at most
        if not killed:
            break
    assert step > 4


def test_who_left_has_no_key(staff: User, sandbox: Sandbox) -> None:
    course = open_course(staff, playground_budget_usd=Decimal(1))

    def leaving() -> Callable[[], object]:
        student = enrol(course)
        for get in (get_key, use_playground):
            get(student)
        return partial(services.remove_student, student=student, actor=acting(staff))

    def check() -> None:
        assert len(rows_at(sandbox, course.team)) == 2 * Student.objects.current().count()

    for folder in (OF_COURSES, SERVICES):
        assert until_it_ends(leaving, check, folder) > 2


def test_keys_handed_over_are_one_teachers_here_and_there(staff: User, sandbox: Sandbox) -> None:
    course = open_course(staff)
    other = make_staff("other")
    services.add_teacher(course=course, person=other, actor=acting(staff))
    file_keys.add_by_name(course=course, names=["Ada", "Ben"], actor=acting(staff))
    secrets = [line.secret for line in make_keys(course, staff)]

    def teachers_change() -> None:
        """Let the owner of the keys teach the course no longer, and the other one again."""
        owner = Key.objects.filter(handed_out=True).values_list("owner", flat=True)[0]
        leaving, staying = (staff, other) if owner == staff.pk else (other, staff)
        CourseTeacher.objects.get_or_create(course=course, person=staying)
        CourseTeacher.objects.filter(course=course, person=leaving).delete()

    def handing_over() -> Callable[[], object]:
        teachers_change()
        return services.hand_over_keys

    def following() -> Callable[[], object]:
        teachers_change()
        services.hand_over_keys()
        return partial(keys.follow_team, course.team_id)

    def check() -> None:
        assert_as_wanted(sandbox, course.team)
        teacher = CourseTeacher.objects.get(course=course).person
        assert {key.owner_id for key in Key.objects.filter(handed_out=True)} == {teacher.pk}
        assert [row["user_id"] for row in rows_at(sandbox, course.team)] == [teacher.gateway_user_id] * 2
        assert all(works(sandbox, secret or "") for secret in secrets)

    assert until_it_ends(handing_over, check, (OF_COURSES, SERVICES)) > 2
    assert until_it_ends(following, check, SERVICES) > 8  # four calls for each key


def test_who_joins_is_in_the_course_once(staff: User, sandbox: Sandbox) -> None:
    course = open_course(staff)
    joining.renew_code(course=course, actor=acting(staff))
    course.refresh_from_db()

    def join() -> Callable[[], object]:
        person = make_intern()
        return partial(joining.join, course=course, person=person, actor=acting(person))

    for step in count(1):
        action = join()
        killed = killed_at_step(step, action, OF_COURSES)
        assert Student.objects.count() == step - 1 + (not killed)
        action()  # the person tries again
        action()
        assert Student.objects.count() == step
        if not killed:
            break
    assert step > 1


def test_a_file_that_ended_at_any_step_goes_on(staff: User, sandbox: Sandbox, tmp_path: Path) -> None:
    """Secrets that came out work; the page says which keys are made, and a new file has the others."""
    for step in count(1):
        course, file = open_course(staff), tmp_path / f"{step}.txt"
        file_keys.add_by_name(course=course, names=["Ada", "Ben"], actor=acting(staff))
        killed = killed_at_step(step, partial(write_file, course, staff, file), (OF_COURSES, SERVICES))
        came_out = dict(line.split(" ") for line in file.read_text().splitlines()) if file.exists() else {}
        run_tasks()

        assert all(works(sandbox, secret) for secret in came_out.values())
        assert_as_wanted(sandbox, course.team)
        made = {row.student.name for row in rows_of(course) if row.key}
        assert set(came_out) <= made
        rest = {line.student.name: line.secret for line in make_keys(course, staff)}
        assert set(rest) == {"Ada", "Ben"} - made
        assert all(rest.values())
        assert_as_wanted(sandbox, course.team)
        assert len(rows_at(sandbox, course.team)) == 2
        services.end_course(course=course, actor=acting(staff))
        if not killed:
            break
    assert step > 8
    assert set(came_out) == {"Ada", "Ben"}


def make_keys(course: Course, owner: User) -> list[file_keys.Line]:
    """Make the keys that are missing, as the page does."""
    file_keys.link_made_keys(course)
    students = file_keys.without_key(file_keys.in_order(course))
    return list(file_keys.make_keys(students, owner=owner, actor=acting(owner)))


def write_file(course: Course, owner: User, file: Path) -> None:
    """Write each secret into a file before the next key is made."""
    students = file_keys.without_key(file_keys.in_order(course))
    for line in file_keys.make_keys(students, owner=owner, actor=acting(owner)):
        with file.open("a") as out:
            out.write(f"{line.student.name} {line.secret}\n")


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
