"""A course's life: created, changed, opened, frozen, ended, copied. Its keys follow in a task (ADR 34)."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, Final
from uuid import UUID

from django.db import transaction
from django.utils import timezone

from accounts.audit import BY_THE_PORTAL, Actor
from accounts.models import AuditAction, User
from courses.models import Course, CourseTeacher, Preset
from courses.services.add_students import listed_with_account, mail_students
from courses.services.limits import check_number, check_size, may_have_courses, size_of
from courses.services.refusals import CourseRefused
from courses.services.trail import audit
from keys import services as keys
from keys.models import Team

OF_TEAM: Final = (
    *("budget_usd", "key_budget_usd", "playground_budget_usd"),
    *("rpm_limit", "tpm_limit", "model_names", "ends_at"),
)
OF_COURSE: Final = ("name", "code", "cost_centre", "description", "time_zone", "starts_at", "max_students")
A_YEAR: Final = timedelta(days=364)  # whole weeks, so that a copy begins on the same day of the week
State = Course.State


@transaction.atomic
def create_course(*, person: User, actor: Actor, values: Mapping[str, Any]) -> Course:
    """Create a draft with these values of OF_COURSE and OF_TEAM, taught by this person. Raises CourseRefused."""
    if not may_have_courses(person):
        raise CourseRefused("course.not_allowed")
    course = _create(person, values)
    CourseTeacher.objects.create(course=course, person=person)
    audit(actor, AuditAction.ISSUE, course)
    return course


@transaction.atomic
def change_course(*, course: Course, actor: Actor, values: Mapping[str, Any]) -> Course:
    """Change values of OF_COURSE and OF_TEAM; the keys of a course that runs follow in a task.

    Raises CourseRefused beyond the policy of the actor, where the course runs; a draft is checked when it opens.
    """
    locked = lock(course.pk)
    if locked.state == State.ENDED:
        raise CourseRefused("course.ended")
    before, old = size_of(locked), _values_of(locked)
    for name in OF_COURSE:
        setattr(locked, name, values.get(name, getattr(locked, name)))
    of_team = {name: values[name] for name in OF_TEAM if name in values and values[name] != old[name]}
    for name, value in of_team.items():
        setattr(locked.team, name, value)
    if locked.state != State.DRAFT:
        if locked.starts_at != old["starts_at"] and has_begun(locked, old["starts_at"]):
            raise CourseRefused("course.begun")
        check_size(locked, _person(actor), before=before)
    changes = {
        name: [_as_json(old[name]), _as_json(now)] for name, now in _values_of(locked).items() if now != old[name]
    }
    if not changes:
        return locked
    locked.save(update_fields=OF_COURSE)
    if of_team:
        locked.team = keys.change_team(locked.team_id, **of_team)
    audit(actor, AuditAction.CHANGE, locked, "course.changes", changes=changes)
    return locked


def has_begun(course: Course, start: datetime) -> bool:
    """Tell whether a course with this start has begun, or has keys already; its length is counted from there."""
    return course.state != State.DRAFT and (start <= timezone.now() or course.team.keys.exists())


def open_course(*, course: Course, actor: Actor) -> Course:
    """Open a draft: students can get keys from its start on. The gateway gets its team first.

    Raises CourseRefused, KeyRefused ("team.none") or GatewayUnavailable; then it is still a draft.
    """
    _check_opening(Course.objects.select_related("team").get(pk=course.pk), actor)
    keys.ensure_team(course.team)
    with transaction.atomic():
        locked = lock(course.pk)
        _check_opening(locked, actor)
        check_number(locked, _person(actor))
        locked.state, locked.opened_at = State.OPEN, timezone.now()
        locked.save(update_fields=["state", "opened_at"])
        audit(actor, AuditAction.CHANGE, locked, "course.opened")
        mail_students(locked, listed_with_account(locked))
    return locked


@transaction.atomic
def freeze_course(*, course: Course, actor: Actor) -> Course:
    """Freeze an open course: its keys are blocked, one after another, and no one gets a new one."""
    locked = _moved(course, to=State.FROZEN, only_from=State.OPEN)
    keys.freeze_team(locked.team_id)
    audit(actor, AuditAction.CHANGE, locked, "course.frozen")
    return locked


@transaction.atomic
def thaw_course(*, course: Course, actor: Actor) -> Course:
    """End the freeze: the keys that only it blocks work again."""
    locked = _moved(course, to=State.OPEN, only_from=State.FROZEN)
    keys.thaw_team(locked.team_id)
    audit(actor, AuditAction.CHANGE, locked, "course.thawed")
    return locked


@transaction.atomic
def end_course(*, course: Course, actor: Actor) -> Course:
    """End a course for good: its keys are deleted, its history stays. Raises CourseRefused if it has ended."""
    return _end(lock(course.pk), actor, "course.ended")


def end_due_courses() -> int:
    """End the courses whose end has passed; return how many. Idempotent: twice at once ends each once."""
    due = Course.objects.filter(state__in=Course.RUNNING, team__ends_at__lte=timezone.now())
    ended = 0
    for pk in list(due.values_list("pk", flat=True)):
        with transaction.atomic():
            locked = lock(pk)
            if locked.state in Course.RUNNING and locked.team.ends_at <= timezone.now():  # it may have been extended
                _end(locked, BY_THE_PORTAL, "course.ended_by_date")
                ended += 1
    return ended


@transaction.atomic
def copy_course(*, course: Course, actor: Actor) -> Course:
    """Create a draft with the same values a year later, the same teachers and presets; without students.

    Raises CourseRefused if the actor's policy includes no courses.
    """
    person = _person(actor)
    if not may_have_courses(person):
        raise CourseRefused("course.not_allowed")
    values = _values_of(course)
    for name in ("starts_at", "ends_at"):
        values[name] += A_YEAR
    copy = _create(person, {**values, "join_domains": course.join_domains, "copied_from": course})
    teachers = {person.pk, *course.teachers.filter(person__is_active=True).values_list("person", flat=True)}
    CourseTeacher.objects.bulk_create(CourseTeacher(course=copy, person_id=pk) for pk in sorted(teachers))
    for preset in course.presets.all():
        preset.pk, preset.course = None, copy
        preset._state.adding = True
        Preset.objects.bulk_create([preset])
    audit(actor, AuditAction.ISSUE, copy, "course.copied")
    return copy


def lock(course_id: UUID) -> Course:
    """Lock a course's row for the caller's transaction, and return it with its team."""
    course = Course.objects.select_for_update().get(pk=course_id)
    course.team = Team.objects.get(pk=course.team_id)
    return course


def _create(person: User, values: Mapping[str, Any]) -> Course:
    team = keys.create_team(**{name: values[name] for name in OF_TEAM if name in values})
    about = {name: value for name, value in values.items() if name not in OF_TEAM}
    return Course.objects.create(team=team, created_by=person, **about)


def _end(course: Course, actor: Actor, code: str) -> Course:
    if course.state == State.ENDED:
        raise CourseRefused("course.ended")
    has_run = course.state in Course.RUNNING
    course.state, course.ended_at, course.join_hash = State.ENDED, timezone.now(), None
    course.save(update_fields=["state", "ended_at", "join_hash"])
    keys.end_team(course.team_id)
    audit(actor, AuditAction.CHANGE, course, code)
    if has_run:
        students = User.objects.filter(attends__course=course, attends__left_at=None)
        mail_students(course, students, kind="course_ended")
    return course


def _moved(course: Course, *, to: str, only_from: str) -> Course:
    locked = lock(course.pk)
    if locked.state == State.ENDED:
        raise CourseRefused("course.ended")
    if locked.state != only_from:
        raise CourseRefused("course.state")
    locked.state = to
    locked.save(update_fields=["state"])
    return locked


def _check_opening(course: Course, actor: Actor) -> None:
    if course.state != State.DRAFT:
        raise CourseRefused("course.ended" if course.state == State.ENDED else "course.not_draft")
    if course.team.is_over:
        raise CourseRefused("course.over")
    check_size(course, _person(actor))


def _person(actor: Actor) -> User:
    assert actor.user is not None  # noqa: S101  (teachers act here, not the portal)
    return actor.user


def _values_of(course: Course) -> dict[str, Any]:
    of_course = {name: getattr(course, name) for name in OF_COURSE}
    return {**of_course, **{name: getattr(course.team, name) for name in OF_TEAM}}


def _as_json(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.isoformat(timespec="minutes")
    return f"{value:f}" if isinstance(value, Decimal) else value
