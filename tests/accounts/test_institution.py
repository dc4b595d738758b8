"""Signing in with the institution, against a provider on loopback."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import requests
from allauth.account.models import EmailAddress
from allauth.socialaccount.models import SocialAccount, SocialToken
from django.contrib.auth.models import Group, Permission
from django.core import mail
from django.test import Client
from django.urls import reverse
from pytest_django import Settings
from pytest_django.asserts import assertContains, assertRedirects

from accounts.checks import institution_is_asked_over_https
from accounts.institution import usable_claims
from accounts.models import User
from accounts.services import take_over_groups
from tests.accounts.conftest import SignIn, is_signed_in, providers
from tests.accounts.institution import CLIENT_ID, CLIENT_SECRET, Institution
from tests.factories import make_intern, make_user
from tests.tasks import run_tasks

LOGIN = "/account/oidc/institution/login/"
CALLBACK = f"{LOGIN}callback/"


def _come_back(client: Client, start: str = LOGIN) -> Any:
    """Go to the institution and back as a browser does; answer the portal's response."""
    sent = client.get(start)
    assert sent.status_code == 302, sent.content
    back = requests.get(sent["Location"], allow_redirects=False, timeout=5).headers["Location"]
    assert back.startswith(f"http://testserver{CALLBACK}?")
    return client.get(back.removeprefix("http://testserver"))


def _groups(user: User) -> set[str]:
    return {group.name for group in user.groups.all()}


def test_is_offered_first_and_keeps_where_one_wanted_to_go(client: Client, institution: Institution, db: None) -> None:
    page = client.get(reverse("account_login"), {"next": "/usage/?a=1&b=2"})

    assertContains(page, "Sign in with Example University")
    assertContains(page, f'href="{LOGIN}?next=/usage/%3Fa%3D1%26b%3D2"')
    institution.knows("u1")
    assertRedirects(
        _come_back(client, f"{LOGIN}?next=/usage/%3Fa%3D1%26b%3D2"), "/usage/?a=1&b=2", fetch_redirect_response=False
    )


def test_makes_an_account_for_somebody_new_though_sign_up_is_closed(
    client: Client, institution: Institution, db: None, settings: Settings
) -> None:
    assert not settings.SIGNUP_OPEN
    institution.knows(
        "u1", preferred_username="ada", email="Ada@Example.edu", email_verified=True, given_name="Intern A"
    )

    assertRedirects(_come_back(client), reverse("keys:index"), fetch_redirect_response=False)

    user = User.objects.get()
    assert (user.username, user.email, user.first_name) == ("ada", "ada@example.edu", "Intern A")
    assert not user.has_usable_password()
    assert not user.is_staff
    assert is_signed_in(client)
    assert not SocialToken.objects.exists()


def test_knows_somebody_again(client: Client, institution: Institution, db: None) -> None:
    institution.knows("u1", preferred_username="ada", email="ada@example.edu")
    _come_back(client)
    client.logout()
    institution.knows("u1", preferred_username="renamed", email="renamed@example.edu")

    _come_back(client)

    assert User.objects.get().username == "ada"
    assert is_signed_in(client)


def test_lets_in_somebody_of_whom_only_the_subject_is_known(client: Client, institution: Institution, db: None) -> None:
    institution.knows("u1")

    _come_back(client)

    assert is_signed_in(client)
    assert User.objects.get().email == ""


def test_gives_another_user_name_when_it_is_taken(client: Client, institution: Institution, db: None) -> None:
    make_intern("ada", email="")
    institution.knows("u1", preferred_username="Ada", email="other@example.edu")

    _come_back(client)

    assert is_signed_in(client)
    assert User.objects.count() == 2


def test_proves_itself_with_pkce_and_asks_userinfo(client: Client, institution: Institution, db: None) -> None:
    institution.knows("u1")
    asked = parse_qs(urlsplit(client.get(LOGIN)["Location"]).query)

    _come_back(client)

    assert asked["code_challenge_method"] == ["S256"]
    assert set(asked["scope"][0].split()) == {"openid", "profile", "email"}
    assert {"/token", "/userinfo"} < set(institution.asked)


