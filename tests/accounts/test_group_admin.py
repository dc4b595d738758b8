"""Groups and policies in Django's admin: what their rights protect."""

from datetime import timedelta

from allauth.socialaccount.models import SocialAccount
from django.contrib.auth.models import Group, Permission
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from pytest_django import Settings
from pytest_django.asserts import assertContains, assertNotContains

from accounts.models import Announcement, AuditEntry, Policy, User
from tests.accounts.test_admin import change_account
from tests.factories import make_policy


def test_lets_no_manager_touch_a_group_with_more_rights_or_of_their_own(as_manager: Client, manager: User) -> None:
    deans = Group.objects.create(name="Deans")
    deans.permissions.set(Permission.objects.all())
    for group in (deans, manager.groups.get()):
        url = reverse("admin:auth_group_change", args=[group.pk])
        assert as_manager.post(url, {"name": "Mine"}).status_code == 403

    url = reverse("admin:auth_group_change", args=[Group.objects.get(name="Interns").pk])
    as_manager.post(url, {"name": "Rich"})  # to which the institution may put them

    assert Group.objects.filter(name__in=("Deans", "Admins", "Interns")).count() == 3


def _delete(browser: Client, group: Group) -> int:
    """Delete a group in Django's admin, or try to; return the status."""
    return browser.post(reverse("admin:auth_group_delete", args=[group.pk]), {"post": "yes"}).status_code


def test_deletes_no_group_of_people_with_more_rights_or_that_the_portals_pages_protect(
    as_manager: Client, manager: User, admin: User, settings: Settings
) -> None:
    manager.user_permissions.add(Permission.objects.get(codename="delete_group"))
    settings.OIDC_ISSUER, settings.OIDC_GROUPS_ALLOWED = "https://id.example.edu", ["physics"]
    names = ("of a superuser", "with rights", "physics", "announced")
    protected = [Group.objects.create(name=name) for name in names]
    admin.groups.add(protected[0])
    protected[1].permissions.set(manager.groups.get().permissions.all()[:1])
    week = timedelta(days=7)
    notice = Announcement.objects.create(text_en="x", starts_at=timezone.now(), ends_at=timezone.now() + week)
    notice.groups.add(protected[3])

    assert [group.name for group in protected if _delete(as_manager, group) != 403] == []
    assert Group.objects.filter(name__in=names).count() == 4
    assert _delete(as_manager, Group.objects.create(name="plain")) == 302


def test_gives_no_group_a_name_of_the_institution(as_manager: Client, manager: User) -> None:
    data = {"userinfo": {"sub": "s", "groups": ["physics"]}}
    SocialAccount.objects.create(user=manager, provider="institution", uid="s", extra_data=data)
    plain = Group.objects.create(name="plain")

    for url in (reverse("admin:auth_group_add"), reverse("admin:auth_group_change", args=[plain.pk])):
        answer = as_manager.post(url, {"name": "physics"})
        assertContains(answer, "The institution gives a group of this name at sign-in")
    assert not Group.objects.filter(name="physics").exists()
    as_manager.post(reverse("admin:auth_group_change", args=[plain.pk]), {"name": "other"})
    assert Group.objects.filter(name="other").exists()


def test_changes_no_policy_of_a_group_with_more_rights(as_manager: Client, manager: User) -> None:
    deans = Group.objects.create(name="Deans")
    deans.permissions.set(Permission.objects.all())
    policy = make_policy("Deans")

    for page in ("change", "delete"):
        assert as_manager.post(reverse(f"admin:accounts_policy_{page}", args=[policy.pk])).status_code == 403
    Policy.objects.filter(pk=policy.pk).delete()
    assertNotContains(as_manager.get(reverse("admin:accounts_policy_add")), "Deans")


def test_a_deleted_group_closes_the_admin_to_its_members_and_is_in_their_trail(as_admin: Client, intern: User) -> None:
    group = Group.objects.create(name="Deans")
    group.permissions.set(Permission.objects.filter(codename="change_user"))
    change_account(as_admin, intern, groups=[group.pk])
    assert User.objects.get(pk=intern.pk).is_staff

    assert _delete(as_admin, group) == 302

    assert not User.objects.get(pk=intern.pk).is_staff
    changes = [entry.details.get("changes", {}).get("groups") for entry in AuditEntry.objects.filter(subject=intern)]
    assert [["Deans"], []] in changes


def test_lets_no_manager_widen_what_a_group_may_do(as_manager: Client, manager: User) -> None:
    admins = manager.groups.get()
    before = set(admins.permissions.values_list("pk", flat=True))

    staff = Group.objects.get_or_create(name="Staff")[0]

    for group in (admins, staff):
        url = reverse("admin:auth_group_change", args=[group.pk])
        as_manager.post(url, {"name": group.name, "permissions": [1]})

    assert not staff.permissions.exists()
    assert set(admins.permissions.values_list("pk", flat=True)) == before
