"""Django's admin: who gets in, and what nobody can do there."""

import re
from decimal import Decimal
from typing import Any

import pytest
from allauth.account.models import EmailAddress
from allauth.socialaccount.models import SocialAccount
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Group, Permission
from django.core import mail
from django.forms import model_to_dict
from django.test import Client
from django.urls import NoReverseMatch, reverse
from django.utils import timezone
from pytest_django.asserts import assertContains, assertNotContains, assertRedirects

from accounts.audit import Act, record
from accounts.models import AuditEntry, KeyKind, Policy, User
from tests.accounts.test_audit import KEY
from tests.conftest import signed_in
from tests.factories import PASSWORD, make_intern, make_policy, make_user
from tests.tasks import run_tasks, waiting_tasks


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
    return record(act=act, action="issue", outcome="done", subject=intern, kind="key", object_id=KEY, label="thesis")


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


def test_makes_nobody_whom_no_mail_can_reach(as_admin: Client) -> None:
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


def _change(client: Client, person: User, **fields: Any) -> int:
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

        assert _change(signed_in(person), person, groups=groups, **more) == 403

    assert _change(signed_in(admin), admin, first_name="Boss", is_superuser="on") == 302
    assert {user.username for user in User.objects.filter(first_name="Boss")} == {"admin"}
    assert not helper.groups.exists()


def test_gives_nobody_a_group_that_may_more_than_the_giver(helper: User, intern: User, as_manager: Client) -> None:
    admins = Group.objects.get(name="Admins")

    assert _change(signed_in(helper), intern, groups=[admins.pk]) == 200  # with "not a valid choice"
    assert not intern.groups.filter(pk=admins.pk).exists()
    _change(as_manager, intern, groups=[admins.pk], is_superuser="on", user_permissions=[1])

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

    assert _change(client, boss, email="helper2@example.edu") == 403
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
    _change(as_admin, intern, password="mine now", password1="mine now", password2="mine now")
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


def test_sends_no_link_to_who_is_inactive_or_has_no_address(as_admin: Client) -> None:
    for person in (make_user("left", is_active=False), make_user("quiet", email="")):
        assert as_admin.post(reverse("admin:accounts_user_reset_link", args=[person.pk])).status_code == 403
    assert as_admin.post(reverse("admin:accounts_user_reset_link", args=[987654])).status_code == 404
    assert waiting_tasks() == []


def test_tells_a_person_whose_address_an_admin_changes_and_forgets_the_one_before(
    as_manager: Client, intern: User
) -> None:
    EmailAddress.objects.create(user=intern, email=intern.email, verified=True, primary=True)

    assert _change(as_manager, intern, email="new@example.edu") == 302

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


def test_opens_the_admin_to_who_gets_a_group_with_rights_and_closes_it_again(as_admin: Client, intern: User) -> None:
    """Nobody has to know of a tick called "staff status"."""
    theirs = signed_in(intern)
    group = Group.objects.get(name="Admins")
    _change(as_admin, intern, groups=[group.pk])
    assert theirs.get(reverse("admin:index")).status_code == 200
    assertContains(theirs.get(reverse("keys:index")), reverse("admin:index"))

    as_admin.post(reverse("admin:auth_group_change", args=[group.pk]), {"name": "Admins", "permissions": []})

    assert theirs.get(reverse("admin:index"), follow=True).status_code == 403


def test_lets_no_manager_change_the_policy_that_they_live_by(as_manager: Client, manager: User) -> None:
    """Nor that of a group into which the institution would put them."""
    group = Group.objects.create(name="Rich")
    data = {"userinfo": {"sub": "m", "groups": ["Rich"]}}
    SocialAccount.objects.create(user=manager, provider="institution", uid="m", extra_data=data)
    own = Policy.objects.get(group__name="Admins")

    for path in ("change", "delete"):
        url = reverse(f"admin:accounts_policy_{path}", args=[own.pk])
        assert as_manager.post(url, policy_form(own) | {"post": "yes"}).status_code == 403
    as_manager.post(reverse("admin:accounts_policy_add"), policy_form(group=group.pk))
    interns = Policy.objects.get(group__name="Interns")
    as_manager.post(reverse("admin:accounts_policy_change", args=[interns.pk]), policy_form(interns, group=group.pk))

    assert not Policy.objects.filter(group=group).exists()
    manager.groups.clear()
    manager.user_permissions.set(Permission.objects.filter(content_type__app_label__in=("accounts", "auth")))
    default = Policy.objects.get(group=None)
    url = reverse("admin:accounts_policy_change", args=[default.pk])
    assert as_manager.post(url, policy_form(default)).status_code == 403