@pytest.mark.parametrize("parameters", ["scope=admin", "auth_params=prompt%3Dnone"])
def test_sends_nothing_on_that_a_link_brings(
    client: Client, institution: Institution, db: None, parameters: str
) -> None:
    sent = parse_qs(urlsplit(client.get(f"{LOGIN}?{parameters}")["Location"]).query)

    assert "admin" not in sent["scope"][0]
    assert "prompt" not in sent


def test_never_ties_the_institution_to_the_account_that_is_signed_in(
    as_intern: Client, intern: User, institution: Institution
) -> None:
    institution.knows("u1", preferred_username="ada")

    _come_back(as_intern, f"{LOGIN}?process=connect")

    assert SocialAccount.objects.get().user != intern


@pytest.mark.parametrize("target", ["https://evil.example/", "//evil.example"])
def test_leads_nowhere_else_afterwards(client: Client, institution: Institution, db: None, target: str) -> None:
    institution.knows("u1")

    assertRedirects(_come_back(client, f"{LOGIN}?next={target}"), reverse("keys:index"), fetch_redirect_response=False)


# --- Groups ---------------------------------------------------------------------------------------
def test_takes_the_groups_of_the_claim_that_exist_here(client: Client, institution: Institution, db: None) -> None:
    institution.knows("u1", groups=["Staff", "/Interns", "Alumni", 7])

    _come_back(client)

    assert _groups(User.objects.get()) == {"Staff", "Interns"}
    assert not Group.objects.filter(name="Alumni").exists()


def test_takes_back_what_the_claim_gave_and_keeps_what_was_given_here(
    client: Client, institution: Institution, db: None
) -> None:
    institution.knows("u1", groups=["Staff", "Interns"])
    _come_back(client)
    user = User.objects.get()
    user.groups.add(Group.objects.get(name="Admins"))

    institution.knows("u1", groups=["Interns"])
    _come_back(client)
    assert _groups(user) == {"Interns", "Admins"}
    institution.knows("u1")
    _come_back(client)

    assert _groups(user) == {"Admins"}


def test_keeps_a_group_given_here_that_was_claimed_for_a_while(db: None) -> None:
    user = make_user(groups=("Staff",))

    take_over_groups(user=user, claimed=["Staff"])
    take_over_groups(user=user, claimed=["Staff"])
    take_over_groups(user=user, claimed=[])

    assert _groups(user) == {"Staff"}


def test_reads_the_claim_that_the_settings_name_also_from_the_id_token(
    client: Client, institution: Institution, db: None, settings: Settings
) -> None:
    settings.OIDC_GROUPS_CLAIM = "roles"
    institution.knows("u1", groups=["Interns"])
    institution.id_token_claims = {"roles": "Staff"}

    _come_back(client)

    assert _groups(User.objects.get()) == {"Staff"}


@pytest.mark.parametrize("more", [{"hasgroups": True}, {"_claim_names": {"groups": "src1"}}])
def test_takes_no_group_away_when_there_are_too_many_to_name(
    client: Client, institution: Institution, db: None, caplog: pytest.LogCaptureFixture, more: dict[str, Any]
) -> None:
    institution.knows("u1", groups=["Staff"])
    _come_back(client)
    client.logout()
    institution.knows("u1", **more)

    _come_back(client)

    assert _groups(User.objects.get()) == {"Staff"}
    assert "too many" in caplog.text


@pytest.mark.parametrize("roles", [["Staff"], "Staff", None, ["Staff", {"x": 1}], {"Staff": 1}])
def test_finds_groups_within_a_claim(settings: Settings, roles: object) -> None:
    settings.OIDC_GROUPS_CLAIM = "realm_access.roles"

    groups = usable_claims({"sub": "u1"}, {"realm_access": {"roles": roles}})["groups"]

    assert groups == (["Staff"] if "Staff" in str(roles) and not isinstance(roles, dict) else [])
    assert usable_claims({"sub": "u1"}, {"realm_access": roles})["groups"] == []
    assert usable_claims({"sub": "u1"}, {"realm_access.roles": "Staff"})["groups"] == ["Staff"]


