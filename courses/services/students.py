"""A student's key: got once, replaced, and ended when they leave the course."""

import logging
from uuid import UUID

from django.db import transaction
from django.db.models import Exists, OuterRef, Q, QuerySet
from django.utils import timezone
from django.views.decorators.debug import sensitive_variables

from accounts.audit import BY_THE_PORTAL, Actor
from accounts.models import AuditAction
from courses.models import Course, Student
from courses.services.file_keys import link_made_keys
from courses.services.refusals import CourseRefused
from courses.services.states import lock
from courses.services.trail import audit
from gateway.errors import GatewayError
from keys import services as keys
from keys.models import Key

logger = logging.getLogger(__name__)


@sensitive_variables("fresh")
def get_key(*, student: Student, actor: Actor, request_id: UUID | None = None) -> keys.FreshKey:
    """Create the student's key; its secret is only in the answer. A key without an account is their teacher's.

    Raises CourseRefused, KeyRefused, GatewayUnavailable or GatewayRejected as `issue_team_key` does.
    """
    course = Course.objects.select_related("team").get(pk=student.course_id)
    _check(course, student)
    owner = student.account or actor.user
    if owner is None:
        raise CourseRefused("course.no_account")
    fresh = keys.issue_team_key(
        team=course.team,
        owner=owner,
        actor=actor,
        label=str(student) if student.account is None else course.code or course.name,
        handed_out=student.account is None,
        request_id=request_id,
    )
    if not _link(student, fresh.key):
        _end(fresh.key, BY_THE_PORTAL)
        raise CourseRefused("course.left")
    return fresh


def replace(*, student: Student, actor: Actor) -> keys.FreshKey:
    """Give the student's key a new secret; the old one ends at once. Raises as `rotate_key` does."""
    key = keys_of(student).filter(kind=Key.Kind.COURSE, state=Key.State.ACTIVE).select_related("owner", "team").first()
    if key is None:
        raise CourseRefused("course.no_key")
    return keys.rotate_key(key=key, actor=actor)


def remove_student(*, student: Student, actor: Actor) -> None:
    """Take a student out of the course; their keys end. If the gateway fails, the sweep deletes them there.

    Raises CourseRefused if they have left.
    """
    with transaction.atomic():
        course = lock(student.course_id)
        row = Student.objects.select_for_update().get(pk=student.pk)
        if row.left_at is not None:
            raise CourseRefused("course.left")
        row.left_at = timezone.now()
        row.save(update_fields=["left_at"])
        audit(actor, AuditAction.CHANGE, course, "course.student_removed", subject=row.account)
    for key in keys_of(row).filter(state=Key.State.ACTIVE).select_related("owner", "team"):
        _end(key, actor)


def keys_of(student: Student) -> QuerySet[Key]:
    """Return the student's keys of this course, ended ones too."""
    if student.account_id is None:
        return Key.objects.filter(student=student)
    return Key.objects.filter(team__course=student.course_id, owner=student.account_id, handed_out=False)


def repair_students() -> int:
    """End keys of people who left while they got one, and link keys that no student has; return how many."""
    live = Key.objects.filter(team__isnull=False, state=Key.State.ACTIVE).select_related("owner", "team")
    same = Q(course__team=OuterRef("team"), account=OuterRef("owner"))
    handed_out = Student.objects.current().filter(key=OuterRef("pk"))
    made_for_whom_left = Student.objects.filter(pk=OuterRef("request_id"), left_at__isnull=False)
    outside = live.filter(
        Q(handed_out=False) & ~Exists(Student.objects.current().filter(same))
        | Q(handed_out=True, student__isnull=False) & ~Exists(handed_out)
        | Q(handed_out=True, student=None) & Exists(made_for_whom_left)
    )
    repaired = link_made_keys()
    for key in outside.filter(team__course__isnull=False):
        _end(key, BY_THE_PORTAL)
        repaired += 1
    for key in live.filter(kind=Key.Kind.COURSE, handed_out=False, student=None, team__course__isnull=False):
        student = Student.objects.current().filter(course__team=key.team_id, account=key.owner_id).first()
        repaired += student is not None and _link(student, key)
    return repaired


def _check(course: Course, student: Student) -> None:
    """Refuse where the course, or the student's place in it, allows no key now."""
    refusals = {Course.State.DRAFT: "course.draft", Course.State.ENDED: "course.ended"}
    if course.state in refusals:
        raise CourseRefused(refusals[Course.State(course.state)])
    if course.state == Course.State.FROZEN:
        raise CourseRefused("course.frozen")
    if course.team.is_over:
        raise CourseRefused("course.ended")
    if course.starts_at > timezone.now():
        raise CourseRefused("course.not_begun", when=course.starts_at.isoformat())
    if Student.objects.filter(pk=student.pk).exclude(left_at=None).exists():
        raise CourseRefused("course.left")


@transaction.atomic
def _link(student: Student, key: Key) -> bool:
    """Record the student's key, unless they left meanwhile."""
    row = Student.objects.select_for_update().get(pk=student.pk)
    if row.left_at is not None:
        return False
    row.key = key
    row.save(update_fields=["key"])
    student.key = key
    return True


def _end(key: Key, actor: Actor) -> None:
    """Delete a key; the sweep goes on if the gateway fails, since the deletion is committed."""
    try:
        keys.end_team_key(key=key, actor=actor)
    except GatewayError as error:
        logger.warning("key of a course: the gateway has not deleted it yet, %s", error)
    except keys.KeyRefused:
        return
