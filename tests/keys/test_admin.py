"""Django's admin and keys: warnings and effects of changed people and policies."""

from typing import Any

import pytest
from django.contrib.auth.models import Group
from django.test import Client
from django.urls import reverse
from pytest_django.asserts import assertContains, assertNotContains

from accounts.models import KeyKind, Policy, User
from keys import services
from keys.catalogue import refresh_models
from keys.models import Intern, Key
from tests.accounts.test_policy_admin import policy_form
from tests.factories import make_policy, make_staff, make_user
from tests.keys.actions import again, issue
from tests.sandbox_process import Sandbox
from tests.tasks import run_tasks


def save_person(client: Client, person: User, **fields: Any) -> Any:
    """Send the form of a person, active by default."""
    form = {"username": person.username, "email": person.email, "groups": [group.pk for group in person.groups.all()]}
    url = reverse("admin:accounts_user_change", args=[person.pk])
    return client.post(url, {**form, **fields}, follow=True)


def save_policy(client: Client, policy: Policy, **fields: Any) -> Any:
    """Send the form of a policy."""
    url = reverse("admin:accounts_policy_change", args=[policy.pk])
    return client.post(url, policy_form(policy, **fields), follow=True)


# --- A person is made inactive -----------------------------------------------------------------------
def test_says_which_keys_stop_and_for_whom_before_a_supervisor_is_made_inactive(
    as_admin: Client, staff: User, sandbox: Sandbox
) -> None:
    issue(staff, "own")
    issue(staff, "summer", intern_name="Ngozi Obi")
    issue(staff, "autumn", intern_name="Ngozi Obi")
    issue(staff, "winter", intern_name="Bo Lind")
    words = (
        "While the account is inactive, 4 keys do not work: 1 of the person’s own, 3 for interns (Bo Lind, Ngozi Obi)."
    )

    assertContains(as_admin.get(reverse("admin:accounts_user_change", args=[staff.pk])), words)
    answer = save_person(as_admin, staff)

    assertContains(answer, words)
    assertContains(answer, "Keys of interns stop after 14 days only.")
    assertContains(answer, "Tick this to make the account inactive")
    staff.refresh_from_db()
    assert staff.is_active


def test_blocks_the_keys_after_a_confirmation_and_unblocks_them(
    as_admin: Client, staff: User, sandbox: Sandbox
) -> None:
    key = issue(staff, "summer").key

    save_person(as_admin, staff, stop_keys="on")
    run_tasks()

    staff.refresh_from_db()
    assert not staff.is_active
    assert again(key).blocked
    assertNotContains(as_admin.get(reverse("admin:accounts_user_change", args=[staff.pk])), "stop these keys")
    save_person(as_admin, staff, is_active="on")
    run_tasks()
    assert not again(key).blocked


def test_needs_no_confirmation_where_no_key_stops(as_admin: Client, staff: User, db: None) -> None:
    assertNotContains(as_admin.get(reverse("admin:accounts_user_change", args=[staff.pk])), "stop these keys")

    save_person(as_admin, staff)

    staff.refresh_from_db()
    assert not staff.is_active


def test_an_ordinary_change_of_a_person_needs_no_confirmation(as_admin: Client, staff: User, sandbox: Sandbox) -> None:
    issue(staff)

    save_person(as_admin, staff, is_active="on", first_name="Ada")

    staff.refresh_from_db()
    assert (staff.first_name, staff.is_active) == ("Ada", True)


def test_names_some_interns_and_counts_the_others(as_admin: Client, staff: User) -> None:
    for number in range(13):
        name = f"Intern {number:02}"
        intern = Intern.objects.create(supervisor=staff, name=name)
        Key.objects.create(owner=staff, kind="temporary", label=name, intern=intern, state="active")

    answer = as_admin.get(reverse("admin:accounts_user_change", args=[staff.pk]))

    assertContains(answer, "13 keys do not work: 13 for interns (Intern 00, ")
    assertContains(answer, "Intern 09 and 3 more)")


