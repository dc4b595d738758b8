"""Groups: create, rename and delete; add and remove members, with the reasons why some are left out."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from functools import partial
from typing import Any, Final

from django.contrib.auth.models import Group
from django.db import IntegrityError, transaction
from django.db.models import Q, QuerySet
from django.db.models.functions import Lower
from django.utils.translation import gettext as _

from accounts.audit import Actor, record_group_change, record_people_changes, record_policy_change
from accounts.group_rules import why_not_deleted, why_not_named, why_protected, with_origins
from accounts.identity_providers import identity_providers
from accounts.models import AuditAction, Policy, User
from accounts.policies import is_own_policy
from accounts.rights import groups_to_give, people_above, update_staff_status
from people.services.bulk import BulkAction, Chosen, choose
from web.tasks import ask_worker

NAMES_AT_ONCE: Final = 500


class GroupRefused(Exception):
    """The group is unchanged; the text explains it to the person."""


class MemberAction(StrEnum):
    """An action on members."""

    ADD = "add"
    REMOVE = "remove"


def is_claimable(group: Any) -> bool:
    """Return whether the institution may give the group by its name: any that grants no permission."""
    return not group.gives_rights and any(not each.can_give for each in identity_providers())


@transaction.atomic
def create_group(*, name: str, actor: Actor) -> Group:
    """Create a group without a policy of its own: the default one applies. Raises GroupRefused."""
    _check_name(name, actor)
    group = _saved(Group(name=name))
    record_group_change(actor=actor, action=AuditAction.ISSUE, group=group)
    return group


@transaction.atomic
def rename_group(*, group: Group, name: str, actor: Actor) -> None:
    """Rename a group; members and policy stay. Raises GroupRefused.

    Only superusers rename one with a policy: claims match the name, so another name could make somebody a member at
    their next sign-in, such as the actor.
    """
    group = _locked(group, actor)
    before, group.name = group.name, name
    if before != name:
        if actor.user and not actor.user.is_superuser and Policy.objects.filter(group=group).exists():
            raise GroupRefused(_("This group has a policy, so only a superuser can rename it."))
        _check_name(name, actor)
        _saved(group)
        record_group_change(actor=actor, action=AuditAction.CHANGE, group=group, changes={"name": [before, name]})


@transaction.atomic
def delete_group(*, group: Group, actor: Actor) -> None:
    """Delete a group with its policy: its members keep what their other policies give. Raises GroupRefused."""
    group = _locked(group, actor)
    members = list(group.user_set.select_for_update().order_by("pk").prefetch_related("groups"))
    if why := why_not_deleted(group, actor.user):
        raise GroupRefused(why)
    _record_groups(members, group, actor, joins=False)
    for policy in Policy.objects.filter(group=group):
        record_policy_change(actor=actor, action=AuditAction.DELETE, policy=policy)
    record_group_change(actor=actor, action=AuditAction.DELETE, group=group)
    group.delete()
    transaction.on_commit(partial(ask_worker, "keys.apply_policies"), robust=True)


def _locked(group: Group, actor: Actor) -> Group:
    """Return the group as it is now, locked. Raises GroupRefused if it is protected, the actor's, or deleted."""
    found = _found(with_origins(Group.objects.select_for_update()), group)
    if why := why_protected(found):
        raise GroupRefused(why)
    if actor.user and is_own_policy(actor.user, found):
        raise GroupRefused(_("This group applies to you, so somebody else has to change it."))
    return found


def _found(groups: QuerySet[Group], group: Group) -> Group:
    """Return the group as it is now. Raises GroupRefused if it is deleted."""
    found = groups.filter(pk=group.pk).first()
    if found is None:
        raise GroupRefused(_("This group has been deleted in the meantime."))
    return found


def _check_name(name: str, actor: Actor) -> None:
    if why := why_not_named(name, actor.user):
        raise GroupRefused(why)


def _saved(group: Group) -> Group:
    """Save a group. Raises GroupRefused if another has its name."""
    words = _("There is already a group of this name.")
    if Group.objects.filter(name__iexact=group.name).exclude(pk=group.pk).exists():
        raise GroupRefused(words)
    try:
        with transaction.atomic():
            group.save()
    except IntegrityError as error:  # another request was faster
        raise GroupRefused(words) from error
    return group


# --- Members ----------------------------------------------------------------------------------------
@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """The people named in a pasted list."""

    ids: tuple[int, ...] = ()
    unknown: tuple[str, ...] = ()  # no user name or address of anybody
    ambiguous: tuple[str, ...] = ()  # the user name of one person and the address of another