def test_lets_no_manager_touch_a_group_with_more_rights_or_of_their_own(as_manager: Client, manager: User) -> None:
    deans = Group.objects.create(name="Deans")
    deans.permissions.set(Permission.objects.all())
    for group in (deans, manager.groups.get()):
        url = reverse("admin:auth_group_change", args=[group.pk])
        assert as_manager.post(url, {"name": "Mine"}).status_code == 403

    url = reverse("admin:auth_group_change", args=[Group.objects.get(name="Interns").pk])
    as_manager.post(url, {"name": "Rich"})  # to which the institution may put them

    assert Group.objects.filter(name__in=("Deans", "Admins", "Interns")).count() == 3


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


def test_lets_no_manager_widen_what_a_group_may_do(as_manager: Client, manager: User) -> None:
    admins = manager.groups.get()
    before = set(admins.permissions.values_list("pk", flat=True))

    staff = Group.objects.get_or_create(name="Staff")[0]

    for group in (admins, staff):
        url = reverse("admin:auth_group_change", args=[group.pk])
        as_manager.post(url, {"name": group.name, "permissions": [1]})

    assert not staff.permissions.exists()
    assert set(admins.permissions.values_list("pk", flat=True)) == before


def test_lets_no_manager_change_a_superuser(as_manager: Client, admin: User) -> None:
    assert _change(as_manager, admin, email="manager2@example.edu") == 403


def test_deletes_no_person(as_admin: Client, intern: User) -> None:
    assert as_admin.post(reverse("admin:accounts_user_delete", args=[intern.pk]), {"post": "yes"}).status_code == 403
    as_admin.post(
        reverse("admin:accounts_user_changelist"),
        {"action": "delete_selected", "_selected_action": [intern.pk], "post": "yes"},
    )

    assert User.objects.filter(pk=intern.pk).exists()


def policy_form(policy: Policy | None = None, **fields: Any) -> dict[str, Any]:
    """Return the form of a policy as a browser sends it; the fields are named as in `make_policy`, None: not ticked."""
    of_policy = {
        "group": policy.group_id or "" if policy else "",
        "max_live_keys": "",
        "grace_hours": 24,
        "person_budget_usd": "",
        "person_budget_period": "7d",
    }
    form: dict[str, Any] = {}
    for kind in KeyKind.values:
        rule = policy.rules.filter(kind=kind).first() if policy else None
        form |= {f"{kind}-TOTAL_FORMS": 1, f"{kind}-INITIAL_FORMS": 1 if rule else 0}
        form |= {f"{kind}-0-id": rule.pk if rule else "", f"{kind}-0-policy": policy.pk if policy else ""}
        of_rule: dict[str, Any] = {"allowed": "on", "lifetime_days": 30, "budget_period": "7d", "all_models": "on"}
        of_rule |= dict.fromkeys(("max_keys", "budget_usd", "rpm_limit", "tpm_limit", "model_names"), "")
        form |= {f"{kind}-0-{name}": value for name, value in of_rule.items()}
    for name, value in fields.items():
        kind, _, of_kind = name.rpartition("__")
        (form if kind else of_policy)[f"{kind}-0-{of_kind}" if kind else name] = value
    return {name: value for name, value in {**of_policy, **form}.items() if value is not None}