# --- A policy is changed -----------------------------------------------------------------------------
def test_says_how_many_keys_a_changed_policy_reaches_and_changes_them(
    as_admin: Client, intern: User, sandbox: Sandbox
) -> None:
    for label in ("one", "two"):
        issue(intern, label)

    answer = save_policy(as_admin, Policy.objects.get(group__name="Interns"), temporary__rpm_limit="11")

    assertContains(answer, "Being adjusted to the policy in the background: 2 keys")
    assert "usage.enforce_ceilings" in [name for name, _arguments in run_tasks()]
    assert {row["rpm_limit"] for row in sandbox.live_keys()} == {11}
    assert not services.find_outdated()


def test_mentions_no_keys_where_none_is_affected(as_admin: Client, intern: User, db: None) -> None:
    answer = save_policy(as_admin, Policy.objects.get(group__name="Interns"), temporary__rpm_limit="11")

    assertNotContains(answer, "Being adjusted to the policy")


def test_a_deleted_group_reaches_the_keys_of_its_members(as_admin: Client, sandbox: Sandbox) -> None:
    ada = make_user("ada", groups=("Course",))
    make_policy("Course", rpm_limit=11)
    issue(ada)
    run_tasks()
    group = Group.objects.get(name="Course")

    as_admin.post(reverse("admin:auth_group_delete", args=[group.pk]), {"post": "yes"})

    tasks = [name for name, _arguments in run_tasks()]
    assert tasks == ["keys.apply_policies", "usage.enforce_ceilings"]
    assert {row["rpm_limit"] for row in sandbox.live_keys()} == {60}


def test_another_group_reaches_the_keys_of_a_person(as_admin: Client, intern: User, sandbox: Sandbox) -> None:
    issue(intern)
    make_staff()

    answer = save_person(as_admin, intern, is_active="on", groups=[Group.objects.get(name="Staff").pk])

    assertContains(answer, "Being adjusted to the policy in the background: 1 key, the budget of 1 person")
    run_tasks()
    assert [row["max_budget"] for row in sandbox.live_keys()] == [100]


@pytest.mark.parametrize("name", ["openai/*", "*", "gpt-4?*", "all-proxy-models", "no-default-models"])
@pytest.mark.parametrize("kind", KeyKind.values)
def test_refuses_patterns_and_instructions_in_lists_of_models(
    as_admin: Client, intern: User, name: str, kind: str
) -> None:
    policy = Policy.objects.get(group__name="Interns")

    names = {f"{kind}__all_models": None, f"{kind}__model_names": f"general_nothink\n{name}"}
    answer = save_policy(as_admin, policy, **names)

    assertContains(answer, f"“{name}” is")
    assert not policy.rules.get(kind=kind).model_names


def test_warns_of_unknown_model_names_and_saves_them(as_admin: Client, intern: User, sandbox: Sandbox) -> None:
    refresh_models()
    policy = Policy.objects.get(group__name="Interns")

    answer = save_policy(
        as_admin, policy, playground__all_models=None, playground__model_names="gpt-4o-mini\ngpt-40-mini"
    )

    words = "No model of the gateway has this name: gpt-40-mini."
    assertContains(answer, words)
    assert policy.rules.get(kind="playground").model_names == ["gpt-4o-mini", "gpt-40-mini"]
    page = as_admin.get(reverse("admin:accounts_policy_change", args=[policy.pk]))
    assertContains(page, words)
    assertContains(page, "The gateway offers: general_nothink, gpt-4o-mini")


def test_warns_of_nothing_before_the_models_were_read(as_admin: Client, intern: User, db: None) -> None:
    policy = Policy.objects.get(group__name="Interns")

    assertNotContains(
        save_policy(as_admin, policy, personal__all_models=None, personal__model_names="anything"),
        "No model of the gateway",
    )
