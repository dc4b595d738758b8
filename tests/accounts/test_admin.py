"""Django's admin: who gets in, and what nobody can do there."""

import re
from typing import Any

import pytest
from django.contrib.auth.models import Group
from django.test import Client
from django.urls import reverse
from pytest_django.asserts import assertContains, assertNotContains, assertRedirects

from accounts.audit import Act, record
from accounts.models import AuditEntry, Policy, User
from tests.accounts.test_audit import KEY
from tests.conftest import signed_in
from tests.factories import PASSWORD, make_intern, make_policy, make_user


@pytest.fixture
def manager(db: None) -> User:
    """Make one of the group Admins, who is no superuser."""
    return make_user("manager", groups=("Admins",), is_staff=True)


@pytest.fixture
def as_manager(manager: User) -> Client:
    return signed_in(manager)


@pytest.fixture
def entry(intern: User) -> AuditEntry:
    act = Act(actor=intern, address="10.0.0.1")
    return record(act=act, action="issue", outcome="done", owner=intern, key_id=KEY, label="thesis")


def test_sends_strangers_to_the_one_door(client: Client, db: None) -> None:
    for path in (reverse("admin:index"), reverse("admin:login")):
        answer = client.get(path, follow=True)
        assert answer.redirect_chain[-1][0].startswith(reverse("account_login"))


def test_takes_no_password_at_a_door_of_its_own(client: Client, db: None) -> None:
    make_user("manager", is_staff=True)

    answer = client.post(reverse("admin:login"), {"username": "manager", "password": PASSWORD})

    assertRedirects(answer, f"{reverse('account_login')}?next={reverse('admin:login')}", fetch_redirect_response=False)


def test_is_closed_to_others(as_intern: Client, as_staff: Client) -> None:
    for client in (as_intern, as_staff):
        assert client.get(reverse("admin:index"), follow=True).status_code == 403


@pytest.mark.parametrize("page", ["changelist", "add"])
@pytest.mark.parametrize("model", ["accounts_user", "accounts_policy", "auth_group", "accounts_auditentry"])
def test_shows_every_page_without_inline_script_or_style(
    as_admin: Client, entry: AuditEntry, model: str, page: str
) -> None:
    answer = as_admin.get(reverse(f"admin:{model}_{page}"))

    if (model, page) == ("accounts_auditentry", "add"):
        assert answer.status_code == 403
        return
    _has_nothing_inline(answer)


@pytest.mark.parametrize("name", ["accounts_user", "accounts_policy", "auth_group", "accounts_auditentry"])
def test_shows_every_row_without_inline_script_or_style(as_admin: Client, entry: AuditEntry, name: str) -> None:
    row = {
        "accounts_user": entry.owner_id,
        "accounts_policy": make_policy("Staff").pk,
        "auth_group": Group.objects.get(name="Staff").pk,
        "accounts_auditentry": entry.pk,
    }[name]

    _has_nothing_inline(as_admin.get(reverse(f"admin:{name}_change", args=[row])))


def _has_nothing_inline(answer: Any) -> None:
    assert answer.status_code == 200
    html = answer.content.decode()
    scripts = re.findall(r"<script(?![^>]*\bsrc=)[^>]*>", html)
    assert [tag for tag in scripts if "application/json" not in tag] == []
    assert re.findall(r"<style|\sstyle=|\son[a-z]+=", html) == []


def test_makes_a_person_with_an_address_in_lower_case(as_manager: Client) -> None:
    person = {
        "username": "ada",
        "email": "Ada@Example.edu",
        "first_name": "Intern A",
        "usable_password": "true",
        "password1": PASSWORD,
        "password2": PASSWORD,
    }

    assert as_manager.post(reverse("admin:accounts_user_add"), person).status_code == 302

    user = User.objects.get(username="ada")
    assert user.email == "ada@example.edu"
    assert user.check_password(PASSWORD)


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"username": "INTERN"}, "Somebody else has this user name."),
        ({"email": "INTERN@example.edu"}, "Somebody else has this e-mail address."),
    ],
)
def test_says_whose_name_or_address_is_taken(
    as_manager: Client, intern: User, change: dict[str, str], why: str
) -> None:
    other = make_user("other")
    form = {"username": "other", "email": "other@example.edu", "is_active": "on"} | change

    assertContains(as_manager.post(reverse("admin:accounts_user_change", args=[other.pk]), form), why)


def test_lets_a_manager_switch_off_a_person_and_give_groups(as_manager: Client, intern: User) -> None:
    staff = Group.objects.get_or_create(name="Staff")[0]
    form = {"username": "intern", "email": "intern@example.edu", "groups": [staff.pk]}

    as_manager.post(reverse("admin:accounts_user_change", args=[intern.pk]), form)

    intern.refresh_from_db()
    assert not intern.is_active
    assert list(intern.groups.all()) == [staff]


def test_lets_no_manager_make_themselves_more_than_they_are(as_manager: Client, manager: User) -> None:
    form = {
        "username": "manager",
        "email": "manager@example.edu",
        "is_active": "on",
        "is_staff": "on",
        "is_superuser": "on",
        "user_permissions": [1, 2, 3],
        "groups": [manager.groups.get().pk],
    }

    assert as_manager.post(reverse("admin:accounts_user_change", args=[manager.pk]), form).status_code == 302

    manager.refresh_from_db()
    assert not manager.is_superuser
    assert not manager.user_permissions.exists()


def test_lets_no_manager_widen_what_a_group_may_do(as_manager: Client, manager: User) -> None:
    admins = manager.groups.get()
    before = set(admins.permissions.values_list("pk", flat=True))

    as_manager.post(reverse("admin:auth_group_change", args=[admins.pk]), {"name": "Admins", "permissions": [1]})

    assert set(admins.permissions.values_list("pk", flat=True)) == before


