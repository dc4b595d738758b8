"""What nobody can do with groups: raise their own policy by a name, act on people with more rights, act on old news."""

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from allauth.socialaccount.models import SocialAccount
from django.contrib.auth.models import Group, Permission
from django.core.exceptions import PermissionDenied
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone
from pytest_django import Settings

from accounts.audit import BY_THE_PORTAL, Actor
from accounts.models import Announcement, AuditEntry, Policy, User
from accounts.policies import policy_of
from accounts.services import take_over_groups
from people import services
from people.services import GroupRefused
from tests.conftest import signed_in
from tests.factories import make_policy, make_user
from tests.keys.views.pages import words_of
from tests.people.conftest import with_permissions

pytestmark = pytest.mark.django_db


def url(name: str, group: Group) -> str:
    return reverse(f"people:{name}", args=[group.pk])


def claimant() -> User:
    """Make somebody who manages policies, and for whom the institution claims a group that does not exist here."""
    person = with_permissions("claimant", "manage_policies")
    data = {"userinfo": {"sub": "s", "groups": ["physics"]}}
    SocialAccount.objects.create(user=person, provider="institution", uid="s", extra_data=data)
    return person


# --- Names --------------------------------------------------------------------------------------------
def test_nobody_raises_their_own_policy_by_the_name_of_a_group() -> None:
    person = claimant()
    browser = signed_in(person)
    browser.post(reverse("people:new_group"), {"name": "X"})
    group = Group.objects.get(name="X")
    renamed = browser.post(url("rename_group", group), {"name": "physics"})
    assert renamed.status_code == 422
    assert "only a superuser can use it" in words_of(renamed)
    make_policy("X", person_budget_usd=None)

    assert browser.post(url("rename_group", group), {"name": "physics"}).status_code == 403
    assert url("rename_group", group) not in browser.get(url("group", group)).content.decode()
    assert url("delete_group", group) in browser.get(url("group", group)).content.decode()
    with pytest.raises(GroupRefused):
        services.rename_group(group=group, name="other", actor=Actor(user=person))
    assert browser.post(reverse("people:new_group"), {"name": "physics"}).status_code == 422
    take_over_groups(user=person, claimed=["physics"], allowed=())
    assert policy_of(person).person_budget_usd is not None


def test_a_superuser_renames_a_group_with_a_policy_also_to_a_name_of_the_institution(
    as_admin: Client, settings: Settings
) -> None:
    settings.OIDC_ISSUER, settings.OIDC_GROUPS_ALLOWED = "https://id.example.edu", ["students"]
    make_policy("X")
    group = Group.objects.get(name="X")

    assert signed_in(claimant()).post(reverse("people:new_group"), {"name": "students"}).status_code == 422
    assert as_admin.post(url("rename_group", group), {"name": "students"}).status_code == 302
    assert Group.objects.get(pk=group.pk).name == "students"


def test_a_group_that_any_claim_may_give_is_not_called_made_by_hand(as_manager: Client, settings: Settings) -> None:
    """Without OIDC_GROUPS_ALLOWED, a claim gives any group that grants no permission."""
    group = Group.objects.create(name="Plain")
    settings.OIDC_ISSUER = "https://id.example.edu"

    for page in (reverse("people:groups"), url("group", group)):
        words = words_of(as_manager.get(page))
        assert "may give" in words, page
    assert "members are added by hand" not in words_of(as_manager.get(reverse("people:groups"), {"q": "Plain"}))


# --- People with more rights --------------------------------------------------------------------------
@pytest.fixture
def course() -> Group:
    make_policy("Course", person_budget_usd=Decimal("0.01"))
    make_user("ada", groups=("Course",))
    return Group.objects.get(name="Course")


