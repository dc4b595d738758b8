"""Keys for students without accounts: made all at once for one file, whose secrets are kept nowhere.

The keys belong to the teacher who makes them, and are handed out. Each key is of one student: its `request_id` is the
student's id, so a file that broke midway, or was asked for twice, makes no second one.
"""

import logging
from collections.abc import Generator, Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from django.db import transaction
from django.db.models import Q, QuerySet
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.debug import sensitive_variables

from accounts.audit import Actor
from accounts.models import AuditAction, User
from courses.models import Course, Student
from courses.services.joining import room_in
from courses.services.trail import audit
from gateway.errors import GatewayError, GatewayUnavailable
from gateway.secret import Secret
from keys.models import Key
from keys.services import FreshKey, KeyRefused, delete_key, issue_team_key, rotate_key

logger = logging.getLogger(__name__)
MOST_AT_ONCE: Final = 500  # students added by one form
WITHOUT_KEY: Final = Q(key=None) | Q(key__state__in=Key.OVER_STATES)


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """A line of the file: a student with a new secret, or why there is none."""

    student: Student
    secret: Secret | None = None
    problem: str = ""


@transaction.atomic
def add_by_name(*, course: Course, names: Sequence[str], actor: Actor) -> int:
    """Add students without accounts, as many as there is room for, each name once; return how many."""
    locked = Course.objects.select_for_update(of=("self",)).select_related("team").get(pk=course.pk)
    if locked.is_over:
        return 0
    known = set(locked.students.current().filter(account=None).values_list("name", flat=True))
    new = [name for name in dict.fromkeys(names) if name not in known][: max(0, room_in(locked))]
    Student.objects.bulk_create(Student(course=locked, name=name, source=Student.Source.FILE) for name in new)
    if new:
        audit(actor, AuditAction.CHANGE, locked, "course.students_added", count=len(new))
    return len(new)


def in_order(course: Course) -> QuerySet[Student]:
    """Return the present students without accounts, in the order of the file."""
    own = course.students.current().filter(account=None).order_by("joined_at", "name", "pk")
    return own.select_related("course__team", "key").prefetch_related("key__tokens")


def without_key(students: QuerySet[Student]) -> QuerySet[Student]:
    """Keep those who can get a key: they had none, or it has ended."""
    return students.filter(WITHOUT_KEY)


def link_made_keys(course: Course | None = None) -> int:
    """Give students the keys that were made for them, where a process ended before it said so; return how many.

    Those of a course, or of all. One whose answer is awaited, or was lost, is left out: it may fail.
    """
    keys = Key.objects.filter(handed_out=True, state=Key.State.ACTIVE, student=None, request_id__isnull=False)
    made = {key.request_id: key for key in (keys.filter(team=course.team) if course else keys)}
    lonely = without_key(Student.objects.filter(account=None, pk__in=[pk for pk in made if pk]))
    return sum(link_key(student, made[student.pk]) for student in lonely)


def link_key(student: Student, key: Key) -> bool:
    """Record whose key it is; False if the student has another, or is gone. Idempotent."""
    present = Student.objects.filter(WITHOUT_KEY | Q(key=key), pk=student.pk, left_at=None)
    return bool(present.update(key=key))


def make_keys(students: Iterable[Student], *, owner: User, actor: Actor) -> Generator[Line]:
    """Make a key for each of these who has none, and yield its secret, once; stop where the gateway fails."""
    for student in students:
        try:
            yield make_key(student, owner, actor)
        except KeyRefused as refusal:
            yield Line(student=student, problem=str(refusal))
        except GatewayError as error:
            yield Line(student=student, problem=_words_of(error))
            return


@sensitive_variables("fresh")
def make_key(student: Student, owner: User, actor: Actor) -> Line:
    """Make the key of a student without an account. Raises KeyRefused, GatewayUnavailable or GatewayRejected."""
    fresh = issue_team_key(
        team=student.course.team,
        owner=owner,
        actor=actor,
        label=student.name,
        handed_out=True,
        request_id=student.pk,
        last=student.key,
    )
    if link_key(student, fresh.key):
        return _line(student, fresh)
    try:
        delete_key(key=fresh.key, actor=actor)  # another teacher's file was faster, or the student is gone
    except GatewayError as error:  # the sweep goes on with it
        logger.warning("file_keys: a key that nobody has seen is not deleted yet, %s", error)
    return Line(student=student, problem=_("Another file has this key."))


def replace_keys(students: Iterable[Student], *, actor: Actor) -> Generator[Line]:
    """Replace the secret of each key, and yield the new one, once; stop where the gateway fails."""
    for student in students:
        try:
            key = Key.objects.select_related("owner", "team").prefetch_related("tokens").get(student=student)
            yield _line(student, rotate_key(key=key, actor=actor))
        except KeyRefused as refusal:
            yield Line(student=student, problem=str(refusal))
        except GatewayError as error:
            yield Line(student=student, problem=_words_of(error))
            return


def record_file(course: Course, code: str, count: int, actor: Actor) -> None:
    """Record that a file was asked for; each of its keys has an entry of its own."""
    audit(actor, AuditAction.CHANGE, course, code, count=count)


def _line(student: Student, fresh: FreshKey) -> Line:
    return Line(student=student, secret=Secret(fresh.secret))


def _words_of(error: GatewayError) -> str:
    if isinstance(error, GatewayUnavailable):
        return _("The gateway does not answer. This key and those after it were not made. Try again in five minutes.")
    return _("The gateway refused. This key and those after it were not made. Contact the administrators.")


def is_open(course: Course) -> bool:
    """Tell whether keys can be made now."""
    return course.state == Course.State.OPEN and course.team.ends_at > timezone.now()
