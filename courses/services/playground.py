"""The Playground of a course's students, which the course pays for: who can use it, and with which key (ADR 34)."""

from uuid import UUID

from django.db.models import F

from accounts.audit import Actor
from accounts.models import User
from courses.models import Course, Student
from courses.services.refusals import CourseRefused
from gateway.secret import Secret
from keys import services as keys


def playground_secret_of(*, person: User, course_id: UUID, actor: Actor) -> Secret:
    """Return the secret of the key with which a course pays for a student's answers; it is created if needed.

    Raises CourseRefused where the course does not pay for them now, and as `course_playground_secret` does.
    """
    course = paying_course(person=person, course_id=course_id)
    return keys.course_playground_secret(owner=person, team_id=course.team_id, actor=actor)


def paying_course(*, person: User, course_id: UUID) -> Course:
    """Return a course that pays for this person's answers now. Raises CourseRefused, with the reason for a student."""
    course = Course.objects.paying_for(person).filter(pk=course_id).first()
    if course is None:
        raise _refusal(person, course_id)
    return course


def _refusal(person: User, course_id: UUID) -> CourseRefused:
    """Return why a course does not pay; nothing about a course that the person never was in."""
    own = Student.objects.filter(account=person, course=course_id).exclude(course__state=Course.State.DRAFT)
    student = own.select_related("course__team").order_by(F("left_at").desc(nulls_first=True)).first()
    if student is None or student.course.team.playground_budget_usd is None:
        return CourseRefused("course.playground_none")
    course = student.course
    if student.left_at is not None:
        return CourseRefused("course.playground_left", name=course.name)
    if course.is_over:
        return CourseRefused("course.playground_ended", name=course.name)
    if course.state == Course.State.FROZEN:
        return CourseRefused("course.playground_frozen", name=course.name)
    return CourseRefused("course.playground_not_begun", name=course.name, when=course.starts_at.isoformat())