def test_makes_a_policy_with_a_rule_for_each_kind_of_key(as_manager: Client) -> None:
    """Models one a line, and empty for no limit."""
    group = Group.objects.create(name="Course")
    form = policy_form(
        group=group.pk,
        temporary__all_models=None,
        temporary__model_names="small\n\n large \nsmall\n",
        personal__allowed=None,
        playground__budget_usd="0.50",
        playground__budget_period="1d",
        playground__all_models=None,
        playground__model_names=" small\n\nsmall\ntiny\n",
        playground__ends_at_0="2027-03-12",
        playground__ends_at_1="18:00",
    )

    assert as_manager.post(reverse("admin:accounts_policy_add"), form).status_code == 302

    policy = Policy.objects.get(group=group)
    temporary, personal, playground = (policy.rules.get(kind=kind) for kind in KeyKind.values)
    assert {policy.max_live_keys, policy.person_budget_usd} == {None}
    assert (temporary.model_names, temporary.all_models) == (["small", "large"], False)
    assert {temporary.budget_usd, temporary.rpm_limit, temporary.tpm_limit, temporary.max_keys} == {None}
    assert (temporary.allowed, personal.allowed, playground.allowed) == (True, False, True)
    assert (playground.budget_usd, playground.budget_period) == (Decimal("0.50"), "1d")
    assert playground.model_names == ["small", "tiny"]
    assert timezone.localtime(playground.ends_at).isoformat()[:16] == "2027-03-12T18:00"
    page = as_manager.get(reverse("admin:accounts_policy_change", args=[policy.pk]))
    assertContains(page, "small\nlarge</textarea>")
    assertContains(page, "small\ntiny</textarea>")
    assertContains(page, 'value="0.50"')
    assertContains(page, "the first of the month (UTC)")  # the help texts


def test_proposes_for_each_kind_what_a_new_policy_has(as_manager: Client) -> None:
    """And saves it, though nothing was changed."""
    page = as_manager.get(reverse("admin:accounts_policy_add"))
    assertContains(page, 'name="personal-0-lifetime_days" value="365"')
    assertContains(page, 'name="playground-0-budget_usd" value="2"')
    assertNotContains(page, 'name="temporary-0-allowed"')
    assertNotContains(page, 'name="playground-0-max_keys"')
    group = Group.objects.create(name="Course")
    form = policy_form(group=group.pk, personal__lifetime_days=365, personal__allowed=None)

    as_manager.post(reverse("admin:accounts_policy_add"), form)

    assert set(Policy.objects.get(group=group).rules.values_list("kind", flat=True)) == set(KeyKind.values)


def test_changes_one_kind_and_leaves_the_others(as_manager: Client) -> None:
    policy = make_policy("Course", budget_usd=Decimal(7), personal__allowed=True, playground__rpm_limit=3)
    before = {rule.kind: rule for rule in policy.rules.all()}
    form = policy_form(policy)
    for kind, rule in before.items():
        kept = {"budget_usd": rule.budget_usd, "budget_period": "30d", "rpm_limit": rule.rpm_limit}
        kept |= {"tpm_limit": rule.tpm_limit, "lifetime_days": rule.lifetime_days}
        form |= {f"{kind}-0-{name}": value for name, value in kept.items()}

    form["personal-0-rpm_limit"] = 11
    assert as_manager.post(reverse("admin:accounts_policy_change", args=[policy.pk]), form).status_code == 302

    after = {rule.kind: model_to_dict(rule) for rule in policy.rules.all()}
    expected = {kind: model_to_dict(rule) for kind, rule in before.items()}
    expected["personal"]["rpm_limit"] = 11
    assert after == expected


@pytest.mark.parametrize("kind", KeyKind.values)
def test_loses_no_kind_where_its_section_is_missing(as_manager: Client, kind: str) -> None:
    policy, group = make_policy("Course"), Group.objects.create(name="Other")

    for url, form in (
        (reverse("admin:accounts_policy_change", args=[policy.pk]), policy_form(policy)),
        (reverse("admin:accounts_policy_add"), policy_form(group=group.pk)),
    ):
        for left_out in (
            {name: value for name, value in form.items() if not name.startswith(f"{kind}-")},
            form | {f"{kind}-TOTAL_FORMS": 0, f"{kind}-INITIAL_FORMS": 0},
        ):
            assert as_manager.post(url, left_out).status_code == 200  # with an error

    assert policy.rules.count() == len(KeyKind)
    assert not Policy.objects.filter(group=group).exists()


