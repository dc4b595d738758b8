"""Userinfo in the forms that OpenID Connect allows: JSON, signed, or none at all."""

from collections.abc import Callable

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from django.test import Client
from pytest_django.asserts import assertContains

from accounts.models import User
from tests.accounts.institution import CLIENT_ID, Institution
from tests.accounts.signing_in import is_signed_in
from tests.accounts.visits import come_back, groups_of

CLAIMS = {"sub": "u1", "name": "Intern A", "email": "ada@example.edu", "email_verified": True, "groups": ["Staff"]}


@pytest.mark.parametrize("more", [{}, {"aud": CLIENT_ID}, {"aud": ["another", CLIENT_ID]}, {"exp": 4102444800}])
def test_reads_userinfo_that_is_signed(
    client: Client, institution: Institution, db: None, more: dict[str, object]
) -> None:
    institution.knows("u1")
    institution.userinfo_token = institution.signed({**CLAIMS, "iss": institution.url, **more})

    assert come_back(client).status_code == 302

    user = User.objects.get()
    assert (user.email, user.first_name, groups_of(user)) == ("ada@example.edu", "Intern", {"Staff"})


def _altered(institution: Institution) -> str:
    head, _claims, signature = institution.signed(CLAIMS).split(".")
    return ".".join([head, institution.signed({**CLAIMS, "groups": ["Admins"]}).split(".")[1], signature])


FORGED: dict[str, Callable[[Institution], str]] = {
    "altered": _altered,
    "by another key": lambda at: at.signed(CLAIMS, rsa.generate_private_key(public_exponent=65537, key_size=2048)),
    "by a key that is not there": lambda at: at.signed(CLAIMS, kid="2"),
    "for another client": lambda at: at.signed({**CLAIMS, "aud": "another"}),
    "from elsewhere": lambda at: at.signed({**CLAIMS, "iss": "https://evil.example"}),
    "too old": lambda at: at.signed({**CLAIMS, "exp": 1}),
    "about somebody else": lambda at: at.signed({**CLAIMS, "sub": "u2"}),
    "no token": lambda at: "let me in",
}


@pytest.mark.parametrize("forgery", FORGED)
def test_refuses_userinfo_with_a_signature_that_is_wrong(
    client: Client, institution: Institution, db: None, forgery: str
) -> None:
    institution.knows("u1")
    institution.userinfo_token = FORGED[forgery](institution)

    assert come_back(client).status_code == 401
    assert not User.objects.exists()


UNREADABLE = {
    "not signed": "eyJhbGciOiJub25lIn0.eyJzdWIiOiJ1MSJ9.",
    "signed with a secret": "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJ1MSJ9.AAAA",
    "encrypted": "eyJhbGciOiJkaXIiLCJlbmMiOiJBMjU2R0NNIn0..AAAA.AAAA.AAAA",
}


@pytest.mark.parametrize("form", UNREADABLE)
def test_says_what_to_change_where_userinfo_cannot_be_read(
    client: Client, institution: Institution, db: None, caplog: pytest.LogCaptureFixture, form: str
) -> None:
    institution.knows("u1")
    institution.userinfo_token = UNREADABLE[form]

    assertContains(come_back(client), "Contact the administrators", status_code=503)

    assert "for this client" in caplog.text
    assert not is_signed_in(client)


def test_reads_the_id_token_of_an_institution_without_userinfo(
    client: Client, institution: Institution, db: None
) -> None:
    institution.knows("u1")
    institution.has_userinfo, institution.id_token_claims = False, CLAIMS

    assert come_back(client).status_code == 302

    assert groups_of(User.objects.get()) == {"Staff"}
    assert "/userinfo" not in institution.asked
