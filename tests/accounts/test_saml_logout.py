"""Single logout by SAML: a sign-out here that leads to the institution, and one there that ends the sessions here."""

import re
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import msgspec
import pytest
from django.test import Client
from pytest_django import Settings
from pytest_django.asserts import assertContains, assertNotContains, assertRedirects
from saml2 import BINDING_HTTP_REDIRECT, samlp, xmldsig

from accounts.identity_providers import KeyPair
from accounts.models import SamlInstitution
from tests.accounts.saml_peer import SLO, Peer
from tests.accounts.signing_in import is_signed_in
from tests.accounts.test_saml import METADATA, come_back, provider_of
from tests.certificates import KeyFiles, rsa_key_files

pytestmark = [pytest.mark.xmlsec, pytest.mark.django_db]
LOGOUT, LEAVE = "/account/saml/fed/logout/", "/account/saml/fed/sign-out/"
SIGNED_OUT = "/account/signed-out/?provider=fed"


@pytest.fixture(scope="module")
def key_files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, KeyFiles]:
    folder = tmp_path_factory.mktemp("keys")
    return {name: rsa_key_files(folder, name) for name in ("peer", "portal", "other")}


@pytest.fixture
def peer(key_files: dict[str, KeyFiles], tmp_path: Path, settings: Settings) -> Peer:
    """Hand out an institution with single logout, for a portal with a key."""
    peer = Peer(key_files["peer"], ends_sessions=True)
    pair = KeyPair(str(key_files["portal"].key), str(key_files["portal"].certificate))
    settings.IDENTITY_PROVIDERS = [provider_of(tmp_path, peer, keys=(pair,))]
    return peer


@pytest.fixture
def portal(client: Client, peer: Peer) -> str:
    """Hand out the portal's metadata."""
    return str(client.get(METADATA).content.decode())


@pytest.fixture
def logout_address(portal: str) -> str:
    """Hand out the address that the portal's metadata names for requests to sign out."""
    [found] = re.findall(r'SingleLogoutService [^>]*Location="([^"]+)"', portal)
    assert urlsplit(found).path == LOGOUT
    return str(found)


def path_of(address: str) -> str:
    parts = urlsplit(address)
    return f"{parts.path}?{parts.query}"


def test_sign_out_leads_to_the_institution_and_back(client: Client, peer: Peer, portal: str) -> None:
    come_back(client, peer)
    assertRedirects(client.post("/account/logout/"), SIGNED_OUT, fetch_redirect_response=False)
    assert not is_signed_in(client)
    assertContains(client.get(SIGNED_OUT), "Sign out of Example University")

    for how, there in (
        ({"status": samlp.STATUS_RESPONDER}, SIGNED_OUT),
        ({"in_response_to": "_other"}, SIGNED_OUT),
        ({}, "/account/login/"),
    ):
        sent = client.get(LEAVE)["Location"]
        assert sent.startswith(f"{SLO}?SAMLRequest=")
        answer = peer.logout_answer(sent, portal, **how)
        assertRedirects(client.get(path_of(answer)), there, fetch_redirect_response=False)
    assertContains(client.get(there), "your institution’s session is ended")
    assertRedirects(client.get(path_of(answer)), SIGNED_OUT, fetch_redirect_response=False)
    assertRedirects(client.get(LEAVE), "/account/login/", fetch_redirect_response=False)


def test_an_answer_of_somebody_else_is_not_believed(
    client: Client, peer: Peer, portal: str, key_files: dict[str, KeyFiles]
) -> None:
    come_back(client, peer)
    client.post("/account/logout/")
    sent = client.get(LEAVE)["Location"]
    answer = Peer(key_files["other"]).logout_answer(sent, portal)  # with the right name

    assertRedirects(client.get(path_of(answer)), SIGNED_OUT, fetch_redirect_response=False)
    assertContains(client.get(SIGNED_OUT), "may still be open")