def test_offers_a_kind_that_a_policy_has_no_rule_for(as_manager: Client) -> None:
    """As after an update of the portal that brings a kind."""
    policy = make_policy("Course")
    policy.rules.filter(kind="personal").delete()
    url = reverse("admin:accounts_policy_change", args=[policy.pk])
    assertContains(as_manager.get(url), 'name="personal-0-lifetime_days" value="365"')
    late = policy_form(policy)

    assert as_manager.post(url, policy_form(policy)).status_code == 302
    assert policy.rules.count() == len(KeyKind)

    assertContains(as_manager.post(url, late), "Somebody else has changed this policy")
    assert policy.rules.count() == len(KeyKind)


def test_shows_a_policy_to_who_may_only_look(intern: User) -> None:
    intern.user_permissions.add(Permission.objects.get(codename="view_policy"))
    User.objects.filter(pk=intern.pk).update(is_staff=True)
    policy = make_policy("Course", all_models=False, model_names=["small"])
    url, client = reverse("admin:accounts_policy_change", args=[policy.pk]), signed_in(intern)

    page = client.get(url)

    for words in ("Temporary keys", "Personal keys", "The Playground’s key", "small"):
        assertContains(page, words)
    assertNotContains(page, 'name="personal-0-rpm_limit')
    assert client.post(url, policy_form(policy)).status_code == 403


@pytest.mark.parametrize(
    ("change", "field", "why"),
    [
        ({"group": ""}, "", "There is already a default policy: choose a group."),
        ({"personal__all_models": None}, "field-model_names", "List at least one model, or tick “all models”."),
        ({"playground__budget_usd": "0"}, "field-budget_usd", "greater than or equal to 0.01"),
        ({"temporary__lifetime_days": "0"}, "field-lifetime_days", "greater than or equal to 1"),
        ({"person_budget_usd": "-1"}, "field-person_budget_usd", "greater than or equal to 0.01"),
    ],
)
def test_refuses_a_policy_in_words_at_the_field(
    as_manager: Client, change: dict[str, Any], field: str, why: str
) -> None:
    make_policy(None)
    group = Group.objects.create(name="Course")

    form: dict[str, Any] = {"group": group.pk, **change}
    answer = as_manager.post(reverse("admin:accounts_policy_add"), policy_form(**form))

    assertContains(answer, why)
    assert not field or re.search(rf'class="form-row errors {field}">\s*<ul class="errorlist"', answer.content.decode())
    assert not Policy.objects.filter(group=group).exists()


def test_logs_which_rule_was_changed(as_admin: Client) -> None:
    policy = make_policy("Course")

    as_admin.post(reverse("admin:accounts_policy_change", args=[policy.pk]), policy_form(policy))

    said = LogEntry.objects.get().get_change_message()
    assert "Changed Budget of each key, USD" in said.replace("budget of", "Budget of")
    assert "rule “Personal keys”" in said


def test_deletes_a_policy_but_never_the_default(as_manager: Client) -> None:
    default, other = make_policy(None), make_policy("Course")

    for policy, status in ((default, 403), (other, 302)):
        answer = as_manager.post(reverse("admin:accounts_policy_delete", args=[policy.pk]), {"post": "yes"})
        assert answer.status_code == status
    assert list(Policy.objects.filter(pk__in=[default.pk, other.pk])) == [default]


def test_changes_the_default_policy_and_keeps_it_the_default(as_manager: Client) -> None:
    default, group = make_policy(None), Group.objects.create(name="Course")
    form = policy_form(default, group=group.pk, max_live_keys=9)

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
        record(act=Act(actor=owner), action="renew", outcome="done", subject=owner, kind="key", object_id=KEY, label="")

    with django_assert_max_num_queries(8):
        as_manager.get(reverse("admin:accounts_auditentry_changelist"))
