"""Names and addresses that change at the institution are taken over at the next sign-in."""

import pytest
from allauth.account.models import EmailAddress
from django.core import mail
from django.test import Client

from accounts.models import User
from tests.accounts.institution import Institution
from tests.accounts.visits import come_back
from tests.factories import PASSWORD, make_intern
from tests.tasks import run_tasks


def _sign_in(client: Client, institution: Institution, **claims: object) -> User:
    institution.knows("u1", **claims)
    assert come_back(client).status_code == 302
    client.logout()
    return User.objects.get(socialaccount__uid="u1")


@pytest.mark.parametrize(
    ("claims", "names"),
    [
        ({"given_name": "Ada", "family_name": "Byron"}, ("Ada", "Byron")),
        ({"name": "Ada King Byron"}, ("Ada", "King Byron")),
        ({"name": "Ada"}, ("Ada", "")),
        ({"family_name": "Byron"}, ("", "Byron")),
        ({}, ("Intern", "A")),
        ({"name": ""}, ("Intern", "A")),
        ({"name": 7, "given_name": None}, ("Intern", "A")),
    ],
)
def test_takes_over_a_changed_name(
    client: Client, institution: Institution, db: None, claims: dict[str, object], names: tuple[str, str]
) -> None:
    _sign_in(client, institution, name="Intern A")

    user = _sign_in(client, institution, **claims)

    assert (user.first_name, user.last_name) == names


def test_keeps_what_was_changed_here_as_long_as_the_institution_says_the_same(
    client: Client, institution: Institution, db: None
) -> None:
    claims = {"name": "Intern A", "email": "ada@example.edu", "email_verified": True}
    user = _sign_in(client, institution, **claims)
    User.objects.filter(pk=user.pk).update(first_name="Nickname", email="private@example.org")

    user = _sign_in(client, institution, **claims)

    assert (user.first_name, user.email) == ("Nickname", "private@example.org")


@pytest.mark.parametrize("verified", [True, False])
def test_takes_over_a_changed_address_and_notifies_the_former(
    client: Client, institution: Institution, db: None, verified: bool
) -> None:
    _sign_in(client, institution, email="ada@example.edu", email_verified=True)

    user = _sign_in(client, institution, email="Byron@Example.edu", email_verified=verified)

    assert user.email == "byron@example.edu"
    assert list(EmailAddress.objects.values_list("email", "verified")) == [("byron@example.edu", verified)]
    run_tasks()
    [message] = mail.outbox
    assert message.to == ["ada@example.edu"]
    assert "Example University" in message.body


def test_gives_no_address_that_somebody_else_has(
    client: Client, institution: Institution, db: None, caplog: pytest.LogCaptureFixture
) -> None:
    """And none that another is sure to have confirmed; it is given as soon as it is free."""
    _sign_in(client, institution, email="ada@example.edu", email_verified=True)
    other = make_intern("other", email="boss@example.edu")
    confirmed = EmailAddress.objects.create(
        user=make_intern("third", email=""), email="third@example.edu", verified=True
    )
    for taken in ("BOSS@example.edu", "third@example.edu"):
        user = _sign_in(client, institution, email=taken, email_verified=True)
        assert user.email == "ada@example.edu"
        assert "keeps its address" in caplog.text

    other.delete()
    confirmed.delete()
    user = _sign_in(client, institution, email="third@example.edu", email_verified=True)

    assert user.email == "third@example.edu"


def test_sends_no_password_links_to_an_address_that_nobody_has_verified(
    client: Client, institution: Institution, db: None
) -> None:
    user = _sign_in(client, institution, email="ada@example.edu", email_verified=True)
    user.set_password(PASSWORD)
    user.save()

    user = _sign_in(client, institution, email="mistyped@example.edu", email_verified=False)

    assert user.email == "ada@example.edu"


@pytest.mark.parametrize("odd", ["no address", "", 7, None, ["ada@example.edu"], "a\x00@example.edu"])
def test_keeps_the_address_when_the_new_one_is_invalid(
    client: Client, institution: Institution, db: None, odd: object
) -> None:
    _sign_in(client, institution, email="ada@example.edu", email_verified=True)

    assert _sign_in(client, institution, email=odd, email_verified=True).email == "ada@example.edu"