@pytest.mark.parametrize("rights", [{"is_superuser": True}, {"groups": ("Course", "Admins")}])
def test_a_group_with_somebody_who_has_more_rights_is_not_deleted(course: Group, rights: dict[str, Any]) -> None:
    make_user("boss", **rights).groups.add(course)
    secretary = with_permissions("secretary", "manage_policies")
    browser = signed_in(secretary)

    asked = words_of(browser.get(url("delete_group", course)))
    answer = browser.post(url("delete_group", course))

    assert "more rights than you" in asked
    assert "Delete the group" not in asked.replace("Delete the group “Course”?", "")
    assert answer.status_code == 409
    assert "more rights than you" in words_of(answer)
    assert Policy.objects.filter(group=course).exists()


def test_the_page_that_deletes_a_group_names_announcements_for_it_only(as_manager: Client, course: Group) -> None:
    now = timezone.now()
    for text, groups in (("Exam tomorrow", ["Course"]), ("For two", ["Course", "Staff"])):
        until = now + timedelta(days=1)
        announcement = Announcement.objects.create(text_en=text, text_fr=text, ends_at=until, for_everybody=False)
        announcement.groups.set(Group.objects.filter(name__in=groups))

    asked = words_of(as_manager.get(url("delete_group", course)))

    assert "Exam tomorrow" in asked
    assert "For two" not in asked


# --- Between the view and the act -----------------------------------------------------------------------
def test_a_group_that_was_deleted_in_the_meantime_is_a_conflict(course: Group) -> None:
    ada, policy = User.objects.get(username="ada"), Policy.objects.get(group=course)
    version = services.version_of(policy)
    rules = list(policy.rules.all())
    Group.objects.filter(pk=course.pk).delete()

    for action in (services.add_to_group, services.remove_from_group):
        with pytest.raises(GroupRefused):
            action([ada], group=course, actor=BY_THE_PORTAL)
    for known in (version, "none"):
        with pytest.raises(services.PolicyConflict):
            services.save_policy(policy=policy, rules=rules, version=known, actor=BY_THE_PORTAL)


def test_permission_is_checked_again_under_the_lock(course: Group) -> None:
    """Somebody else may give the group rights, or put the actor into it, between the view and the action."""
    ada, secretary = User.objects.get(username="ada"), with_permissions("secretary", "manage_policies", "manage_people")
    actor = Actor(user=secretary)
    policy = Policy.objects.get(group=course)

    def save() -> None:
        rules = list(policy.rules.all())
        services.save_policy(policy=policy, rules=rules, version=services.version_of(policy), actor=actor)

    save()
    ada.user_permissions.add(Permission.objects.get(codename="manage_terms"))
    assert services.remove_from_group([ada], group=course, actor=actor) == 0
    secretary.groups.add(course)
    with pytest.raises(PermissionDenied):
        save()
    with pytest.raises(GroupRefused):
        services.delete_group(group=course, actor=actor)
    secretary.groups.clear()
    course.permissions.add(Permission.objects.get(codename="manage_terms"))
    with pytest.raises(PermissionDenied):
        save()
    with pytest.raises(GroupRefused):
        services.add_to_group([make_user("ben")], group=course, actor=actor)
    assert list(course.user_set.all()) == [ada]


def test_many_members_cost_no_more_queries_than_few(course: Group) -> None:
    def queries(name: str, members: int) -> list[int]:
        group = Group.objects.create(name=name)
        people = User.objects.bulk_create(User(username=f"{name}-{number}") for number in range(members))
        counts = []
        for action in (
            lambda: services.add_to_group(people, group=group, actor=BY_THE_PORTAL),
            lambda: services.remove_from_group(people[:1], group=group, actor=BY_THE_PORTAL),
            lambda: services.delete_group(group=group, actor=BY_THE_PORTAL),
        ):
            with CaptureQueriesContext(connection) as captured:
                action()
            counts.append(len(captured))
        return counts

    assert queries("few", 3) == queries("many", 30)
    entry = AuditEntry.objects.filter(object_kind="person").latest("pk")
    assert entry.details["changes"] == {"groups": [["many"], []]}
