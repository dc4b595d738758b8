"""The cost centre of people: their own, else that of their groups (ADR 42). That of a course is courses'."""

from dataclasses import dataclass
from typing import Any

from django.contrib.auth.models import Group
from django.db import transaction
from django.db.models import QuerySet

from accounts.audit import Actor, record_group_change, record_person_change
from accounts.models import AuditAction, GroupCostCentre, User


@dataclass(frozen=True, slots=True)
class PresentCostCentre:
    """The code that holds for a person; `group` is the name of the group that it is of, "" for their own."""

    code: str
    group: str = ""


def group_codes_of_people() -> dict[int, str]:
    """Return the code of the groups of each person in any with a code; of several, that of the first by name."""
    memberships = _in_order(User.groups.through.objects.filter(group__cost_centre__isnull=False))
    return dict(memberships.values_list("user", "group__cost_centre__code"))


def cost_centre_of(person: User) -> PresentCostCentre:
    """Return the code that holds for a person."""
    if person.cost_centre:
        return PresentCostCentre(person.cost_centre)
    memberships = _in_order(User.groups.through.objects.filter(user=person, group__cost_centre__isnull=False))
    found = memberships.values_list("group__cost_centre__code", "group__name").last()
    return PresentCostCentre(*found) if found else PresentCostCentre("")


def _in_order(memberships: QuerySet[Any]) -> QuerySet[Any]:
    """Return them so that the last one of a person holds: that of the first group by name."""
    return memberships.order_by("-group__name", "-group")


@transaction.atomic
def set_cost_centre_of_person(*, person: User, code: str, actor: Actor) -> bool:
    """Give a person a code of their own, or none; False if it is theirs already."""
    before = User.objects.select_for_update().values_list("cost_centre", flat=True).get(pk=person.pk)
    if before == code:
        return False
    User.objects.filter(pk=person.pk).update(cost_centre=code)
    changes = {"cost_centre": [before, code]}
    record_person_change(actor=actor, action=AuditAction.CHANGE, person=person, changes=changes)
    return True


@transaction.atomic
def set_cost_centre_of_group(*, group: Group, code: str, actor: Actor) -> bool:
    """Give a group a code, or none; False if it is the group's already."""
    Group.objects.select_for_update().get(pk=group.pk)
    stored = GroupCostCentre.objects.filter(group=group)
    before = stored.values_list("code", flat=True).first() or ""
    if before == code:
        return False
    if code:
        GroupCostCentre.objects.update_or_create(group=group, defaults={"code": code})
    else:
        stored.delete()
    changes = {"cost_centre": [before, code]}
    record_group_change(actor=actor, action=AuditAction.CHANGE, group=group, changes=changes)
    return True
