"""Django's admin: who has access, and what nobody can do there."""

import re
from typing import Any

import pytest
from allauth.account.models import EmailAddress
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Group, Permission
from django.core import mail
from django.test import Client
from django.urls import NoReverseMatch, reverse
from pytest_django.asserts import assertContains, assertNotContains, assertRedirects

from accounts.audit import Actor, record
from accounts.models import AuditEntry, User
from tests.accounts.test_audit import KEY
from tests.conftest import signed_in
from tests.factories import PASSWORD, make_intern, make_policy, make_user
from tests.tasks import run_tasks, waiting_tasks


@pytest.fixture
def entry(intern: User) -> AuditEntry:
    actor = Actor(user=intern, address="10.0.0.1")
    return record(
        actor=actor, action="issue", outcome="done", subject=intern, kind="key", object_id=KEY, label="thesis"
    )


def test_anonymous_users_are_sent_to_the_sign_in_page(client: Client, db: None) -> None:
    for path in (reverse("admin:index"), reverse("admin:login")):
        answer = client.get(path, follow=True)
        assert answer.redirect_chain[-1][0].startswith(reverse("account_login"))


def test_the_admin_has_no_sign_in_page_of_its_own(client: Client, db: None) -> None:
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
        "accounts_user": entry.subject_id,
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


def test_invites_a_person_who_chooses_their_own_password(as_manager: Client) -> None:
    person = {"username": "ada", "email": "Ada@Example.edu", "first_name": "Intern A"}
    typed = {"usable_password": "true", "password1": PASSWORD, "password2": PASSWORD}

    assert as_manager.post(reverse("admin:accounts_user_add"), person | typed).status_code == 302

    user = User.objects.get(username="ada")
    assert user.email == "ada@example.edu"
    assert not user.has_usable_password()
    run_tasks()
    [message] = mail.outbox
    assert (message.to, message.subject) == (["ada@example.edu"], "[Passerelle] Your account in Passerelle")
    link = re.search(r"http://127.0.0.1:8000(/account/password/reset/key/\S+)", str(message.body))
    assert link
    form = Client().get(link[1], follow=True)
    assertContains(form, 'name="password1"')


def test_an_account_needs_an_address(as_admin: Client) -> None:
    assert as_admin.post(reverse("admin:accounts_user_add"), {"username": "ada", "email": ""}).status_code == 200

    assert not User.objects.filter(username="ada").exists()


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"username": "INTERN"}, "This user name is already taken."),
        ({"email": "INTERN@example.edu"}, "This e-mail address is already in use."),
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


FORM = {"username": "intern", "email": "intern@example.edu", "is_active": "on"}


def change_account(client: Client, person: User, **fields: Any) -> int:
    form = FORM | {"username": person.username, "email": person.email} | fields
    return client.post(reverse("admin:accounts_user_change", args=[person.pk]), form).status_code


@pytest.fixture
def helper(db: None) -> User:
    """Make somebody who may change people, and has no other right."""
    person = make_user("helper", is_staff=True)
    person.user_permissions.set(Permission.objects.filter(codename__in=("view_user", "change_user", "view_group")))
    return person


def test_lets_nobody_but_superusers_change_themselves(manager: User, helper: User, admin: User) -> None:
    more = {"first_name": "Boss", "is_superuser": "on", "user_permissions": [1, 2], "is_staff": "on"}
    for person in (manager, helper):
        groups = [group.pk for group in Group.objects.all()]

        assert change_account(signed_in(person), person, groups=groups, **more) == 403

    assert change_account(signed_in(admin), admin, first_name="Boss", is_superuser="on") == 302
    assert {user.username for user in User.objects.filter(first_name="Boss")} == {"admin"}
    assert not helper.groups.exists()


def test_nobody_gives_a_group_with_more_rights_than_their_own(helper: User, intern: User, as_manager: Client) -> None:
    admins = Group.objects.get(name="Admins")

    assert change_account(signed_in(helper), intern, groups=[admins.pk]) == 200  # with "not a valid choice"
    assert not intern.groups.filter(pk=admins.pk).exists()
    change_account(as_manager, intern, groups=[admins.pk], is_superuser="on", user_permissions=[1])

    intern.refresh_from_db()
    assert list(intern.groups.all()) == [admins]
    assert not intern.is_superuser
    assert not intern.user_permissions.exists()


@pytest.mark.parametrize("rights", ["group", "permission", "superuser", "inactive"])
def test_lets_nobody_change_somebody_with_more_rights(helper: User, rights: str) -> None:
    """By no way: not the address, to which a link to the account could be sent, nor "active", nor the link itself."""
    boss = make_user("boss", groups=("Admins",) if rights in ("group", "inactive") else ())
    if rights == "permission":
        boss.user_permissions.add(Permission.objects.get(codename="change_policy"))
    User.objects.filter(pk=boss.pk).update(is_superuser=rights == "superuser", is_active=rights != "inactive")
    client = signed_in(helper)

    assert change_account(client, boss, email="helper2@example.edu") == 403
    assert client.post(reverse("admin:accounts_user_reset_link", args=[boss.pk])).status_code == 403

    boss.refresh_from_db()
    assert boss.email == "boss@example.edu"
    assert waiting_tasks() == []


