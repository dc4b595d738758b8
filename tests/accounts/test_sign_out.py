"""Sign-out of somebody who came through the institution: its own session can be ended, too, where it offers that."""

import pytest
from django.test import Client
from django.urls import reverse
from pytest_django.asserts import assertContains, assertRedirects

from tests.accounts.institution import CLIENT_ID, Institution
from tests.accounts.signing_in import is_signed_in
from tests.accounts.visits import come_back
from tests.conftest import signed_in
from tests.factories import make_intern

pytestmark = pytest.mark.django_db

SIGNED_OUT = "/account/signed-out/?provider=institution"


def test_leads_to_the_institutions_sign_out(client: Client, institution: Institution) -> None:
    institution.end_session = "https://login.example.edu/logout?realm=lab"
    institution.knows("u1", preferred_username="ada", email="ada@example.edu")
    come_back(client)

    assertRedirects(client.post(reverse("account_logout")), SIGNED_OUT, fetch_redirect_response=False)

    assert not is_signed_in(client)
    page = client.get(SIGNED_OUT)
    assertContains(page, f'href="https://login.example.edu/logout?realm=lab&amp;client_id={CLIENT_ID}"')
    assertContains(page, "Sign out of Example University")


@pytest.mark.parametrize("endpoint", ["", "javascript:alert(1)", "/logout", "ftp://login.example.edu/"])
def test_leads_to_the_sign_in_page_without_an_address_to_open(
    client: Client, institution: Institution, endpoint: str
) -> None:
    institution.end_session = endpoint

    assertRedirects(client.get(SIGNED_OUT), reverse("account_login"), fetch_redirect_response=False)


def test_waits_for_no_institution_that_does_not_answer(client: Client, institution: Institution) -> None:
    institution.garbage = True

    for _visit in range(2):
        assertRedirects(client.get(SIGNED_OUT), reverse("account_login"), fetch_redirect_response=False)

    assert len(institution.asked) == 1


def test_of_a_local_account_and_of_nobody_is_only_here(client: Client, institution: Institution) -> None:
    institution.end_session = "https://login.example.edu/logout"
    for browser in (signed_in(make_intern("intern-b")), client):
        answer = browser.post(reverse("account_logout"))
        assertRedirects(answer, reverse("account_login"), fetch_redirect_response=False)
