"""Add the students of a list: a plan for each line, and then the accounts, rows and mails."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

from django.db import IntegrityError, transaction
from django.urls import reverse
from django.utils.translation import gettext as _

from accounts.audit import Actor, record_person_change
from accounts.identity_providers import identity_providers
from accounts.invitations import free_username, invite, send_soon
from accounts.mails import send_later
from accounts.models import AuditAction, User
from accounts.people_list import Row
from accounts.quotas import QuotaExceeded, consume
from accounts.rights import update_staff_status
from accounts.services import unverified_among
from courses.models import Course, Student
from courses.services.joining import room_in
from courses.services.trail import audit
from courses.student_list import number_of, why_not_lengths
from keys.forms import clean_line
from keys.typed_people import why_not_address, why_not_name
from web.addresses import absolute

MAX_AN_HOUR: Final = 1000  # accounts made by one teacher


class StudentQuotaExceeded(Exception):
    """More than MAX_AN_HOUR new accounts; nobody was added."""


class Outcome(StrEnum):
    """The plan for a line."""

    NEW = "new"  # gets an account, and an invitation
    KNOWN = "known"  # has an account, and gets a mail
    STUDENT = "student"  # is in the course already
    REFUSED = "refused"


@dataclass(frozen=True, slots=True, kw_only=True)
class Planned:
    """A line, and its plan."""

    row: Row
    outcome: Outcome
    why: list[str] = field(default_factory=list)  # reasons of a refusal
    person: User | None = None  # the account with the address

    @property
    def number(self) -> str:
        """The student number; "" for none."""
        return number_of(self.row)

    @property
    def is_added(self) -> bool:
        """Whether it leads to a new student."""
        return self.outcome in (Outcome.NEW, Outcome.KNOWN)


def plan_students(rows: Sequence[Row], course: Course) -> list[Planned]:
    """Return the plan for each line; of a repeated address the first counts, and a full course takes no more."""
    addresses = {row.email for row in rows} - {""}
    accounts = {person.email: person for person in User.objects.filter(email__in=addresses)}
    known = _known_of(course, list(accounts.values()), addresses)
    room, lines, planned = room_in(course), dict[str, int](), list[Planned]()
    for row in rows:
        plan = _plan(row, accounts.get(row.email), known, lines)
        if plan.is_added and room < 1:
            plan = Planned(row=row, outcome=Outcome.REFUSED, why=[_("The course is full.")])
        room -= plan.is_added
        planned.append(plan)
    return planned


@dataclass(frozen=True, slots=True, kw_only=True)
class _Known:
    """The ids of accounts of a list, by what they are to the course; and addresses."""

    present: set[int]  # students
    teachers: set[int]
    unverified: set[int]
    addresses: set[str]  # with which students were added: their accounts may have others now


def _known_of(course: Course, people: list[User], addresses: set[str]) -> _Known:
    students = course.students.current()
    return _Known(
        present=set(students.filter(account__in=people).values_list("account", flat=True)),
        teachers=set(course.teachers.filter(person__in=people).values_list("person", flat=True)),
        unverified=unverified_among(people),
        addresses=set(students.filter(email__in=addresses).values_list("email", flat=True)),
    )


def _plan(row: Row, person: User | None, known: _Known, lines: dict[str, int]) -> Planned:
    why = [*row.problems, *why_not_address(row.email), *why_not_name(row.first_name, row.last_name)]
    why += [*why_not_lengths(row), *_why_not_number(row)]
    if row.email and row.email in lines:
        why = [_("The same address is on line %(line)d.") % {"line": lines[row.email]}]
    lines.setdefault(row.email, row.line)
    if person and not why:
        why = _why_not_person(person, known)
    if why:
        return Planned(row=row, outcome=Outcome.REFUSED, why=why)
    if person is None:
        return Planned(row=row, outcome=Outcome.STUDENT if row.email in known.addresses else Outcome.NEW)
    outcome = Outcome.STUDENT if person.pk in known.present else Outcome.KNOWN
    return Planned(row=row, outcome=outcome, person=person)


def _why_not_person(person: User, known: _Known) -> list[str]:
    """Return why an account cannot become a student, or be one."""
    if not person.is_active:
        return [_("This account is not active. Contact the administrators.")]
    if person.pk in known.teachers:
        return [_("This person teaches the course.")]
    if person.pk in known.present:
        return []
    if person.email in known.addresses:
        return [_("Another student of the course was added with this address.")]
    if person.pk in known.unverified:
        return [_("The address of this account is not confirmed. The person can confirm it under Account.")]
    return []


def _why_not_number(row: Row) -> list[str]:
    return why_not_name(number_of(row), "")


def add_students(rows: Sequence[Row], *, course: Course, actor: Actor) -> list[Planned]:
    """Add the students, all that the plan adds or none, and send the mails; return the plan as carried out.

    Idempotent: whoever is in the course stays as they are. Raises StudentQuotaExceeded.
    """
    try:
        return _add_students(rows, course, actor)
    except IntegrityError:  # another request has created one of the accounts meanwhile
        return _add_students(rows, course, actor)


@transaction.atomic
def _add_students(rows: Sequence[Row], course: Course, actor: Actor) -> list[Planned]:
    locked = Course.objects.select_for_update(of=("self",)).select_related("team").get(pk=course.pk)
    if locked.is_over:
        return [Planned(row=row, outcome=Outcome.REFUSED, why=[_("This course has ended.")]) for row in rows]
    planned = plan_students(rows, locked)
    people = _open_accounts([each for each in planned if each.outcome == Outcome.NEW], locked, actor)
    added = [each for each in planned if each.is_added]
    accounts = [each.person or people[each.row.email] for each in added]
    Student.objects.bulk_create(
        Student(
            course=locked,
            account=person,
            name=clean_line(each.row.name),
            email=each.row.email,
            number=clean_line(each.number),
            source=Student.Source.LIST,
            is_invited=each.outcome == Outcome.NEW,
        )
        for each, person in zip(added, accounts, strict=True)
    )
    if added:
        audit(actor, AuditAction.CHANGE, locked, "course.students_added", count=len(added))
    if locked.state in Course.RUNNING:
        mail_students(locked, [each.person for each in added if each.person])
    return planned


def mail_students(course: Course, people: Iterable[User], kind: str = "course_added") -> None:
    """Write to people with an account that they are in a course, or that it has ended; after the commit, by tasks."""
    link = absolute(reverse("courses:attended", args=[course.pk]))
    for person in people:
        if person.email and person.is_active:
            send_later(kind, person, label=course.name, course_link=link)


def listed_with_account(course: Course) -> list[User]:
    """Return the students of a draft's list who had an account; the others were invited when they were added."""
    return list(User.objects.filter(attends__course=course, attends__left_at=None, attends__is_invited=False))


def _open_accounts(planned: Sequence[Planned], course: Course, actor: Actor) -> Mapping[str, User]:
    """Create the accounts of new people, and their invitations; by address."""
    if not planned:
        return {}
    teacher = actor.user
    try:
        if teacher:
            consume(teacher, "courses:invited", limit=MAX_AN_HOUR, amount=len(planned))
    except QuotaExceeded as exceeded:
        raise StudentQuotaExceeded from exceeded
    usernames = {name.lower() for name in User.objects.values_list("username", flat=True)}
    people = {each.row.email: _open_account(each.row, usernames, actor) for each in planned}
    invite(*people.values(), by_institution=bool(identity_providers()), about=course.name)
    update_staff_status(User.objects.filter(pk__in=[person.pk for person in people.values()]))
    transaction.on_commit(send_soon, robust=True)
    return people


def _open_account(row: Row, usernames: set[str], actor: Actor) -> User:
    person = User(username=free_username(row.email, usernames), email=row.email)
    person.first_name, person.last_name = row.first_name, row.last_name
    person.set_unusable_password()
    person.save()
    record_person_change(actor=actor, action=AuditAction.INVITE, person=person)
    return person