@pytest.mark.parametrize("page", ["accounts_user_change", "auth_user_password_change"])
def test_lets_no_manager_change_a_superuser(as_manager: Client, admin: User, page: str) -> None:
    data = {
        "username": "admin",
        "password1": "mine now it is",
        "password2": "mine now it is",
        "usable_password": "true",
    }

    assert as_manager.post(reverse(f"admin:{page}", args=[admin.pk]), data).status_code == 403

    admin.refresh_from_db()
    assert admin.check_password(PASSWORD)


def test_deletes_no_person(as_admin: Client, intern: User) -> None:
    assert as_admin.post(reverse("admin:accounts_user_delete", args=[intern.pk]), {"post": "yes"}).status_code == 403
    as_admin.post(
        reverse("admin:accounts_user_changelist"),
        {"action": "delete_selected", "_selected_action": [intern.pk], "post": "yes"},
    )

    assert User.objects.filter(pk=intern.pk).exists()


POLICY = {
    "temporary_lifetime_days": 30,
    "personal_lifetime_days": 365,
    "max_live_keys": "",
    "budget_usd": "",
    "budget_period": "7d",
    "rpm_limit": "",
    "tpm_limit": "",
    "grace_hours": 24,
    "playground": "on",
    "playground_budget_usd": "",
    "playground_budget_period": "1d",
}


def test_makes_a_policy_with_models_and_budget_for_the_playground(as_manager: Client) -> None:
    group = Group.objects.create(name="Course")
    told = {"model_names": "large", "playground_own_models": "on", "playground_model_names": " small\n\nsmall\ntiny\n"}

    as_manager.post(reverse("admin:accounts_policy_add"), POLICY | {"group": group.pk} | told)

    policy = Policy.objects.get(group=group)
    assert (policy.playground, policy.playground_budget_usd, policy.playground_budget_period) == (True, None, "1d")
    assert policy.playground_model_names == ["small", "tiny"]
    page = as_manager.get(reverse("admin:accounts_policy_change", args=[policy.pk]))
    assertContains(page, "small\ntiny</textarea>")


def test_makes_a_policy_with_models_one_a_line_and_empty_for_no_limit(as_manager: Client) -> None:
    group = Group.objects.create(name="Course")

    as_manager.post(
        reverse("admin:accounts_policy_add"), POLICY | {"group": group.pk, "model_names": "small\n\n large \nsmall\n"}
    )

    policy = Policy.objects.get(group=group)
    assert policy.model_names == ["small", "large"]
    assert (policy.max_live_keys, policy.budget_usd, policy.rpm_limit, policy.tpm_limit) == (None,) * 4
    page = as_manager.get(reverse("admin:accounts_policy_change", args=[policy.pk]))
    assertContains(page, "small\nlarge</textarea>")
    assertContains(page, "the first of the month (UTC)")  # the help texts


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"group": ""}, "There is a default policy already: choose a group."),
        ({}, "Name at least one model, or tick “all models”."),
        ({"budget_usd": "0", "all_models": "on"}, "greater than or equal to 0.01"),
    ],
)
def test_refuses_a_policy_in_words(as_manager: Client, change: dict[str, str], why: str) -> None:
    make_policy(None)
    group = Group.objects.create(name="Course")

    answer = as_manager.post(reverse("admin:accounts_policy_add"), POLICY | {"group": group.pk} | change)

    assertContains(answer, why)
    assert not Policy.objects.filter(group=group).exists()


def test_deletes_a_policy_but_never_the_default(as_manager: Client) -> None:
    default, other = make_policy(None), make_policy("Course")

    for policy, status in ((default, 403), (other, 302)):
        answer = as_manager.post(reverse("admin:accounts_policy_delete", args=[policy.pk]), {"post": "yes"})
        assert answer.status_code == status
    assert list(Policy.objects.filter(pk__in=[default.pk, other.pk])) == [default]


def test_changes_the_default_policy_and_keeps_it_the_default(as_manager: Client) -> None:
    default, group = make_policy(None), Group.objects.create(name="Course")
    form = POLICY | {"group": group.pk, "all_models": "on", "max_live_keys": 9}

    as_manager.post(reverse("admin:accounts_policy_change", args=[default.pk]), form)

    default.refresh_from_db()
    assert (default.group, default.max_live_keys) == (None, 9)


def test_reads_and_searches_the_trail_and_cannot_touch_it(as_manager: Client, entry: AuditEntry) -> None:
    trail = reverse("admin:accounts_auditentry_changelist")
    row = reverse("admin:accounts_auditentry_change", args=[entry.pk])
    sentence = "Created by Intern A from 10.0.0.1"

    for query in ("thesis", "intern", str(KEY), "10.0.0.1"):
        assertContains(as_manager.get(trail, {"q": query}), sentence)
    assertNotContains(as_manager.get(trail, {"q": "another"}), sentence)
    assertNotContains(as_manager.get(trail, {"action__exact": "delete"}), sentence)
    assertContains(as_manager.get(row), sentence)
    for path in (row, reverse("admin:accounts_auditentry_delete", args=[entry.pk])):
        assert as_manager.post(path, {"label": "forged", "post": "yes"}).status_code == 403
    assert AuditEntry.objects.get().label == "thesis"


def test_reads_a_page_of_the_trail_in_a_few_queries(
    as_manager: Client, entry: AuditEntry, django_assert_max_num_queries: Any
) -> None:
    for number in range(20):
        owner = make_intern(f"intern-{number}")
        record(act=Act(actor=owner), action="renew", outcome="done", owner=owner, key_id=KEY, label="")

    with django_assert_max_num_queries(8):
        as_manager.get(reverse("admin:accounts_auditentry_changelist"))
