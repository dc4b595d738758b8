"""Who teaches a course: several people with the same rights, never nobody."""

from django.db import transaction

from accounts.audit import Actor
from accounts.models import AuditAction, User
from courses.models import Course, CourseTeacher
from courses.services.refusals import CourseRefused
from courses.services.states import lock
from courses.services.trail import audit


@transaction.atomic
def add_teacher(*, course: Course, person: User, actor: Actor) -> None:
    """Make a person a teacher of the course. Raises CourseRefused."""
    locked = lock(course.pk)
    if locked.teachers.filter(person=person).exists():
        raise CourseRefused("course.teacher_known")
    if locked.students.current().filter(account=person).exists():
        raise CourseRefused("course.teacher_student")
    CourseTeacher.objects.create(course=locked, person=person)
    audit(actor, AuditAction.CHANGE, locked, "course.teacher_added", subject=person)


@transaction.atomic
def remove_teacher(*, course: Course, person: User, actor: Actor) -> None:
    """Take the course from a teacher, who no longer sees it; never from the last one. Raises CourseRefused."""
    locked = lock(course.pk)
    if not locked.teachers.exclude(person=person).filter(person__is_active=True).exists():
        raise CourseRefused("course.last_teacher")
    removed, _rows = locked.teachers.filter(person=person).delete()
    if removed:
        audit(actor, AuditAction.CHANGE, locked, "course.teacher_removed", subject=person)
