"""Rules about groups that the portal's pages and Django's admin share: which can be deleted, and under which name."""

from typing import Any

from django.contrib.auth.models import Group
from django.db.models import Exists, OuterRef, QuerySet
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts.identity_providers import identity_providers
from accounts.models import Announcement, User
from accounts.rights import claimed_names, people_above


def with_origins(groups: QuerySet[Group]) -> QuerySet[Any]:
    """Add whether the group `gives_rights`, and `is_given`: somebody got it by the institution's sign-in."""
    rights = Group.permissions.through.objects.filter(group=OuterRef("pk"))
    given = User.institution_groups.through.objects.filter(group=OuterRef("pk"))
    return groups.annotate(gives_rights=Exists(rights), is_given=Exists(given))


def why_protected(group: Any) -> str:
    """Return why a group of `with_origins` cannot be renamed or deleted on the portal's pages; "" if it can."""
    if group.gives_rights:
        return _("This group gives its members rights. A superuser can rename or delete it in Django’s admin.")
    if is_mapped(group):
        return _(
            "The institution gives this group at sign-in, by its name. Remove it there and from OIDC_GROUPS_ALLOWED "
            "first."
        )
    return ""


def is_mapped(group: Any) -> bool:
    """Return whether the institution's sign-in gives the group: it is in the settings, or somebody got it that way."""
    return bool(group.is_given or is_named_by_institution(group.name))


def is_named_by_institution(name: str) -> bool:
    """Return whether the settings allow the institution to give a group of this name."""
    return any(name in each.can_give for each in identity_providers())


def why_not_deleted(group: Group, actor: User | None) -> str:
    """Return why the actor (None: the portal) cannot delete a group that is not protected; "" if they can."""
    if announcements_for(group).exists():
        return _("An announcement is for this group only. End it, or choose other groups for it, first.")
    if actor and group.user_set.filter(pk__in=people_above(actor)).exists():
        return _("A superuser, or somebody who has more rights than you, is in this group.")
    return ""


def announcements_for(group: Group) -> QuerySet[Announcement]:
    """Return the announcements that are for this group only: without the group nobody would see them."""
    others = Announcement.groups.through.objects.filter(announcement=OuterRef("pk")).exclude(group=group)
    found = Announcement.objects.filter(~Exists(others), groups=group, ends_at__gt=timezone.now())
    return found.order_by("ends_at")


def why_not_named(name: str, actor: User | None) -> str:
    """Return why the actor cannot give a group this name: the institution may make somebody a member by it."""
    if actor is None or actor.is_superuser:
        return ""
    if is_named_by_institution(name) or name in claimed_names(actor):
        return _("The institution gives a group of this name at sign-in, so only a superuser can use it.")
    return ""
