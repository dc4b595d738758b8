"""Rights: who has which, and to whom they can give them. Nobody gives more than they have themselves.

Whether an account is active makes no difference here: it could be reactivated.
"""

from typing import Any, Final

from allauth.socialaccount.models import SocialAccount
from django.contrib.auth.models import Group, Permission
from django.db.models import Exists, OuterRef, Q, QuerySet

from accounts.models import User

ADMIN_APPS: Final = ("accounts", "auth", "socialaccount")  # whose permissions open pages of Django's admin, except:
PORTAL_PERMISSIONS: Final = (  # of accounts, for pages of the portal
    "view_people",
    "manage_people",
    "manage_policies",
    "decide_requests",
    "manage_announcements",
    "manage_terms",
    "manage_webhooks",
    "set_up_portal",
)
WITH_RIGHTS: Final = """
WITH own_groups AS (SELECT group_id FROM accounts_user_groups WHERE user_id = %(person)s),
own_permissions AS (
    SELECT type.app_label || '.' || permission.codename AS name FROM auth_permission permission
    JOIN django_content_type type ON type.id = permission.content_type_id
    WHERE permission.id IN (SELECT permission_id FROM accounts_user_user_permissions WHERE user_id = %(person)s)
    OR permission.id IN (
        SELECT permission_id FROM auth_group_permissions WHERE group_id IN (SELECT group_id FROM own_groups)
    )
)
"""  # the beginning of a query that also checks permissions; `has_perm` would cost two queries more


def permissions_of(user: Any) -> QuerySet[Permission]:
    """Return the permissions of a person (an id, or the OuterRef to one): their own, and those of their groups."""
    return Permission.objects.filter(Q(user=user) | Q(group__user=user)).distinct()


def people_with(permission: str) -> QuerySet[User]:
    """Return the active people with the permission ("usage.refresh"), directly or by a group; superusers too."""
    backend = "django.contrib.auth.backends.ModelBackend"
    return User.objects.with_perm(permission, is_active=True, include_superusers=True, backend=backend)


def may_change(actor: User, person: User) -> bool:
    """Return whether the actor may change the person: not themselves, nor anybody who has more rights."""
    if actor.is_superuser:
        return True
    if actor.pk == person.pk or person.is_superuser:
        return False
    return not permissions_of(person.pk).exclude(pk__in=permissions_of(actor.pk)).exists()


def people_above(actor: User) -> QuerySet[User]:
    """Return the people whom the actor may not change: themselves, superusers, and people with more rights."""
    if actor.is_superuser:
        return User.objects.none()
    beyond = permissions_of(OuterRef("pk")).exclude(pk__in=permissions_of(actor.pk).values("pk"))
    return User.objects.filter(Q(pk=actor.pk) | Q(is_superuser=True) | Exists(beyond))


def groups_to_give(actor: User) -> QuerySet[Group]:
    """Return the groups that grant nothing beyond the actor's own permissions."""
    if actor.is_superuser:
        return Group.objects.all()
    lacking = Permission.objects.exclude(pk__in=permissions_of(actor.pk))
    return Group.objects.exclude(permissions__in=lacking)


def own_groups(actor: User) -> QuerySet[Group]:
    """Return the actor's groups, and those that they may join at their next sign-in with the institution."""
    return Group.objects.filter(Q(user=actor) | Q(name__in=claimed_names(actor))).distinct()


def claimed_names(actor: User) -> set[str]:
    """Return the names of groups that the institution last gave for the actor, whether such groups exist or not."""
    claimed: set[str] = set()
    for data in SocialAccount.objects.filter(user=actor).values_list("extra_data", flat=True):
        claimed.update(names_claimed_in(data))
    return claimed


def names_claimed_in(data: dict[str, Any] | None) -> list[str]:
    """Return the names of groups in what the institution last said of somebody; None: they never came from there."""
    names: list[str] = (data or {}).get("userinfo", {}).get("groups", [])
    return names


def update_staff_status(users: QuerySet[User]) -> None:
    """Open Django's admin to those who have any permission there, and close it to the others."""
    rights = permissions_of(OuterRef("pk")).filter(content_type__app_label__in=ADMIN_APPS)
    rights = rights.exclude(codename__in=PORTAL_PERMISSIONS)
    admins = User.objects.filter(Q(is_superuser=True) | Exists(rights)).values("pk")
    users.filter(is_staff=False, pk__in=admins).update(is_staff=True)
    users.filter(is_staff=True).exclude(pk__in=admins).update(is_staff=False)