@pytest.mark.parametrize("garbage", [None, 7, {"Staff": True}, [["Staff"]], True])
def test_takes_no_group_out_of_garbage(garbage: object) -> None:
    assert usable_claims({"sub": "u1"}, {"groups": garbage})["groups"] == []


@pytest.mark.parametrize("allowed", [[], ["Interns"]])
def test_puts_nobody_into_a_group_with_rights_by_a_claim(
    client: Client, institution: Institution, db: None, settings: Settings, allowed: list[str]
) -> None:
    settings.OIDC_GROUPS_ALLOWED = allowed
    managers = Group.objects.create(name="Course managers")
    managers.permissions.add(Permission.objects.get(codename="change_user"))
    institution.knows("u1", groups=["Interns", "Admins", "/Course managers"])

    _come_back(client)

    assert _groups(User.objects.get()) == {"Interns"}


def test_gives_exactly_the_groups_that_the_settings_allow(
    client: Client, institution: Institution, db: None, settings: Settings
) -> None:
    settings.OIDC_GROUPS_ALLOWED = ["Admins", "Staff"]
    institution.knows("u1", groups=["Interns", "Admins", "Staff"])
    _come_back(client)
    assert _groups(User.objects.get()) == {"Admins", "Staff"}

    settings.OIDC_GROUPS_ALLOWED = ["Staff"]
    client.logout()
    _come_back(client)

    assert _groups(User.objects.get()) == {"Staff"}


# --- Accounts that are here already ---------------------------------------------------------------
def test_links_the_account_that_has_the_verified_address(client: Client, institution: Institution, db: None) -> None:
    user = make_intern("ada", email="ada@example.edu")
    institution.knows("u1", email="ADA@example.edu", email_verified=True, groups=["Staff"])

    _come_back(client)

    assert User.objects.get() == user
    assert _groups(user) == {"Interns", "Staff"}
    run_tasks()
    assert [message.subject for message in mail.outbox] == ["[Passerelle] Your account was linked to your institution"]
    client.logout()
    institution.knows("u1", email="changed@example.edu", email_verified=True)
    _come_back(client)
    assert is_signed_in(client)
    assert User.objects.count() == 1


def test_shuts_out_who_knew_the_password_of_an_account_with_an_address_never_confirmed(
    client: Client, institution: Institution, sign_in: SignIn, db: None
) -> None:
    make_intern("ada", email="ada@example.edu")
    institution.knows("u1", email="ada@example.edu", email_verified=True)
    _come_back(client)
    client.logout()

    assert sign_in("ada").status_code == 422


def test_keeps_the_password_of_an_account_whose_address_was_confirmed(
    client: Client, institution: Institution, sign_in: SignIn, db: None
) -> None:
    user = make_intern("ada", email="ada@example.edu")
    EmailAddress.objects.create(user=user, email="ada@example.edu", verified=True, primary=True)
    institution.knows("u1", email="ada@example.edu", email_verified=True)
    _come_back(client)
    client.logout()

    assert sign_in("ada").status_code == 302


@pytest.mark.parametrize("claims", [{"email_verified": no} for no in (False, "false", "False", "no", 1, [1])] + [{}])
def test_does_not_link_by_an_address_that_the_institution_has_not_verified(
    client: Client, institution: Institution, db: None, claims: dict[str, object]
) -> None:
    make_intern("ada", email="ada@example.edu")
    institution.knows("u1", email="ada@example.edu", **claims)

    assertContains(_come_back(client), "No account was made")

    assert not is_signed_in(client)
    assert User.objects.count() == 1


@pytest.mark.parametrize("yes", [True, "true"])
def test_links_by_an_address_verified_in_either_spelling(
    client: Client, institution: Institution, db: None, yes: object
) -> None:
    user = make_intern("ada", email="ada@example.edu")
    institution.knows("u1", email="ada@example.edu", email_verified=yes)

    _come_back(client)

    assert SocialAccount.objects.get().user == user


def test_takes_no_address_for_verified_by_a_word_about_another_address(
    client: Client, institution: Institution, db: None
) -> None:
    make_intern("ada", email="ada@example.edu")
    institution.knows("u1", email="ada@example.edu")
    institution.id_token_claims = {"email": "mallory@example.edu", "email_verified": True}

    assertContains(_come_back(client), "No account was made")


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

    assertContains(_come_back(client), "No account was made")

    assert not is_signed_in(client)
    assert not SocialAccount.objects.exists()


