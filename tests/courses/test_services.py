"""A course's life: its states, who teaches it, how large it may be, and its students' keys."""

from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.utils import timezone

from accounts.models import AuditEntry, User
from courses import services
from courses.models import Course, Preset, Student
from courses.services import CourseRefused
from gateway.errors import GatewayUnavailable
from keys.models import Key, Team
from keys.services import KeyRefused, sweep_keys
from tests.courses import courses as rows
from tests.courses.actions import acting, enrol, follow, get_key, make_course, open_course
from tests.factories import make_intern, make_staff
from tests.keys.team_actions import assert_as_wanted, rows_at
from tests.sandbox_process import Sandbox

pytestmark = pytest.mark.django_db
State = Course.State


def refusal_of(action: Callable[..., object], **about: object) -> str:
    with pytest.raises(services.CourseRefused) as refusal:
        action(**about)
    return refusal.value.reason


def test_a_course_goes_from_draft_to_end(staff: User, sandbox: Sandbox) -> None:
    course, actor = make_course(staff), acting(staff)
    student = enrol(course)
    assert refusal_of(services.get_key, student=student, actor=actor) == "course.draft"

    services.open_course(course=course, actor=actor)
    fresh = get_key(student)
    assert student.key == fresh.key
    services.freeze_course(course=course, actor=actor)
    follow(course)
    with pytest.raises(KeyRefused, match="frozen"):
        services.replace(student=student, actor=actor)
    services.thaw_course(course=course, actor=actor)
    follow(course)
    assert services.replace(student=student, actor=actor).secret != fresh.secret
    assert_as_wanted(sandbox, course.team)
    services.end_course(course=course, actor=actor)
    follow(course)

    assert_as_wanted(sandbox, course.team)
    assert refusal_of(services.get_key, student=student, actor=actor) == "course.ended"
    codes = AuditEntry.objects.filter(object_kind="course").order_by("pk").values_list("code", flat=True)
    assert list(codes) == ["", "course.opened", "course.frozen", "course.thawed", "course.ended"]


def test_refuses_what_does_not_fit_the_state(staff: User, sandbox: Sandbox) -> None:
    draft, running, actor = make_course(staff), open_course(staff), acting(staff)

    assert refusal_of(services.freeze_course, course=draft, actor=actor) == "course.state"
    assert refusal_of(services.thaw_course, course=running, actor=actor) == "course.state"
    assert refusal_of(services.open_course, course=running, actor=actor) == "course.not_draft"
    services.end_course(course=running, actor=actor)
    for action in (services.freeze_course, services.end_course, services.open_course):
        assert refusal_of(action, course=running, actor=actor) == "course.ended"
    assert refusal_of(services.change_course, course=running, actor=actor, values={"name": "x"}) == "course.ended"


def test_a_course_ends_by_itself_when_its_end_has_passed_once(staff: User, sandbox: Sandbox) -> None:
    course, other = open_course(staff), open_course(staff)
    get_key(enrol(course))
    Team.objects.filter(pk=course.team_id).update(ends_at=timezone.now())

    assert (services.end_due_courses(), services.end_due_courses()) == (1, 0)
    follow(course)

    assert_as_wanted(sandbox, course.team)
    assert Course.objects.get(pk=other.pk).state == State.OPEN


def test_a_course_beyond_the_policy_stays_a_draft(staff: User, sandbox: Sandbox) -> None:
    sizes: dict[str, dict[str, Any]] = {
        "students": {"max_students": 61},
        "days": {"ends_at": timezone.now() + timedelta(days=300)},
        "in all": {"budget_usd": Decimal(101)},
        "each student": {"key_budget_usd": Decimal("1.5"), "playground_budget_usd": Decimal(1)},
    }
    for words, values in sizes.items():
        course = make_course(staff, **values)
        with pytest.raises(CourseRefused, match=words):
            services.open_course(course=course, actor=acting(staff))
        assert Course.objects.get(pk=course.pk).state == State.DRAFT


def test_a_course_that_has_begun_keeps_its_start(staff: User, sandbox: Sandbox) -> None:
    """Otherwise start and end could be moved together, past the longest course of the policy."""
    begun, waits = open_course(staff), open_course(staff, starts_at=timezone.now() + timedelta(days=1))
    later = {"starts_at": timezone.now() + timedelta(days=2), "ends_at": timezone.now() + timedelta(days=201)}

    assert refusal_of(services.change_course, course=begun, actor=acting(staff), values=later) == "course.begun"
    assert services.change_course(course=waits, actor=acting(staff), values=later).starts_at == later["starts_at"]


