"""The effect of a policy before it is saved: whose keys end, superusers, and what is outdated already."""

from datetime import datetime

import pytest
from django.contrib.auth.models import Group, Permission
from django.core.exceptions import ValidationError
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from pytest_django import Settings

from accounts.models import KeyRule, Policy
from accounts.policies import policy_of
from people.services import effect_of
from tests.factories import make_policy, make_user
from tests.keys.actions import issue
from tests.keys.views.pages import words_of
from tests.people.test_policy_editor import edited, url
from tests.sandbox_process import Sandbox

KEPT = "No key is deleted."
DELETED = "A key that expires and is not renewed is deleted."


@pytest.fixture
def course(sandbox: Sandbox) -> Group:
    """Make a group with a policy and one person, who has a key for 30 days."""
    make_policy("Course", max_live_keys=3)
    issue(make_user("ada", groups=("Course",), first_name="Ada"))
    return Group.objects.get(name="Course")


def preview(browser: Client, group: Group, **fields: str) -> str:
    return words_of(browser.post(url(group), {**edited(browser, group, **fields), "step": "preview"}))


def test_names_the_keys_that_a_change_ends(as_manager: Client, course: Group) -> None:
    assert KEPT in preview(as_manager, course, temporary__rpm_limit="9")

    shorter = preview(as_manager, course, temporary__lifetime_days="7")
    over = preview(as_manager, course, temporary__ends_at="2020-01-01T00:00")

    assert "1 key expires earlier, the first on " in shorter
    assert "1 key expires at once." in over
    for words in (shorter, over):
        assert DELETED in words
        assert KEPT not in words


def test_deleting_a_group_or_leaving_it_promises_no_key_that_would_end(as_manager: Client, course: Group) -> None:
    delete, remove = (
        reverse("people:delete_group", args=[course.pk]),
        reverse("people:remove_members", args=[course.pk]),
    )
    assert KEPT in words_of(as_manager.get(delete))
    KeyRule.objects.filter(policy__group=None).update(lifetime_days=7)

    words = words_of(as_manager.get(delete))

    assert "1 key expires earlier" in words
    assert KEPT not in words
    assert KEPT not in words_of(as_manager.get(remove, {"person": course.user_set.get().pk}))


def test_keys_that_were_outdated_before_are_not_counted(as_manager: Client, course: Group) -> None:
    KeyRule.objects.filter(policy__group=course).update(rpm_limit=7)  # not applied yet

    assert "1 person, 0 keys change" in preview(as_manager, course, max_live_keys="9")


@pytest.mark.parametrize("moment", ["0001-01-01T00:00", "1999-12-31T00:00", "2101-01-02T00:00", "9999-12-31T23:59"])
def test_refuses_an_end_of_keys_outside_of_a_century(
    as_manager: Client, course: Group, settings: Settings, moment: str
) -> None:
    """The limits of datetime overflow in other time zones, and stop the task that updates keys of everybody."""
    settings.TIME_ZONE = "Europe/Paris"
    form = edited(as_manager, course, temporary__ends_at=moment)

    for step in ("preview", "save"):
        answer = as_manager.post(url(course), {**form, "step": step})
        assert answer.status_code == 422, step
        assert "Choose a time between the years 2000 and 2100." in words_of(answer)
    rule = KeyRule.objects.get(policy__group=course, kind="temporary")
    rule.ends_at = datetime.fromisoformat(moment).replace(tzinfo=timezone.get_default_timezone())
    with pytest.raises(ValidationError):
        rule.full_clean()  # as Django's admin does


def test_the_first_policy_of_a_group_of_administrators_counts_superusers(db: None) -> None:
    Policy.objects.filter(group__name="Admins").delete()
    make_user("root", is_superuser=True)
    deans = Group.objects.create(name="Deans")
    deans.permissions.add(Permission.objects.get(codename="change_policy"))
    make_policy("Other", max_live_keys=99)

    assert effect_of(deans, list(KeyRule.objects.filter(policy__group__name="Other"))).people == 1


def test_a_group_that_manages_policies_on_the_portal_only_is_no_policy_of_superusers(db: None) -> None:
    secretaries = Group.objects.create(name="Secretaries")
    secretaries.permissions.add(Permission.objects.get(codename="manage_policies"))
    make_policy("Secretaries")

    assert policy_of(make_user("root", is_superuser=True)).names == ("Admins",)


def test_a_name_of_two_people_is_left_to_the_admin(as_manager: Client, course: Group) -> None:
    make_user("ben@example.edu", first_name="First")
    make_user("ben", first_name="Second", email="ben@example.edu")
    cleo = make_user("cleo", first_name="Cleo", email="cleo@example.edu")
    add = reverse("people:add_members", args=[course.pk])

    only = as_manager.post(add, {"names": "ben@example.edu"})
    words = words_of(as_manager.post(add, {"names": "ben@example.edu, cleo"}))

    assert only.status_code == 422
    assert "1 name belongs to several people ben@example.edu" in words
    assert "Add 1 person to “Course”?" in words
    assert "Cleo cleo · cleo@example.edu" in words
    as_manager.post(add, {"names": "ben@example.edu, cleo", "step": "action"})
    assert set(course.user_set.values_list("username", flat=True)) == {"ada", cleo.username}
