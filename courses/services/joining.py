"""How students come into a course: by its link, by a claim of the institution; and the settings of the link."""

from collections.abc import Iterable
from datetime import datetime
from typing import Final

from django.db import transaction
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from accounts.audit import BY_THE_PORTAL, Actor
from accounts.models import AuditAction, User
from accounts.services import unverified_among
from courses.models import Course, Student
from courses.services.join_codes import derive_code, hash_of
from courses.services.trail import audit

REASONS: Final = {
    "closed": _("This link no longer works. Ask your teacher for the present one."),
    "not_open": _("This course is not open yet. Try again when your teacher has opened it."),
    "over": _("This course has ended."),
    "full": _("This course is full. Contact your teacher."),
    "domain": _("This course is only for addresses of: %(domains)s. Your account has another address."),
    "unverified": _("This course is only for addresses of: %(domains)s. Confirm your address first, under Account."),
    "teacher": _("You teach this course."),
    "left": _("You were in this course before. Only a teacher can add you again."),
}


class JoinRefused(Exception):
    """The person cannot join; nothing has changed. `code` is one of REASONS."""

    def __init__(self, code: str, **details: str) -> None:
        super().__init__(str(REASONS[code]) % details)
        self.code = code


def course_of_code(code: str) -> Course | None:
    """Return the course to which a code leads now, whatever its state."""
    return Course.objects.select_related("team").filter(join_hash=hash_of(code)).first()


def check_joinable(course: Course, person: User) -> None:
    """Raise JoinRefused where this person cannot join by the link now."""
    now = timezone.now()
    if course.state == Course.State.DRAFT:
        raise JoinRefused("not_open")
    if course.state == Course.State.ENDED or course.team.ends_at <= now:
        raise JoinRefused("over")
    if course.join_hash is None or (course.join_until and course.join_until <= now):
        raise JoinRefused("closed")
    if course.teachers.filter(person=person).exists():
        raise JoinRefused("teacher")
    _check_domain(course, person)
    if course.students.filter(account=person).exclude(left_at=None).exists():
        raise JoinRefused("left")  # a new key would have a new budget
    if room_in(course) < 1:
        raise JoinRefused("full")


def _check_domain(course: Course, person: User) -> None:
    domains = ", ".join(course.join_domains)
    if domains and person.email.rpartition("@")[2] not in course.join_domains:
        raise JoinRefused("domain", domains=domains)
    if domains and unverified_among([person]):
        raise JoinRefused("unverified", domains=domains)


def room_in(course: Course) -> int:
    """Return how many more students the course can have."""
    return course.max_students - course.students.current().count()


@transaction.atomic
def join(*, course: Course, person: User, actor: Actor) -> Student:
    """Make the person a student by the course's link, once. Raises JoinRefused.

    The course's row is locked meanwhile, so that no more come in than it has places, and none by an old code.
    """
    code = course.join_hash
    locked = Course.objects.select_for_update(of=("self",)).select_related("team").get(pk=course.pk)
    present = locked.students.current().filter(account=person).first()
    if present:
        return present
    if locked.join_hash != code:
        raise JoinRefused("closed")
    check_joinable(locked, person)
    return _add(locked, person, Student.Source.LINK, actor)


def _add(course: Course, person: User, source: Student.Source, actor: Actor) -> Student:
    student = Student.objects.create(course=course, account=person, source=source)
    audit(actor, AuditAction.CHANGE, course, "course.joined", subject=person)
    return student


def join_by_claim(person: User, groups: Iterable[str]) -> None:
    """Make a person a student of the open courses for these groups, which the institution names at a sign-in.

    Whoever has been in one before stays as they are, and a full course stays full.
    """
    names = set(groups) - {""}  # "" is the claim of no course
    open_courses = Course.objects.filter(state__in=Course.RUNNING, team__ends_at__gt=timezone.now())
    new = (
        open_courses.filter(claim_group__in=names).exclude(Q(students__account=person) | Q(teachers__person=person))
        if names
        else ()
    )
    for course in new:
        with transaction.atomic():
            locked = Course.objects.select_for_update().get(pk=course.pk)
            if room_in(locked) > 0 and not locked.students.filter(account=person).exists():
                _add(locked, person, Student.Source.CLAIM, BY_THE_PORTAL)


# --- The link -----------------------------------------------------------------------------------------
@transaction.atomic
def renew_code(*, course: Course, actor: Actor) -> None:
    """Make a new code; the one before no longer works."""
    locked = Course.objects.select_for_update().get(pk=course.pk)
    locked.join_serial += 1
    locked.join_hash = hash_of(derive_code(locked))
    locked.save(update_fields=["join_serial", "join_hash"])
    audit(actor, AuditAction.CHANGE, locked, "course.link_renewed")


@transaction.atomic
def close_link(*, course: Course, actor: Actor) -> None:
    """Close the link; students stay. Idempotent."""
    if Course.objects.filter(pk=course.pk).exclude(join_hash=None).update(join_hash=None):
        audit(actor, AuditAction.CHANGE, course, "course.link_closed")


@transaction.atomic
def change_entry(
    *, course: Course, until: datetime | None, domains: Iterable[str], claim_group: str, actor: Actor
) -> None:
    """Set until when the link works, for which addresses, and whose members come in at sign-in."""
    values = {"join_until": until, "join_domains": list(domains), "claim_group": claim_group}
    if Course.objects.filter(pk=course.pk).exclude(**values).update(**values):
        audit(actor, AuditAction.CHANGE, course, "course.entry_changed")