def find_named(text: str) -> Found:
    """Return the people whose user names or e-mail addresses are in a text; a name before an <address> is ignored.

    Raises ValueError for more than NAMES_AT_ONCE names.
    """
    names = list(dict.fromkeys(name.lower() for part in re.split(r"[,;\n\t]", text) for name in _names_in(part)))
    if len(names) > NAMES_AT_ONCE:
        raise ValueError(len(names))
    people = User.objects.annotate(login=Lower("username")).filter(Q(login__in=names) | Q(email__in=names))
    by_name: dict[str, set[int]] = {name: set() for name in names}
    for pk, login, email in people.values_list("pk", "login", "email"):
        for name in {login, email} & by_name.keys():
            by_name[name].add(pk)
    return Found(
        ids=tuple(dict.fromkeys(pk for found in by_name.values() if len(found) == 1 for pk in found)),
        unknown=tuple(name for name, found in by_name.items() if not found),
        ambiguous=tuple(name for name, found in by_name.items() if len(found) > 1),
    )


def _names_in(part: str) -> list[str]:
    addresses = re.findall(r"<([^<>\s]+)>", part)
    return addresses or part.replace("\0", "").split()


def choose_members(ids: Iterable[int], *, group: Group, action: MemberAction, admin: User) -> list[Chosen]:
    """Return these people by name, with the reasons why some are left out, such as being a member already.

    Members by the institution's sign-in are not removed: the next sign-in would add them again.
    """
    chosen = choose(ids, bulk_action=BulkAction.GROUP, admin=admin)
    members = set(group.user_set.values_list("pk", flat=True))
    by_institution: set[int] = set()
    if action == MemberAction.REMOVE:
        given = User.institution_groups.through.objects.filter(group=group)
        by_institution.update(given.values_list("user_id", flat=True))
    reasons = {
        pk: why
        for pk in (each.person.pk for each in chosen)
        if (why := _why_not(action, is_member=pk in members, by_institution=pk in by_institution))
    }
    return [each if each.why_not else replace(each, why_not=reasons.get(each.person.pk, "")) for each in chosen]


def _why_not(action: MemberAction, *, is_member: bool, by_institution: bool) -> str:
    if action == MemberAction.ADD:
        return _("is in the group already") if is_member else ""
    if not is_member:
        return _("is not in the group")
    return _("the institution gives the group at each sign-in") if by_institution else ""


def add_to_group(people: Sequence[User], *, group: Group, actor: Actor) -> int:
    """Add people to a group; return how many were not in it. One audit entry each. Raises GroupRefused."""
    return _change_members(people, group, actor, joins=True)


def remove_from_group(people: Sequence[User], *, group: Group, actor: Actor) -> int:
    """Remove people from a group; return how many were in it. One audit entry each. Raises GroupRefused."""
    return _change_members(people, group, actor, joins=False)


@transaction.atomic
def _change_members(people: Sequence[User], group: Group, actor: Actor, *, joins: bool) -> int:
    # The lock is one that lets other transactions refer to the group, as invitations do.
    group = _found(Group.objects.select_for_update(no_key=True), group)
    locked = User.objects.select_for_update().filter(pk__in=[person.pk for person in people]).order_by("pk")
    if actor.user:
        if not groups_to_give(actor.user).filter(pk=group.pk).exists():
            raise GroupRefused(_("This group now gives rights that you do not have."))
        locked = locked.exclude(pk__in=people_above(actor.user))
    changed = [person for person in locked.prefetch_related("groups") if (group in person.groups.all()) != joins]
    _record_groups(changed, group, actor, joins=joins)
    if joins:
        group.user_set.add(*changed)
    else:
        group.user_set.remove(*changed)
    update_staff_status(User.objects.filter(pk__in=[person.pk for person in changed]))
    transaction.on_commit(partial(ask_worker, "keys.apply_policies"), robust=True)
    return len(changed)


def _record_groups(people: Iterable[User], group: Group, actor: Actor, *, joins: bool) -> None:
    """Record each person's former and present groups."""
    changes = []
    for person in people:
        before = {each.name for each in person.groups.all()}
        after = before | {group.name} if joins else before - {group.name}
        changes.append((person, {"groups": [sorted(before), sorted(after)]}))
    record_people_changes(actor=actor, changes=changes)