def test_offers_nobody_a_way_to_set_the_password_of_another(as_admin: Client, intern: User) -> None:
    page = as_admin.get(reverse("admin:accounts_user_change", args=[intern.pk]))

    assertNotContains(page, "password/")
    assertNotContains(page, "password1")
    for path in ("password/", "change/password/"):
        as_admin.post(f"/admin/accounts/user/{intern.pk}/{path}", {"password1": "mine now", "password2": "mine now"})
    change_account(as_admin, intern, password="mine now", password1="mine now", password2="mine now")
    intern.refresh_from_db()
    assert intern.check_password(PASSWORD)


def test_sends_a_person_a_link_to_choose_a_new_password(as_manager: Client, manager: User, intern: User) -> None:
    send = reverse("admin:accounts_user_reset_link", args=[intern.pk])
    assertContains(as_manager.get(reverse("admin:accounts_user_change", args=[intern.pk])), f'action="{send}"')
    assert as_manager.get(send).status_code == 405

    answer = as_manager.post(send, follow=True)

    assertContains(answer, "on its way to intern@example.edu")
    run_tasks()
    [message] = mail.outbox
    assert message.to == ["intern@example.edu"]
    assert "an administrator sends you this link" in message.body
    entry = LogEntry.objects.get()
    assert (entry.user, entry.object_id) == (manager, str(intern.pk))
    assert "Sent a link" in entry.get_change_message()
    link = re.search(r"/reset/key/\S+", str(message.body))
    assert link
    assert link[0] not in entry.change_message + answer.content.decode()


def test_sends_no_link_to_inactive_people_or_without_an_address(as_admin: Client) -> None:
    for person in (make_user("left", is_active=False), make_user("quiet", email="")):
        assert as_admin.post(reverse("admin:accounts_user_reset_link", args=[person.pk])).status_code == 403
    assert as_admin.post(reverse("admin:accounts_user_reset_link", args=[987654])).status_code == 404
    assert waiting_tasks() == []


def test_an_address_changed_by_an_admin_replaces_the_former_and_notifies_it(as_manager: Client, intern: User) -> None:
    EmailAddress.objects.create(user=intern, email=intern.email, verified=True, primary=True)

    assert change_account(as_manager, intern, email="new@example.edu") == 302

    run_tasks()
    [message] = mail.outbox
    assert (message.to, message.subject) == (["intern@example.edu"], "[Passerelle] Your e-mail address was changed")
    assert "An administrator did this: manager." in message.body
    Client().post(reverse("account_reset_password"), {"email": "intern@example.edu"})
    assert [arguments[1] for _name, arguments in waiting_tasks()] == [None]


def test_logs_which_rights_were_given_and_taken(as_manager: Client, intern: User) -> None:
    staff = Group.objects.get(name="Staff")

    as_manager.post(
        reverse("admin:accounts_user_change", args=[intern.pk]),
        {"username": "intern", "email": "intern@example.edu", "groups": [staff.pk]},
    )

    said = LogEntry.objects.get().get_change_message()
    assert "Interns → Staff" in said
    assert "True → False" in said


def test_a_group_with_rights_opens_the_admin_and_losing_it_closes_it(as_admin: Client, intern: User) -> None:
    """Nobody has to know of a tick called "staff status"."""
    theirs = signed_in(intern)
    group = Group.objects.get(name="Admins")
    change_account(as_admin, intern, groups=[group.pk])
    assert theirs.get(reverse("admin:index")).status_code == 200
    assertContains(theirs.get(reverse("keys:index")), reverse("admin:index"))

    as_admin.post(reverse("admin:auth_group_change", args=[group.pk]), {"name": "Admins", "permissions": []})

    assert theirs.get(reverse("admin:index"), follow=True).status_code == 403


def test_a_closed_account_has_no_session_when_it_is_opened_again(as_admin: Client, intern: User) -> None:
    theirs = signed_in(intern)
    change_account(as_admin, intern, is_active="")
    change_account(as_admin, intern, is_active="on")

    assert theirs.get(reverse("keys:index")).status_code == 302
    assert User.objects.get(pk=intern.pk).sessions_ended_at is not None


@pytest.mark.parametrize("model", ["account_emailaddress", "socialaccount_socialaccount"])
def test_has_no_other_way_into_an_account(manager: User, admin: User, model: str) -> None:
    """With every permission there is, an address or a link of one's own at another's account would be one."""
    manager.user_permissions.set(Permission.objects.all())
    client = signed_in(manager)

    for page in ("changelist", "add"):
        try:
            url = reverse(f"admin:{model}_{page}")
        except NoReverseMatch:
            continue
        assert client.get(url).status_code == 403


def test_lets_no_manager_change_a_superuser(as_manager: Client, admin: User) -> None:
    assert change_account(as_manager, admin, email="manager2@example.edu") == 403


def test_deletes_no_person(as_admin: Client, intern: User) -> None:
    assert as_admin.post(reverse("admin:accounts_user_delete", args=[intern.pk]), {"post": "yes"}).status_code == 403
    as_admin.post(
        reverse("admin:accounts_user_changelist"),
        {"action": "delete_selected", "_selected_action": [intern.pk], "post": "yes"},
    )

    assert User.objects.filter(pk=intern.pk).exists()


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
        record(
            actor=Actor(user=owner), action="renew", outcome="done", subject=owner, kind="key", object_id=KEY, label=""
        )

    with django_assert_max_num_queries(8):
        as_manager.get(reverse("admin:accounts_auditentry_changelist"))