def test_at_most_ten_courses_of_a_creator_run_at_once(staff: User, sandbox: Sandbox) -> None:
    for _each in range(10):
        rows.make_course(staff)
    course = make_course(staff)

    assert refusal_of(services.open_course, course=course, actor=acting(staff)) == "course.too_many"
    staff.is_superuser = True
    assert services.open_course(course=course, actor=acting(staff)).state == State.OPEN


def test_a_teacher_with_a_lower_policy_can_change_what_is_no_more_than_it_was(staff: User, sandbox: Sandbox) -> None:
    course, colleague = open_course(staff), make_intern("colleague")
    services.add_teacher(course=course, person=colleague, actor=acting(staff))

    services.change_course(course=course, actor=acting(colleague), values={"name": "SQL", "budget_usd": Decimal(30)})
    more = {"budget_usd": Decimal(41)}

    assert (
        refusal_of(services.change_course, course=course, actor=acting(colleague), values=more)
        == "course.beyond_running"
    )
    changed = services.change_course(course=course, actor=acting(staff), values=more)
    assert (changed.name, changed.team.budget_usd) == ("SQL", Decimal(41))


def test_somebody_whose_policy_has_no_courses_gets_none(intern: User) -> None:
    with pytest.raises(CourseRefused, match="policy"):
        make_course(intern)
    assert not Team.objects.exists()


def test_is_a_draft_while_the_gateway_does_not_answer(staff: User, sandbox: Sandbox) -> None:
    course = make_course(staff)
    sandbox.faults("/team/update", "drop_before", times=9)

    with pytest.raises(GatewayUnavailable):
        services.open_course(course=course, actor=acting(staff))

    assert Course.objects.get(pk=course.pk).state == State.DRAFT


def test_a_copy_has_everything_but_students_a_year_later(staff: User, sandbox: Sandbox) -> None:
    course, colleague = open_course(staff, model_names=["gpt-4o-mini"]), make_staff("colleague")
    services.add_teacher(course=course, person=colleague, actor=acting(staff))
    Preset.objects.create(course=course, name="Tutor", model="gpt-4o-mini")
    enrol(course)

    copy = services.copy_course(course=course, actor=acting(staff))

    assert (copy.state, copy.name, copy.copied_from_id) == (State.DRAFT, course.name, course.pk)
    assert copy.team.model_names == ["gpt-4o-mini"]
    assert copy.starts_at - course.starts_at == timedelta(days=364)
    assert set(copy.teachers.values_list("person", flat=True)) == {staff.pk, colleague.pk}
    assert (copy.presets.count(), course.presets.count(), copy.students.count()) == (1, 1, 0)


def test_a_course_never_loses_its_last_teacher(staff: User) -> None:
    course, colleague = make_course(staff), make_staff("colleague")

    assert (
        refusal_of(services.remove_teacher, course=course, person=staff, actor=acting(staff)) == "course.last_teacher"
    )
    services.add_teacher(course=course, person=colleague, actor=acting(staff))
    services.remove_teacher(course=course, person=staff, actor=acting(colleague))

    assert not Course.objects.taught_by(staff).exists()


def test_a_student_who_leaves_loses_the_key_also_while_the_gateway_is_away(staff: User, sandbox: Sandbox) -> None:
    course = open_course(staff)
    first, second = enrol(course), enrol(course)
    get_key(first), get_key(second)
    services.remove_student(student=first, actor=acting(staff))
    sandbox.faults("/key/delete", "drop_before", times=9)

    services.remove_student(student=second, actor=acting(staff))

    sandbox.clear_faults()
    sweep_keys()
    assert rows_at(sandbox, course.team) == []
    assert set(Key.objects.values_list("problem", flat=True)) == {Key.Problem.COURSE_LEFT}
    assert refusal_of(services.get_key, student=first, actor=acting(staff)) == "course.left"


def test_a_key_that_was_got_while_leaving_is_ended(staff: User, sandbox: Sandbox) -> None:
    course = open_course(staff)
    student = enrol(course)
    get_key(student)
    Student.objects.update(left_at=timezone.now(), key=None)  # as if the process had died then

    assert services.repair_students() == 1
    assert rows_at(sandbox, course.team) == []


def test_a_key_whose_student_was_not_recorded_is_linked(staff: User, sandbox: Sandbox) -> None:
    course = open_course(staff)
    student = enrol(course)
    fresh = get_key(student)
    Student.objects.update(key=None)

    assert (services.repair_students(), services.repair_students()) == (1, 0)
    assert Student.objects.get(pk=student.pk).key == fresh.key


def test_no_key_before_the_start(staff: User, sandbox: Sandbox) -> None:
    course = open_course(staff, starts_at=timezone.now() + timedelta(days=1))

    assert refusal_of(services.get_key, student=enrol(course), actor=acting(staff)) == "course.not_begun"
