"""Common to the pages about groups: a group, and the permitted actions."""

from dataclasses import dataclass
from typing import Any

from django.contrib.auth.models import Group, Permission
from django.core.exceptions import PermissionDenied
from django.db.models import Exists, OuterRef, QuerySet, Subquery, Value
from django.db.models.functions import JSONObject
from django.http import Http404
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.utils.translation import gettext as _

from accounts.group_rules import why_protected, with_origins
from accounts.models import Policy, User
from accounts.policies import is_own_group, is_own_policy, with_claims
from accounts.rights import groups_to_give
from people.group_listing import with_members
from people.services.policies import policy_of_group
from people.views.common import require_sight
from usage.queries.access import PageAccess
from web.json_list import JsonList
from web.request import PortalRequest


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupSubject:
    """A group that an admin looks at, or the default policy, with the permitted actions."""

    group: Any  # Group, of `_groups_for`; None: the default policy
    policy: Policy | None  # None: the group has none of its own
    access: PageAccess
    gives_no_more: bool  # the group gives nothing that they lack
    is_own: bool  # it applies to the admin
    is_superuser: bool  # the admin
    protected: str  # why it may not be renamed or deleted here; "" where it may

    @property
    def name(self) -> str:
        """The name in headings."""
        return self.group.name if self.group else _("Default policy")

    @property
    def may_change_policy(self) -> bool:
        """Whether the policy may be changed: not one's own, nor that of a group which gives rights that one lacks."""
        return self.access.manages_policies and self.gives_no_more and not self.is_own

    @property
    def may_change_members(self) -> bool:
        """Whether members may be changed: only if the group gives nothing beyond one's own rights."""
        return self.group is not None and self.access.manages_people and self.gives_no_more

    @property
    def may_change_cost_centre(self) -> bool:
        """Whether the code may be changed: it gives nobody anything."""
        return self.group is not None and self.access.manages_policies

    @property
    def may_change_group(self) -> bool:
        """Whether it may be deleted, and renamed."""
        return self.group is not None and self.may_change_policy and not self.protected

    @property
    def may_rename(self) -> bool:
        """Whether it may be renamed: a group with a policy only by superusers."""
        return self.may_change_group and (self.policy is None or self.is_superuser)

    @property
    def state_address(self) -> str:
        """The URL that says whether all keys follow the policy."""
        if self.group is None:
            return reverse("people:default_policy_state")
        return reverse("people:policy_state", args=[self.group.pk])

    @property
    def address(self) -> str:
        """The URL of its page."""
        return reverse("people:group", args=[self.group.pk]) if self.group else reverse("people:default_policy")


def group_subject(request: PortalRequest, group_id: int | None) -> GroupSubject:
    """Return a group, or the default policy; 404 for people without permission to see groups."""
    try:
        access = require_sight(request)
    except PermissionDenied as denied:
        raise Http404 from denied
    group = None if group_id is None else get_object_or_404(_groups_for(request.user), pk=group_id)
    is_theirs = access.manages_policies or access.manages_people
    return GroupSubject(
        group=group,
        policy=getattr(group, "policy", None) if group else policy_of_group(None),
        access=access,
        gives_no_more=group is None or (is_theirs and group.gives_no_more),
        is_own=access.manages_policies and _is_own(request.user, group),
        is_superuser=request.user.is_superuser,
        protected=why_protected(group) if group and access.manages_policies else "",
    )


def _is_own(user: User, group: Any) -> bool:
    """Return the same as `is_own_policy`, without a query for a group of `_groups_for`."""
    if group is None:
        return is_own_policy(user, None)
    return not user.is_superuser and is_own_group(group)


def _groups_for(user: User) -> QuerySet[Any]:
    """Return the groups with all that a page of one needs, and whether they give nothing that the person lacks.

    `rights` and `members` are JSON, as a query each would make the page slow.
    """
    given = Exists(groups_to_give(user).filter(pk=OuterRef("pk")))
    facts = JSONObject(name="name", codename="codename", model="content_type__model")
    rights = Permission.objects.filter(group=OuterRef("pk")).order_by().values(one=Value(1))
    groups: QuerySet[Any] = with_members(
        with_claims(with_origins(Group.objects.select_related("policy", "cost_centre")), user)
    )
    rights_as_json = Subquery(rights.annotate(all=JsonList(facts)).values("all"))
    with_rights: QuerySet[Any] = groups.annotate(gives_no_more=given, rights=rights_as_json)
    return with_rights
