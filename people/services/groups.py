"""Groups: make, rename and delete one; who is put in or taken out, and who is left out and why."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from functools import partial
from typing import Final

from django.conf import settings
from django.contrib.auth.models import Group
from django.db import IntegrityError, transaction
from django.db.models import Q
from django.db.models.functions import Lower
from django.utils.translation import gettext as _

from accounts.audit import Actor, record_group_change, record_person_change, record_policy_change
from accounts.models import AuditAction, Policy, User
from accounts.rights import update_staff_status
from people.services.accounts import ask_worker
from people.services.bulk import BulkAct, Chosen, choose

NAMES_AT_ONCE: Final = 500


class GroupRefused(Exception):
    """The group stays as it is; its text says why, to the person."""


class MemberAct(StrEnum):
    """What is done to members."""

    ADD = "add"
    REMOVE = "remove"


def why_protected(group: Group) -> str:
    """Return why nobody renames or deletes the group on the portal's pages; "" where it may be done."""
    if group.permissions.exists():
        return _("This group gives its members rights. A superuser can rename or delete it in Django’s admin.")
    if is_mapped(group):
        return _(
            "The institution gives this group at sign-in, by its name. Remove it there and from OIDC_GROUPS_ALLOWED "
            "first."
        )
    return ""


def is_mapped(group: Group) -> bool:
    """Return whether the institution's sign-in gives the group: it is named in the settings, or somebody has it so."""
    given = User.institution_groups.through.objects.filter(group=group)
    return is_named_by_institution(group.name) or given.exists()


def is_named_by_institution(name: str) -> bool:
    """Return whether the settings say that the institution may give a group of this name."""
    return bool(settings.OIDC_ISSUER) and name in settings.OIDC_GROUPS_ALLOWED


@transaction.atomic
def create_group(*, name: str, actor: Actor) -> Group:
    """Make a group, without a policy of its own: the default one counts. GroupRefused where the name is taken."""
    group = _saved(Group(name=name))
    record_group_change(actor=actor, action=AuditAction.ISSUE, group=group)
    return group


@transaction.atomic
def rename_group(*, group: Group, name: str, actor: Actor) -> None:
    """Give a group another name; members and policy stay. Raises GroupRefused."""
    group = _locked(group)
    before, group.name = group.name, name
    if before != name:
        _saved(group)
        record_group_change(actor=actor, action=AuditAction.CHANGE, group=group, changes={"name": [before, name]})


@transaction.atomic
def delete_group(*, group: Group, actor: Actor) -> None:
    """Delete a group with its policy: what its members may have is what is left to them. Raises GroupRefused."""
    group = _locked(group)
    members = list(group.user_set.select_for_update().order_by("pk"))
    _record_groups(members, group, actor, joins=False)
    for policy in Policy.objects.filter(group=group):
        record_policy_change(actor=actor, action=AuditAction.DELETE, policy=policy)
    record_group_change(actor=actor, action=AuditAction.DELETE, group=group)
    group.delete()
    transaction.on_commit(partial(ask_worker, "keys.apply_policies"), robust=True)


def _locked(group: Group) -> Group:
    """Return the group as it is now, locked. Raises GroupRefused where it is protected, or gone."""
    found = Group.objects.select_for_update().filter(pk=group.pk).first()
    if found is None:
        raise GroupRefused(_("This group has been deleted meanwhile."))
    if why := why_protected(found):
        raise GroupRefused(why)
    return found


def _saved(group: Group) -> Group:
    """Save a group. Raises GroupRefused where another has its name."""
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
    """Whom a pasted list names."""

    ids: tuple[int, ...]
    unknown: tuple[str, ...]  # that nobody has as user name or address


def find_named(text: str) -> Found:
    """Return the people whose user names or e-mail addresses are in a text; a name before an <address> is ignored.

    Raises ValueError for more than NAMES_AT_ONCE names.
    """
    names = list(dict.fromkeys(name.lower() for part in re.split(r"[,;\n\t]", text) for name in _names_in(part)))
    if len(names) > NAMES_AT_ONCE:
        raise ValueError(len(names))
    people = User.objects.annotate(login=Lower("username")).filter(Q(login__in=names) | Q(email__in=names))
    by_name = {name: pk for pk, *both in people.values_list("pk", "login", "email") for name in both if name}
    ids = dict.fromkeys(by_name[name] for name in names if name in by_name)
    return Found(ids=tuple(ids), unknown=tuple(name for name in names if name not in by_name))


def _names_in(part: str) -> list[str]:
    addresses = re.findall(r"<([^<>\s]+)>", part)
    return addresses or part.replace("\0", "").split()


def choose_members(ids: Iterable[int], *, group: Group, act: MemberAct, admin: User) -> list[Chosen]:
    """Return these people by name, with why some are left out: as with every act on many, and by whether they are in.

    Whom the institution has put into the group is not taken out: the next sign-in would bring it back.
    """
    chosen = choose(ids, bulk_act=BulkAct.GROUP, admin=admin)
    members = set(group.user_set.values_list("pk", flat=True))
    by_institution: set[int] = set()
    if act == MemberAct.REMOVE:
        given = User.institution_groups.through.objects.filter(group=group)
        by_institution.update(given.values_list("user_id", flat=True))
    reasons = {
        pk: why
        for pk in (each.person.pk for each in chosen)
        if (why := _why_not(act, is_member=pk in members, by_institution=pk in by_institution))
    }
    return [each if each.why_not else replace(each, why_not=reasons.get(each.person.pk, "")) for each in chosen]


def _why_not(act: MemberAct, *, is_member: bool, by_institution: bool) -> str:
    if act == MemberAct.ADD:
        return _("is in the group already") if is_member else ""
    if not is_member:
        return _("is not in the group")
    return _("the institution gives the group at each sign-in") if by_institution else ""


def add_to_group(people: Sequence[User], *, group: Group, actor: Actor) -> int:
    """Put people into a group; return how many were not in it. One entry in the trail each."""
    return _change_members(people, group, actor, joins=True)


def remove_from_group(people: Sequence[User], *, group: Group, actor: Actor) -> int:
    """Take people out of a group; return how many were in it. One entry in the trail each."""
    return _change_members(people, group, actor, joins=False)


@transaction.atomic
def _change_members(people: Sequence[User], group: Group, actor: Actor, *, joins: bool) -> int:
    locked = User.objects.select_for_update().filter(pk__in=[person.pk for person in people]).order_by("pk")
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
    """Write down for each in which groups they were, and are now."""
    for person in people:
        before = {each.name for each in person.groups.all()}
        after = before | {group.name} if joins else before - {group.name}
        changes = {"groups": [sorted(before), sorted(after)]}
        record_person_change(actor=actor, action=AuditAction.CHANGE, person=person, changes=changes)