def test_the_page_says_that_a_session_may_be_open_where_it_cannot_be_ended(
    client: Client, peer: Peer, settings: Settings
) -> None:
    [provider] = settings.IDENTITY_PROVIDERS
    come_back(client, peer)
    client.post("/account/logout/")
    settings.IDENTITY_PROVIDERS = [msgspec.structs.replace(provider, keys=())]
    assertNotContains(client.get(METADATA), "SingleLogoutService")
    assertNotContains(client.get(SIGNED_OUT), LEAVE)
    settings.IDENTITY_PROVIDERS = [provider]
    SamlInstitution.objects.all().delete()
    page = client.get(SIGNED_OUT)
    assertContains(page, "may still be open")
    assertNotContains(page, LEAVE)
    assertRedirects(client.get(LEAVE), "/account/login/", fetch_redirect_response=False)


def test_a_request_of_the_institution_ends_the_sessions_of_a_person(
    client: Client, peer: Peer, portal: str, logout_address: str
) -> None:
    here, elsewhere, somebody = Client(), Client(), Client()
    for browser in (here, elsewhere):
        come_back(browser, peer)
    come_back(somebody, Peer(peer.keys, subject="bo", ends_sessions=True))

    answer = here.get(path_of(peer.logout_request(logout_address, portal)))

    assert answer["Location"].startswith(f"{SLO}?")
    assert [is_signed_in(each) for each in (here, elsewhere, somebody)] == [False, False, True]
    query = {name: values[0] for name, values in parse_qs(urlsplit(answer["Location"]).query).items()}
    assert query["RelayState"] == "kept by us"
    read = peer.server(portal).parse_logout_request_response(query["SAMLResponse"], BINDING_HTTP_REDIRECT)
    assert read.response.status.status_code.value == samlp.STATUS_SUCCESS
    assert {"SigAlg", "Signature"} <= query.keys()


def test_a_request_can_name_one_session(client: Client, peer: Peer, portal: str, logout_address: str) -> None:
    here, elsewhere = Client(), Client()
    for browser in (here, elsewhere):
        come_back(browser, peer)
    index = here.session["saml"]["index"]

    Client().get(path_of(peer.logout_request(logout_address, portal, index=index)))

    assert [is_signed_in(each) for each in (here, elsewhere)] == [False, True]


def test_refuses_requests_that_are_not_valid(
    client: Client, peer: Peer, portal: str, logout_address: str, key_files: dict[str, KeyFiles]
) -> None:
    come_back(client, peer)

    def sent(by: Peer = peer, **how: Any) -> str:
        return path_of(by.logout_request(logout_address, portal, **how))

    good = sent()
    unsigned = good.partition("&SigAlg")[0]
    wrong = {
        "unsigned": unsigned,
        "with a RelayState that was not signed": good.replace("kept", "lost"),
        "with a parameter twice": f"{good}&{unsigned.partition('?')[2]}",
        "signed with SHA-1": sent(algorithm=xmldsig.SIG_RSA_SHA1),
        "signed with another key": sent(Peer(key_files["other"])),
        "of a stranger": sent(Peer(key_files["other"], "https://other.example/")),
        "for another address": sent(destination="https://other.example/logout"),
        "old": sent(clock=timedelta(minutes=-6)),
        "of the future": sent(clock=timedelta(minutes=6)),
        "no message": f"{LOGOUT}?SAMLRequest=x&SigAlg={xmldsig.SIG_RSA_SHA256}&Signature=x",
        "nothing": LOGOUT,
        "too long": f"{good}&x={'x' * 20_000}",
    }
    accepted = [name for name, address in wrong.items() if client.get(address).status_code != 400]
    assert accepted == []
    assert is_signed_in(client)

    assert client.get(good).status_code == 302
    come_back(client, peer)
    assert client.get(good).status_code == 400  # used before
    assert is_signed_in(client)
