"""One action on students of a course: for whom, who is left out and why, and the action itself."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from functools import partial
from typing import Final
from uuid import UUID

from django.db import transaction
from django.utils.translation import gettext as _

from accounts.audit import Actor
from accounts.locale import reading_as
from accounts.mails import send_later
from accounts.models import AuditAction
from accounts.names import name_order
from courses.models import Course, Student
from courses.services import check_top_up, lock, remove_student
from gateway.errors import GatewayAdminKeyRefused, GatewayError, GatewayUnavailable
from keys.models import Key, LimitOverride
from keys.services import KeyRefused, block_key, delete_key, top_up_team_keys, unblock_key
from keys.services.block import is_blocked_by_admin
from web.amounts import usd_limit

MAX_AT_ONCE: Final = 100  # whose keys are changed at the gateway within the request


class StudentAction(StrEnum):
    """An action on students."""

    TOP_UP = "top_up"
    BLOCK = "block"
    UNBLOCK = "unblock"
    NEW_KEY = "new_key"
    REMOVE = "remove"


@dataclass(frozen=True, slots=True, kw_only=True)
class Chosen:
    """A student chosen for an action."""

    student: Student
    why_not: str  # "" if the action applies

    @property
    def name(self) -> str:
        """The name under which a teacher knows the student."""
        return name_of(self.student)


@dataclass(frozen=True, slots=True, kw_only=True)
class Done:
    """The result of an action on several students."""

    done: tuple[str, ...]  # names
    refused: tuple[str, ...]  # names, each with the reason
    left: int  # not tried, since the gateway did not answer


def choose_students(course: Course, ids: Iterable[UUID], *, action: StudentAction) -> list[Chosen]:
    """Return these students of the course by name, with the reasons why the action leaves some of them out.

    One query. Ids of students of other courses, and of those who left, are ignored.
    """
    students = Student.objects.current().filter(course=course, pk__in=list(ids))
    found = sorted(
        students.select_related("account", "key__owner"), key=lambda each: (name_order(name_of(each)), each.pk)
    )
    return [Chosen(student=student, why_not=_why_not(student, action)) for student in found]


def name_of(student: Student) -> str:
    """Return the name under which a teacher knows a student."""
    return student.name or (student.account.display_name if student.account else str(student))


def _why_not(student: Student, action: StudentAction) -> str:
    key = student.key
    if action == StudentAction.REMOVE:
        return ""
    if key is None or key.state != Key.State.ACTIVE:
        return _("has no key")
    if action == StudentAction.BLOCK and key.is_blocked_by_others:
        return _("is blocked already")
    if action == StudentAction.UNBLOCK and is_blocked_by_admin(key):
        return _("an administrator has blocked the key")
    if action == StudentAction.UNBLOCK and not key.is_blocked_by_others:
        return _("is not blocked")
    return ""


def top_up_students(
    course: Course, students: Sequence[Student], *, amount_usd: Decimal, actor: Actor, request_id: UUID | None = None
) -> int:
    """Add this amount to the budget of each student's key; return how many. A task brings it to the gateway.

    A second click on the same form does nothing, and returns 0. Raises KeyRefused, also where the budget of one
    would be more than the actor's policy allows.
    """
    count = _top_up(course, students, amount_usd, actor, request_id)
    for student in students if count else ():
        _tell(course, student, AuditAction.CHANGE, actor, amount_usd)
    return count


@transaction.atomic
def _top_up(
    course: Course, students: Sequence[Student], amount_usd: Decimal, actor: Actor, request_id: UUID | None
) -> int:
    """Check and change under the lock of the course, so that two forms at once are not both within the policy."""
    locked = lock(course.pk)
    keys = [student.key_id for student in students if student.key_id]
    own = LimitOverride.objects.filter(key__in=keys, key__team=locked.team)
    if request_id and own.filter(extra_request_id=request_id).exists():
        return 0
    each = locked.team.key_budget_usd
    most = max([each, *((row.budget_usd or each) + row.extra_usd for row in own)])
    if actor.user:
        check_top_up(locked, actor.user, most + amount_usd)
    return top_up_team_keys(
        team_id=course.team_id, key_ids=keys, amount_usd=amount_usd, actor=actor, request_id=request_id
    )


def act_on_students(course: Course, students: Sequence[Student], *, action: StudentAction, actor: Actor) -> Done:
    """Block, unblock, end the keys of, or remove these students; a refusal for one does not stop the others.

    If the gateway does not answer, the rest stays unchanged.
    """
    done, refused = list[str](), list[str]()
    for place, student in enumerate(students):
        try:
            _act(course, student, action, actor)
        except (GatewayUnavailable, GatewayAdminKeyRefused):
            return Done(done=tuple(done), refused=tuple(refused), left=len(students) - place)
        except (KeyRefused, GatewayError) as error:
            why = error.for_admin if isinstance(error, KeyRefused) else _("The gateway refused it.")
            refused.append(f"{name_of(student)}: {why}")
            continue
        done.append(name_of(student))
    return Done(done=tuple(done), refused=tuple(refused), left=0)


def _act(course: Course, student: Student, action: StudentAction, actor: Actor) -> None:
    if action == StudentAction.REMOVE:
        remove_student(student=student, actor=actor)
        return
    if student.key is None:
        raise AssertionError("a student without a key is left out")
    run, audited = _KEY_ACTIONS[action]
    run(key=student.key, actor=actor)
    _tell(course, student, audited, actor)


_KEY_ACTIONS: Final[dict[StudentAction, tuple[Callable[..., object], AuditAction]]] = {
    StudentAction.BLOCK: (partial(block_key, as_teacher=True), AuditAction.BLOCK),
    StudentAction.UNBLOCK: (partial(unblock_key, as_teacher=True), AuditAction.UNBLOCK),
    StudentAction.NEW_KEY: (delete_key, AuditAction.DELETE),
}


def _tell(
    course: Course, student: Student, audited: AuditAction, actor: Actor, amount_usd: Decimal | None = None
) -> None:
    """Write to a student what a teacher did with their key, by a task."""
    person = student.account
    if person and student.key_id and person.email and person.is_active:
        with reading_as(person):
            amount = usd_limit(amount_usd)
        by = actor.user.display_name if actor.user else ""
        send_later("course_key_changed", person, course=course.name, action=audited.value, by=by, amount=amount)
