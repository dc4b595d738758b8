"""Failures and refusals of a sign-in with the institution."""

from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import requests
from django.contrib.auth.models import Group
from django.test import Client
from django.urls import reverse
from pytest_django import Settings
from pytest_django.asserts import assertContains

from accounts.models import User
from tests.accounts.institution import Institution
from tests.accounts.signing_in import is_signed_in, point_at
from tests.accounts.visits import CALLBACK, LOGIN, come_back, groups_of


def test_refuses_an_unexpected_answer(client: Client, institution: Institution, db: None) -> None:
    for parameters in ("", "?code=x", "?code=x&state=y", "?error=server_error"):
        assertContains(client.get(f"{CALLBACK}{parameters}"), "Sign-in failed", status_code=401)
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

    assert come_back(client).status_code in (401, 503)
    assert not is_signed_in(client)


@pytest.mark.parametrize("nonce", [None, "", "another", 7])
def test_refuses_an_identity_of_another_sign_in(
    client: Client, institution: Institution, db: None, nonce: object
) -> None:
    institution.knows("u1")
    institution.id_token_claims = {"nonce": nonce}

    assert come_back(client).status_code == 401
    assert not User.objects.exists()


@pytest.mark.parametrize("subject", ["u2", "", None, "U1"])
def test_refuses_userinfo_about_somebody_else(
    client: Client, institution: Institution, db: None, subject: str | None
) -> None:
    institution.knows("u1", email="ada@example.edu", email_verified=True)
    institution.id_token_claims = {"sub": subject}

    assert come_back(client).status_code in (401, 503)
    assert not is_signed_in(client)
    assert not User.objects.exists()


@pytest.mark.parametrize("subject", ["", "a\x00b", "\ud800", "x" * 256, None, 7, ["u1"], {"u": 1}])
def test_refuses_an_identity_without_a_subject(
    client: Client, institution: Institution, db: None, subject: object
) -> None:
    """Dropping what the database does not take could make two people one; "None" would be everybody."""
    institution.userinfo = {"sub": subject, "name": "Intern A"}

    assert come_back(client).status_code in (401, 503)
    assert not User.objects.exists()


ODD = ["a\x00b", "\ud800", "\u202e\x1b[31m", "🦆" * 400, "x" * 5000, 7, 1e400, True, ["x"], {"x": {"y": None}}, [[]]]
CLAIMS = ["email", "email_verified", "preferred_username", "name", "given_name", "family_name", "groups", "picture"]


@pytest.mark.parametrize("odd", ODD, ids=ascii)
def test_lets_in_somebody_with_odd_claims(client: Client, institution: Institution, db: None, odd: object) -> None:
    institution.knows("u1", **dict.fromkeys(CLAIMS, odd))
    institution.id_token_claims = dict.fromkeys(CLAIMS, odd)

    for _time in ("new", "known"):
        assert come_back(client).status_code == 302
        assert is_signed_in(client)
        client.logout()
    assert not Group.objects.filter(user__isnull=False).exists()


def test_takes_no_group_for_another_that_is_spelt_with_odd_characters(
    client: Client, institution: Institution, db: None
) -> None:
    institution.knows("u1", groups=["Sta\x00ff", "Interns\n", "\ud800", "Staff" * 100])

    come_back(client)

    assert groups_of(User.objects.get()) == set()


def test_says_so_when_the_person_stopped_it(client: Client, institution: Institution, db: None) -> None:
    state = parse_qs(urlsplit(client.get(LOGIN)["Location"]).query)["state"][0]

    answer = client.get(CALLBACK, {"error": "access_denied", "state": state}, follow=True)

    assertContains(answer, "You cancelled the sign-in at your institution.")


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

    assertContains(come_back(client), "Your institution does not answer", status_code=503)


def test_says_so_when_the_institution_is_down(
    client: Client, institution: Institution, db: None, settings: Settings
) -> None:
    point_at(settings, "http://127.0.0.1:1")  # where nobody listens

    assertContains(client.get(LOGIN), "Your institution does not answer", status_code=503)
    assert client.get(reverse("account_login")).status_code == 200  # the local sign-in page still works
