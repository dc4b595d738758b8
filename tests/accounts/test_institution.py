"""Signing in with the institution, against a provider on loopback."""

import json
import os
import subprocess
import sys
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
from allauth.socialaccount.models import SocialAccount, SocialToken
from django.test import Client
from django.urls import reverse
from pytest_django import Settings
from pytest_django.asserts import assertContains, assertRedirects

from accounts.checks import identity_is_asked_for, institution_is_asked_over_https
from accounts.models import User
from tests.accounts.institution import CLIENT_ID, CLIENT_SECRET, Institution
from tests.accounts.signing_in import is_signed_in
from tests.accounts.visits import LOGIN, come_back
from tests.factories import make_intern

ZITADEL = "urn:zitadel:iam:org:projects:roles"


def test_is_offered_first_and_keeps_the_next_page(client: Client, institution: Institution, db: None) -> None:
    page = client.get(reverse("account_login"), {"next": "/usage/?a=1&b=2"})

    assertContains(page, "Sign in with Example University")
    assertContains(page, f'href="{LOGIN}?next=/usage/%3Fa%3D1%26b%3D2"')
    institution.knows("u1")
    assertRedirects(
        come_back(client, f"{LOGIN}?next=/usage/%3Fa%3D1%26b%3D2"), "/usage/?a=1&b=2", fetch_redirect_response=False
    )


def test_makes_an_account_for_somebody_new_though_sign_up_is_closed(
    client: Client, institution: Institution, db: None, settings: Settings
) -> None:
    assert not settings.SIGNUP_OPEN
    institution.knows(
        "u1", preferred_username="ada", email="Ada@Example.edu", email_verified=True, given_name="Intern A"
    )

    assertRedirects(come_back(client), reverse("keys:index"), fetch_redirect_response=False)

    user = User.objects.get()
    assert (user.username, user.email, user.first_name) == ("ada", "ada@example.edu", "Intern A")
    assert not user.has_usable_password()
    assert not user.is_staff
    assert is_signed_in(client)
    assert not SocialToken.objects.exists()


def test_recognises_a_person_at_the_next_sign_in(client: Client, institution: Institution, db: None) -> None:
    institution.knows("u1", preferred_username="ada", email="ada@example.edu")
    come_back(client)
    client.logout()
    institution.knows("u1", preferred_username="renamed", email="renamed@example.edu")

    come_back(client)

    assert User.objects.get().username == "ada"
    assert is_signed_in(client)


def test_a_subject_alone_is_enough_to_sign_in(client: Client, institution: Institution, db: None) -> None:
    institution.knows("u1")

    come_back(client)

    assert is_signed_in(client)
    assert User.objects.get().email == ""


def test_gives_another_user_name_when_it_is_taken(client: Client, institution: Institution, db: None) -> None:
    make_intern("ada", email="")
    institution.knows("u1", preferred_username="Ada", email="other@example.edu")

    come_back(client)

    assert is_signed_in(client)
    assert User.objects.count() == 2


def test_proves_itself_with_pkce_and_asks_userinfo(client: Client, institution: Institution, db: None) -> None:
    institution.knows("u1")
    asked = parse_qs(urlsplit(client.get(LOGIN)["Location"]).query)

    come_back(client)

    assert asked["code_challenge_method"] == ["S256"]
    assert set(asked["scope"][0].split()) == {"openid", "profile", "email"}
    assert {"/token", "/userinfo"} < set(institution.asked)


@pytest.mark.parametrize("parameters", ["scope=admin", "auth_params=prompt%3Dnone"])
def test_passes_on_no_parameter_of_a_link(client: Client, institution: Institution, db: None, parameters: str) -> None:
    sent = parse_qs(urlsplit(client.get(f"{LOGIN}?{parameters}")["Location"]).query)

    assert "admin" not in sent["scope"][0]
    assert "prompt" not in sent


def test_never_links_the_institution_to_the_account_that_is_signed_in(
    as_intern: Client, intern: User, institution: Institution
) -> None:
    institution.knows("u1", preferred_username="ada")

    come_back(as_intern, f"{LOGIN}?process=connect")

    assert SocialAccount.objects.get().user != intern


@pytest.mark.parametrize("target", ["https://evil.example/", "//evil.example"])
def test_redirects_to_the_portal_only(client: Client, institution: Institution, db: None, target: str) -> None:
    institution.knows("u1")

    assertRedirects(come_back(client, f"{LOGIN}?next={target}"), reverse("keys:index"), fetch_redirect_response=False)


# --- Settings -------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("scopes", "asked"),
    [
        ({}, ["openid", "profile", "email"]),
        ({"OIDC_SCOPES": "openid, email urn:zitadel:iam:org:projects:roles"}, ["openid", "email", ZITADEL]),
    ],
)
def test_is_set_up_by_the_environment(
    repository: Path, tmp_path: Path, scopes: dict[str, str], asked: list[str]
) -> None:
    code = """import django, json; django.setup()
from accounts.external import social_app
from accounts.identity_providers import identity_providers
[app] = map(social_app, identity_providers())
print(json.dumps([app.provider_id, app.name, app.client_id, app.secret, app.settings]))"""
    said = subprocess.run(
        [sys.executable, "-c", code],
        cwd=repository,
        env={
            **os.environ,
            "DJANGO_SETTINGS_MODULE": "portal.settings",
            "EMBEDDED": "1",
            "VAR_DIR": str(tmp_path),
            "OIDC_ISSUER": "https://sso.example.edu",
            "OIDC_NAME": "Example University",
            "OIDC_CLIENT_ID": CLIENT_ID,
            "OIDC_CLIENT_SECRET": CLIENT_SECRET,
            **scopes,
        },
        capture_output=True,
        check=True,
    )

    app = {"server_url": "https://sso.example.edu", "scope": asked, "oauth_pkce_enabled": True}
    assert json.loads(said.stdout) == ["institution", "Example University", CLIENT_ID, CLIENT_SECRET, app]


@pytest.mark.parametrize(
    ("issuer", "errors"),
    [
        ("", []),
        ("https://sso.example.edu", []),
        ("http://127.0.0.1:8080", []),
        ("http://sso.example.edu", ["accounts.E001"]),
    ],
)
def test_requires_https(settings: Settings, issuer: str, errors: list[str]) -> None:
    settings.OIDC_ISSUER = issuer

    assert [error.id for error in institution_is_asked_over_https()] == errors


@pytest.mark.parametrize("scopes", [["openid"], ["profile", "email"], [], ["groups", "openid"]])
def test_requires_the_openid_scope(settings: Settings, scopes: list[str]) -> None:
    settings.OIDC_ISSUER, settings.OIDC_SCOPES = "https://sso.example.edu", scopes

    errors = [error.id for error in identity_is_asked_for()]

    assert errors == ([] if "openid" in scopes else ["accounts.E002"])