def test_does_not_link_by_an_address_that_somebody_is_only_changing_to(
    client: Client, institution: Institution, db: None
) -> None:
    other = make_intern("mallory")
    EmailAddress.objects.create(user=other, email="ada@example.edu", verified=False)
    institution.knows("u1", email="ada@example.edu", email_verified=True)

    assertContains(_come_back(client), "No account was made")
    assert not SocialAccount.objects.exists()


def test_does_not_give_an_account_to_the_next_holder_of_its_address(
    client: Client, institution: Institution, db: None
) -> None:
    institution.knows("u1", email="ada@example.edu", email_verified=True)
    _come_back(client)
    client.logout()
    institution.knows("u2", email="ada@example.edu", email_verified=True)

    assertContains(_come_back(client), "No account was made")
    assert not is_signed_in(client)


def test_does_not_let_in_an_inactive_person(client: Client, institution: Institution, db: None) -> None:
    institution.knows("u1")
    _come_back(client)
    client.logout()
    User.objects.update(is_active=False)

    assertRedirects(_come_back(client), reverse("account_inactive"), fetch_redirect_response=False)
    assert not is_signed_in(client)


# --- What goes wrong ------------------------------------------------------------------------------
def test_refuses_an_answer_that_nobody_waits_for(client: Client, institution: Institution, db: None) -> None:
    for parameters in ("", "?code=x", "?code=x&state=y", "?error=server_error"):
        assertContains(client.get(f"{CALLBACK}{parameters}"), "The sign-in did not work", status_code=401)
    assert not User.objects.exists()


def test_refuses_the_answer_to_somebody_else(client: Client, institution: Institution, db: None) -> None:
    institution.knows("u1")
    sent = client.get(LOGIN)
    back = requests.get(sent["Location"], allow_redirects=False, timeout=5).headers["Location"]

    other = Client()
    assert other.get(back.removeprefix("http://testserver")).status_code == 401
    assert not is_signed_in(other)


def test_refuses_a_code_twice(client: Client, institution: Institution, db: None) -> None:
    institution.knows("u1")
    sent = client.get(LOGIN)
    back = requests.get(sent["Location"], allow_redirects=False, timeout=5).headers["Location"]
    institution.codes.clear()

    assert client.get(back.removeprefix("http://testserver")).status_code == 401
    assert not is_signed_in(client)


@pytest.mark.parametrize("wrong", [{"iss": "https://evil.example"}, {"aud": "another"}, {"exp": 1}])
def test_refuses_an_identity_that_is_not_for_us(
    client: Client, institution: Institution, db: None, wrong: dict[str, Any]
) -> None:
    institution.knows("u1")
    institution.id_token_claims = wrong

    assert _come_back(client).status_code in (401, 503)
    assert not is_signed_in(client)


@pytest.mark.parametrize("nonce", [None, "", "another", 7])
def test_refuses_an_identity_of_another_sign_in(
    client: Client, institution: Institution, db: None, nonce: object
) -> None:
    institution.knows("u1")
    institution.id_token_claims = {"nonce": nonce}

    assert _come_back(client).status_code == 401
    assert not User.objects.exists()


@pytest.mark.parametrize("subject", ["u2", "", None, "U1"])
def test_refuses_userinfo_about_somebody_else(
    client: Client, institution: Institution, db: None, subject: str | None
) -> None:
    institution.knows("u1", email="ada@example.edu", email_verified=True)
    institution.id_token_claims = {"sub": subject}

    assert _come_back(client).status_code in (401, 503)
    assert not is_signed_in(client)
    assert not User.objects.exists()


@pytest.mark.parametrize("subject", ["", "a\x00b", "\ud800", "x" * 192, None, 7, ["u1"], {"u": 1}])
def test_lets_in_nobody_whom_no_subject_names(
    client: Client, institution: Institution, db: None, subject: object
) -> None:
    """Dropping what the database does not take could make two people one; "None" would be everybody."""
    institution.userinfo = {"sub": subject, "name": "Intern A"}

    assert _come_back(client).status_code in (401, 503)
    assert not User.objects.exists()


