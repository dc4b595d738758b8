"""Linking existing accounts to the institution."""

import pytest
from allauth.account.models import EmailAddress
from allauth.socialaccount.models import SocialAccount
from django.contrib.auth.models import Group, Permission
from django.core import mail
from django.test import Client
from django.urls import reverse
from pytest_django import Settings
from pytest_django.asserts import assertContains, assertRedirects

from accounts.models import User
from tests.accounts.institution import Institution
from tests.accounts.signing_in import SignIn, is_signed_in
from tests.accounts.visits import come_back, groups_of
from tests.factories import make_intern, make_user
from tests.tasks import run_tasks


def test_links_the_account_that_has_the_verified_address(client: Client, institution: Institution, db: None) -> None:
    user = make_intern("ada", email="ada@example.edu")
    institution.knows("u1", email="ADA@example.edu", email_verified=True, groups=["Staff"])

    come_back(client)

    assert User.objects.get() == user
    assert groups_of(user) == {"Interns", "Staff"}
    run_tasks()
    assert [message.subject for message in mail.outbox] == ["[Passerelle] Your account was linked to your institution"]
    client.logout()
    institution.knows("u1", email="changed@example.edu", email_verified=True)
    come_back(client)
    assert is_signed_in(client)
    assert User.objects.count() == 1


def test_linking_an_account_with_an_unconfirmed_address_removes_its_password(
    client: Client, institution: Institution, sign_in: SignIn, db: None
) -> None:
    make_intern("ada", email="ada@example.edu")
    institution.knows("u1", email="ada@example.edu", email_verified=True)
    come_back(client)
    client.logout()

    assert sign_in("ada").status_code == 422


def test_keeps_the_password_of_an_account_whose_address_was_confirmed(
    client: Client, institution: Institution, sign_in: SignIn, db: None
) -> None:
    user = make_intern("ada", email="ada@example.edu")
    EmailAddress.objects.create(user=user, email="ada@example.edu", verified=True, primary=True)
    institution.knows("u1", email="ada@example.edu", email_verified=True)
    come_back(client)
    client.logout()

    assert sign_in("ada").status_code == 302


@pytest.mark.parametrize("claims", [{"email_verified": no} for no in (False, "false", "False", "no", 1, [1])] + [{}])
def test_does_not_link_by_an_address_that_the_institution_has_not_verified(
    client: Client, institution: Institution, db: None, claims: dict[str, object]
) -> None:
    make_intern("ada", email="ada@example.edu")
    institution.knows("u1", email="ada@example.edu", **claims)

    assertContains(come_back(client), "No account was created")

    assert not is_signed_in(client)
    assert User.objects.count() == 1


@pytest.mark.parametrize("yes", [True, "true"])
def test_links_by_an_address_verified_in_either_spelling(
    client: Client, institution: Institution, db: None, yes: object
) -> None:
    user = make_intern("ada", email="ada@example.edu")
    institution.knows("u1", email="ada@example.edu", email_verified=yes)

    come_back(client)

    assert SocialAccount.objects.get().user == user


@pytest.mark.parametrize("rights", [False, True])
def test_links_by_an_address_without_a_verified_claim_where_addresses_are_trusted(
    client: Client, institution: Institution, db: None, settings: Settings, rights: bool
) -> None:
    """Entra ID says of no address that it is verified. An account with rights is not linked even so."""
    settings.OIDC_TRUST_EMAIL = True
    make_user("ada", email="ada@example.edu", is_staff=rights)
    institution.knows("u1", email="ada@example.edu")

    come_back(client)

    assert is_signed_in(client) is not rights
    assert SocialAccount.objects.exists() is not rights


def test_takes_no_address_for_verified_by_a_word_about_another_address(
    client: Client, institution: Institution, db: None
) -> None:
    make_intern("ada", email="ada@example.edu")
    institution.knows("u1", email="ada@example.edu")
    institution.id_token_claims = {"email": "mallory@example.edu", "email_verified": True}

    assertContains(come_back(client), "No account was created")


@pytest.mark.parametrize("rights", ["staff", "superuser", "group", "permission", "inactive"])
def test_never_links_an_account_with_rights_by_its_address(
    client: Client, institution: Institution, db: None, rights: str
) -> None:
    """A mailbox, or an address given anew, must not be enough to become an admin."""
    user = make_user("boss", email="boss@example.edu", is_staff=rights == "staff", is_superuser=rights == "superuser")
    if rights in ("group", "inactive"):
        user.groups.add(Group.objects.get(name="Admins"))
    if rights == "permission":
        user.user_permissions.add(Permission.objects.get(codename="view_everyone"))
    User.objects.update(is_active=rights != "inactive")
    institution.knows("u1", email="boss@example.edu", email_verified=True)

    assertContains(come_back(client), "No account was created")

    assert not is_signed_in(client)
    assert not SocialAccount.objects.exists()


def test_does_not_link_by_an_address_that_somebody_is_only_changing_to(
    client: Client, institution: Institution, db: None
) -> None:
    other = make_intern("mallory")
    EmailAddress.objects.create(user=other, email="ada@example.edu", verified=False)
    institution.knows("u1", email="ada@example.edu", email_verified=True)

    assertContains(come_back(client), "No account was created")
    assert not SocialAccount.objects.exists()


def test_does_not_give_an_account_to_the_next_holder_of_its_address(
    client: Client, institution: Institution, db: None
) -> None:
    institution.knows("u1", email="ada@example.edu", email_verified=True)
    come_back(client)
    client.logout()
    institution.knows("u2", email="ada@example.edu", email_verified=True)

    assertContains(come_back(client), "No account was created")
    assert not is_signed_in(client)


def test_does_not_let_in_an_inactive_person(client: Client, institution: Institution, db: None) -> None:
    institution.knows("u1")
    come_back(client)
    client.logout()
    User.objects.update(is_active=False)

    assertRedirects(come_back(client), reverse("account_inactive"), fetch_redirect_response=False)
    assert not is_signed_in(client)
