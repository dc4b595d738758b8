"""Admins' changes to people, groups and policies are audited, with the former values."""

from typing import Any

import pytest
from allauth.socialaccount.models import SocialAccount
from django.contrib.auth.models import Group
from django.test import Client
from django.urls import reverse
from django.utils import translation
from pytest_django.asserts import assertContains

from accounts.models import AuditEntry, Policy, User
from tests.accounts.test_policy_admin import policy_form
from tests.conftest import signed_in
from tests.factories import make_policy

pytestmark = pytest.mark.django_db


def save_person(client: Client, person: User, **fields: Any) -> None:
    names = ("username", "email", "first_name", "last_name")
    form: dict[str, Any] = {name: getattr(person, name) for name in names} | {"is_active": "on", "stop_keys": "on"}
    form["groups"] = list(person.groups.values_list("pk", flat=True))
    url = reverse("admin:accounts_user_change", args=[person.pk])
    assert client.post(url, form | fields).status_code == 302


def said_of(kind: str, language: str = "en") -> list[tuple[str, str]]:
    """Return sentence and remark of each entry about such an object, oldest first, in a language."""
    entries = list(AuditEntry.objects.filter(object_kind=kind).order_by("id"))
    with translation.override(language):
        return [(entry.sentence, entry.remark.replace("\u00a0", " ")) for entry in entries]


def test_a_policy_says_what_it_was_and_what_it_is_in_the_readers_language(admin: User) -> None:
    group = Group.objects.create(name="Chemistry")
    browser = Client(headers={"accept-language": "fr"})
    browser.force_login(admin)
    browser.post(reverse("admin:accounts_policy_add"), policy_form(group=group.pk, max_live_keys=3))
    policy = Policy.objects.get(group=group)
    browser.post(
        reverse("admin:accounts_policy_change", args=[policy.pk]),
        policy_form(
            policy,
            max_live_keys=5,
            personal__all_models=None,
            personal__model_names="alpha\nbeta",
            playground__ends_at_0="2027-03-12",
            playground__ends_at_1="18:00",
        ),
    )
    browser.post(reverse("admin:accounts_policy_delete", args=[policy.pk]), {"post": "yes"})

    (_made, said), (_changed, remark), (deleted, nothing) = said_of("policy")
    assert "3" in said
    assert "3 → 5" in remark
    assert "Personal keys, all models: yes → no" in remark
    assert "Personal keys, models: – → alpha, beta" in remark
    assert "The Playground’s key, end date of all keys of this kind: – → 12 Mar 2027, 18:00" in remark
    assert "Temporary" not in remark
    assert (deleted, nothing) == ("Deleted by admin from 127.0.0.1", "")
    assert "oui → non" in said_of("policy", "fr")[1][1]
    assert {entry.object_name for entry in AuditEntry.objects.filter(object_kind="policy")} == {"Chemistry"}


def test_a_policy_that_is_saved_as_it_was_is_no_change(as_admin: Client) -> None:
    policy = make_policy("Chemistry", max_live_keys=3)
    url = reverse("admin:accounts_policy_change", args=[policy.pk])
    page = as_admin.get(url).context
    shown = [page["adminform"].form]
    for section in page["inline_admin_formsets"]:
        shown += [section.formset.management_form, *section.formset.forms]
    values = {field.html_name: field.value() for form in shown for field in form}
    initial = {name: value for name, value in values.items() if value not in (None, False)}

    assert as_admin.post(url, initial).status_code == 302

    assert said_of("policy") == []


def test_a_person_who_is_switched_off_and_on_and_gets_rights(as_admin: Client, intern: User) -> None:
    save_person(as_admin, intern, is_active="")
    save_person(as_admin, intern, is_active="on", groups=[Group.objects.get(name="Staff").pk], is_superuser="on")

    sentences = [sentence for sentence, _remark in said_of("person")]
    assert sentences == [
        "Account deactivated by admin from 127.0.0.1",
        "Changed by admin from 127.0.0.1",
        "Account activated by admin from 127.0.0.1",
    ]
    remark = said_of("person")[1][1]
    assert "groups: Interns → Staff" in remark
    assert "no → yes" in remark
    assert "groupes : Interns → Staff" in said_of("person", "fr")[1][1]
    assert {entry.subject for entry in AuditEntry.objects.filter(object_kind="person")} == {intern}


def test_of_names_and_addresses_only_that_they_changed(as_admin: Client, intern: User) -> None:
    save_person(as_admin, intern, first_name="Ngozi", last_name="Obi", email="ngozi@example.edu")

    ((_sentence, remark),) = said_of("person")
    assert "name" in remark
    assert "Ngozi" not in str(AuditEntry.objects.values_list("details", flat=True))
    assert "example.edu" not in str(AuditEntry.objects.values_list("details", flat=True))


def test_an_invitation_a_link_and_a_link_that_is_undone(as_admin: Client, intern: User) -> None:
    as_admin.post(reverse("admin:accounts_user_add"), {"username": "ada", "email": "ada@example.edu"})
    as_admin.post(reverse("admin:accounts_user_reset_link", args=[intern.pk]))
    links = [SocialAccount.objects.create(user=intern, provider="institution", uid=uid) for uid in ("a", "b")]
    as_admin.post(reverse("admin:socialaccount_socialaccount_delete", args=[links[0].pk]), {"post": "yes"})
    as_admin.post(
        reverse("admin:socialaccount_socialaccount_changelist"),
        {"action": "delete_selected", "_selected_action": [links[1].pk], "post": "yes"},
    )

    actions = AuditEntry.objects.order_by("id").values_list("action", "subject__username")
    assert list(actions) == [
        ("issue", "ada"),
        ("reset_link", "intern"),
        ("unlink", "intern"),
        ("unlink", "intern"),
    ]


def test_a_group_and_its_policy(as_admin: Client) -> None:
    as_admin.post(reverse("admin:auth_group_add"), {"name": "Chemistry"})
    group = Group.objects.get(name="Chemistry")
    make_policy("Chemistry")
    url = reverse("admin:auth_group_change", args=[group.pk])
    as_admin.post(url, {"name": "Physics"})
    as_admin.post(reverse("admin:auth_group_delete", args=[group.pk]), {"post": "yes"})

    assert [remark for _sentence, remark in said_of("group")][1] == "name: Chemistry → Physics."
    assert list(AuditEntry.objects.order_by("id").values_list("object_kind", "action")) == [
        ("group", "issue"),
        ("group", "change"),
        ("policy", "delete"),
        ("group", "delete"),
    ]


def test_the_admins_list_shows_people_by_the_name_that_they_have_now(as_admin: Client, intern: User) -> None:
    save_person(as_admin, intern, is_active="")
    User.objects.filter(pk=intern.pk).update(first_name="Ngozi", last_name="Obi")

    assertContains(as_admin.get(reverse("admin:accounts_auditentry_changelist")), "Ngozi Obi")


def test_what_was_done_to_a_person_is_not_among_what_was_done_with_keys(as_admin: Client, intern: User) -> None:
    save_person(as_admin, intern, first_name="Ngozi")

    page = signed_in(intern).get(reverse("keys:history"))

    assertContains(page, "Nothing yet.")