ODD = ["a\x00b", "\ud800", "\u202e\x1b[31m", "🦆" * 400, "x" * 5000, 7, 1e400, True, ["x"], {"x": {"y": None}}, [[]]]
CLAIMS = ["email", "email_verified", "preferred_username", "name", "given_name", "family_name", "groups", "picture"]


@pytest.mark.parametrize("odd", ODD, ids=ascii)
def test_lets_in_somebody_with_odd_claims(client: Client, institution: Institution, db: None, odd: object) -> None:
    institution.knows("u1", **dict.fromkeys(CLAIMS, odd))
    institution.id_token_claims = dict.fromkeys(CLAIMS, odd)

    for _time in ("new", "known"):
        assert _come_back(client).status_code == 302
        assert is_signed_in(client)
        client.logout()
    assert not Group.objects.filter(user__isnull=False).exists()


def test_takes_no_group_for_another_that_is_spelt_with_odd_characters(
    client: Client, institution: Institution, db: None
) -> None:
    institution.knows("u1", groups=["Sta\x00ff", "Interns\n", "\ud800", "Staff" * 100])

    _come_back(client)

    assert _groups(User.objects.get()) == set()


def test_says_so_when_the_person_stopped_it(client: Client, institution: Institution, db: None) -> None:
    state = parse_qs(urlsplit(client.get(LOGIN)["Location"]).query)["state"][0]

    answer = client.get(CALLBACK, {"error": "access_denied", "state": state}, follow=True)

    assertContains(answer, "You stopped the sign-in at your institution.")


def test_says_so_when_the_institution_answers_garbage(client: Client, institution: Institution, db: None) -> None:
    institution.knows("u1")
    sent = client.get(LOGIN)
    back = requests.get(sent["Location"], allow_redirects=False, timeout=5).headers["Location"]
    institution.garbage = True

    for path in (LOGIN, back.removeprefix("http://testserver")):
        assertContains(client.get(path), "Your institution does not answer", status_code=503)
    assert not is_signed_in(client)


def test_says_so_when_the_institution_names_nobody(client: Client, institution: Institution, db: None) -> None:
    institution.gives_id_token = False
    institution.userinfo = {"name": "Intern A"}

    assertContains(_come_back(client), "Your institution does not answer", status_code=503)


def test_says_so_when_the_institution_is_down(
    client: Client, institution: Institution, db: None, settings: Settings
) -> None:
    settings.SOCIALACCOUNT_PROVIDERS = providers("http://127.0.0.1:1")  # where nobody listens

    assertContains(client.get(LOGIN), "Your institution does not answer", status_code=503)
    assert client.get(reverse("account_login")).status_code == 200  # the local door stays open


# --- Settings -------------------------------------------------------------------------------------
def test_is_set_up_by_the_environment(repository: Path, tmp_path: Path) -> None:
    said = subprocess.run(
        [sys.executable, "-c", "import json, portal.settings as s; print(json.dumps(s.SOCIALACCOUNT_PROVIDERS))"],
        cwd=repository,
        env={
            **os.environ,
            "EMBEDDED": "1",
            "VAR_DIR": str(tmp_path),
            "OIDC_ISSUER": "https://sso.example.edu",
            "OIDC_NAME": "Example University",
            "OIDC_CLIENT_ID": CLIENT_ID,
            "OIDC_CLIENT_SECRET": CLIENT_SECRET,
        },
        capture_output=True,
        check=True,
    )

    assert json.loads(said.stdout) == providers("https://sso.example.edu")


@pytest.mark.parametrize(
    ("issuer", "errors"),
    [
        ("", []),
        ("https://sso.example.edu", []),
        ("http://127.0.0.1:8080", []),
        ("http://sso.example.edu", ["accounts.E001"]),
    ],
)
def test_has_to_be_asked_over_https(settings: Settings, issuer: str, errors: list[str]) -> None:
    settings.OIDC_ISSUER = issuer

    assert [error.id for error in institution_is_asked_over_https()] == errors
