"""Invite the people of a list: a plan for each row, and then the accounts, interns and mails."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from enum import StrEnum
from typing import Final

from django.contrib.auth.models import Group
from django.db import IntegrityError, transaction
from django.utils.translation import gettext as _

from accounts.audit import Actor, record_person_change
from accounts.invitations import free_username, invite, send_soon
from accounts.models import AuditAction, AuditOutcome, Invitation, User
from accounts.policies import Allowances
from accounts.quotas import QuotaExceeded, consume
from accounts.rights import groups_to_give, may_change, update_staff_status
from keys.models import Intern
from keys.services.trail import audit_intern
from keys.typed_people import why_not_address, why_not_name
from people.invite_list import Entry

MAX_AN_HOUR: Final = 1000  # people invited by one person
MAX_INTERN_NAME: Final = 100


class InvitationQuotaExceeded(Exception):
    """More than MAX_AN_HOUR people; nobody was invited."""


class Outcome(StrEnum):
    """The plan for a row."""

    NEW = "new"
    AGAIN = "again"  # an invitation to this address was withdrawn
    EXISTS = "exists"
    REFUSED = "refused"


@dataclass(frozen=True, slots=True, kw_only=True)
class Planned:
    """A row, and its plan."""

    entry: Entry
    outcome: Outcome
    why: list[str] = field(default_factory=list)  # reasons of a refusal
    groups: tuple[Group, ...] = ()
    supervisor: User | None = None
    person: User | None = None  # the account with the address

    @property
    def is_invited(self) -> bool:
        """Whether it leads to a mail."""
        return self.outcome in (Outcome.NEW, Outcome.AGAIN)


def plan_invitations(
    entries: Sequence[Entry], *, inviter: User, groups: Iterable[Group], by_institution: bool, today: date
) -> list[Planned]:
    """Return the plan for each row when `inviter` invites them and gives all of them `groups`.

    Nobody with rights is invited to sign in with the institution, which links no such account by its address.
    """
    planner = _Planner.load(entries, inviter, tuple(groups), by_institution, today)
    return [planner.plan(entry) for entry in entries]


def invite_people(
    entries: Sequence[Entry], *, inviter: User, groups: Iterable[Group], by_institution: bool, today: date, actor: Actor
) -> list[Planned]:
    """Create the accounts, all or none, and send the mails; return the result of each row.

    Idempotent: existing accounts stay as they are. Raises InvitationQuotaExceeded.
    """
    chosen = tuple(groups)
    try:
        return _invite_people(entries, chosen, by_institution, today, inviter, actor)
    except IntegrityError:  # another request has created one of the accounts meanwhile
        return _invite_people(entries, chosen, by_institution, today, inviter, actor)


@transaction.atomic
def _invite_people(
    entries: Sequence[Entry], groups: tuple[Group, ...], by_institution: bool, today: date, inviter: User, actor: Actor
) -> list[Planned]:
    planned = plan_invitations(entries, inviter=inviter, groups=groups, by_institution=by_institution, today=today)
    invited = [each for each in planned if each.is_invited]
    try:
        if invited:
            consume(inviter, "people:invited", limit=MAX_AN_HOUR, amount=len(invited))
    except QuotaExceeded as exceeded:
        raise InvitationQuotaExceeded from exceeded
    usernames = {name.lower() for name in User.objects.values_list("username", flat=True)}
    people = [_open_account(each, usernames, actor) for each in invited]
    invite(*people, by_institution=by_institution)
    update_staff_status(User.objects.filter(pk__in=[person.pk for person in people]))
    transaction.on_commit(send_soon, robust=True)
    return planned


def _open_account(planned: Planned, usernames: set[str], actor: Actor) -> User:
    """Create the account of a row, or open it again; with groups, intern and audit entry."""
    entry, person = planned.entry, planned.person
    if person is None:
        person = User(username=free_username(entry.email, usernames), email=entry.email)
        person.first_name, person.last_name = entry.first_name, entry.last_name
    person.is_active = True
    person.set_unusable_password()
    person.save()
    before = sorted(person.groups.values_list("name", flat=True)) if planned.person else []
    person.groups.add(*planned.groups)
    after = sorted({*before, *(group.name for group in planned.groups)})
    changes = {"groups": [before, after]} if before != after else {}
    record_person_change(actor=actor, action=AuditAction.INVITE, person=person, changes=changes)
    if planned.supervisor:
        _make_intern(planned.supervisor, person, entry, actor)
    return person


def _make_intern(supervisor: User, person: User, entry: Entry, actor: Actor) -> None:
    """Make the person an intern of the supervisor; an existing intern with this address is linked to the account."""
    known = Intern.objects.supervised_by(supervisor).filter(email=entry.email)
    if known.exists():
        known.filter(account=None).update(account=person)
        return
    name = (entry.name or person.username)[:MAX_INTERN_NAME]
    intern = Intern.objects.create(
        supervisor=supervisor, name=name, email=entry.email, stay_ends_on=entry.ends_on, account=person
    )
    audit_intern(actor, AuditAction.ISSUE, AuditOutcome.DONE, intern)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Planner:
    """The data about the people in a list, read at once."""

    inviter: User
    common: tuple[Group, ...]  # for all of them
    today: date
    accounts: Mapping[str, User]  # by address
    withdrawn: frozenset[int]  # people whose invitation was withdrawn
    groups: Mapping[str, Group]  # that the inviter can give, by name in lower case
    refused_groups: frozenset[str]  # that they cannot give
    supervisors: Mapping[str, list[User]]  # by user name, address or name in lower case
    allowances: Allowances  # of supervisors
    first_lines: dict[str, int]  # of planned addresses
    with_rights: frozenset[int]  # groups that are not given to people who sign in with the institution
    stays: Mapping[tuple[int, str], date | None]  # of existing interns, by supervisor and address

    @classmethod
    def load(
        cls, entries: Sequence[Entry], inviter: User, common: tuple[Group, ...], by_institution: bool, today: date
    ) -> "_Planner":
        found = User.objects.filter(email__in={entry.email for entry in entries} - {""})
        accounts = {person.email: person for person in found}
        withdrawn = Invitation.objects.filter(person__in=accounts.values(), person__last_login=None)
        has_groups = any(entry.groups for entry in entries)
        may_give = {group.name.lower(): group for group in groups_to_give(inviter)} if has_groups else {}
        all_groups = {name.lower() for name in Group.objects.values_list("name", flat=True)} if has_groups else set()
        with_rights = Group.objects.filter(permissions__isnull=False) if by_institution else Group.objects.none()
        has_supervisors = any(entry.supervisor for entry in entries)
        interns = Intern.objects.filter(email__in={entry.email for entry in entries} - {""}) if has_supervisors else []
        return cls(
            inviter=inviter,
            common=common,
            today=today,
            accounts=accounts,
            withdrawn=frozenset(withdrawn.exclude(withdrawn_at=None).values_list("pk", flat=True)),
            groups=may_give,
            refused_groups=frozenset(all_groups - may_give.keys()),
            supervisors=_by_name() if has_supervisors else {},
            allowances=Allowances.load() if has_supervisors else Allowances([], [], [], []),
            first_lines={},
            with_rights=frozenset(with_rights.values_list("pk", flat=True)),
            stays={(intern.supervisor_id, intern.email): intern.stay_ends_on for intern in interns},
        )

    def plan(self, entry: Entry) -> Planned:
        """Return the plan for a row; of a repeated address, the first counts."""
        groups, supervisor = self._groups_of(entry), self._supervisor_of(entry)
        why = [
            *entry.problems,
            *why_not_address(entry.email),
            *why_not_name(entry.first_name, entry.last_name),
            *self._why_not_groups(entry),
        ]
        why += self._why_not_intern(entry, supervisor)
        person = self.accounts.get(entry.email)
        if entry.email and entry.email in self.first_lines:
            words = _("The same address is on line %(line)d.")
            why = [words % {"line": self.first_lines[entry.email]}]
        self.first_lines.setdefault(entry.email, entry.line)
        outcome = Outcome.NEW
        if why:
            outcome = Outcome.REFUSED
        elif person:
            may_return = person.pk in self.withdrawn and not person.is_active and not person.anonymised_at
            outcome = Outcome.AGAIN if may_return and may_change(self.inviter, person) else Outcome.EXISTS
        return Planned(entry=entry, outcome=outcome, why=why, groups=groups, supervisor=supervisor, person=person)

    def _groups_of(self, entry: Entry) -> tuple[Group, ...]:
        named = (self.groups[name.lower()] for name in entry.groups if name.lower() in self.groups)
        return tuple(dict.fromkeys([*self.common, *named]))

    def _why_not_groups(self, entry: Entry) -> list[str]:
        unknown = [name for name in entry.groups if name.lower() not in self.groups]
        return [
            (
                _("You cannot give the group “%(name)s”: it has more rights than you.")
                if name.lower() in self.refused_groups
                else _("There is no group “%(name)s”.")
            )
            % {"name": name[:60]}
            for name in unknown
        ] + [
            _("The group “%(name)s” gives rights: invite this person with a password.") % {"name": group.name[:60]}
            for group in self._groups_of(entry)
            if group.pk in self.with_rights
        ]

    def _supervisor_of(self, entry: Entry) -> User | None:
        found = self.supervisors.get(" ".join(entry.supervisor.lower().split()), [])
        return found[0] if len(found) == 1 else None

    def _why_not_intern(self, entry: Entry, supervisor: User | None) -> list[str]:
        """Return why this row creates no intern, if it names a supervisor or the end of a stay."""
        if not entry.supervisor:
            return [_("An end of stay needs a supervisor.")] if entry.ends_on else []
        name = {"name": entry.supervisor[:60]}
        if supervisor is None:
            several = self.supervisors.get(" ".join(entry.supervisor.lower().split()))
            if several:
                return [_("Several people are called “%(name)s”: write the user name or the e-mail address.") % name]
            return [_("There is no supervisor “%(name)s”.") % name]
        if not self.allowances.of(supervisor.pk).may_name_interns:
            return [_("“%(name)s” may not have interns.") % name]
        if entry.ends_on and entry.ends_on < self.today:
            return [_("The end of the stay is in the past.")]
        if len(entry.name) > MAX_INTERN_NAME:
            return [_("The name is too long.")]
        known = (supervisor.pk, entry.email)
        if entry.ends_on and self.stays.get(known, entry.ends_on) != entry.ends_on:
            return [_("The supervisor has this intern already, with another end of stay: change it there first.")]
        return []


def _by_name() -> dict[str, list[User]]:
    """Return the people with an open account, by each name that a list can use for them."""
    found: dict[str, list[User]] = {}
    for person in User.objects.filter(is_active=True, anonymised_at=None):
        for name in {person.username.lower(), person.email, person.get_full_name().lower()} - {""}:
            found.setdefault(name, []).append(person)
    return found
