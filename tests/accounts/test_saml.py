"""Sign-in by SAML 2, with an identity provider of pysaml2."""

import time
from base64 import b64decode
from collections.abc import Callable, Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit
from zlib import decompress

import msgspec
import pytest
from allauth.socialaccount.models import SocialAccount
from django.test import Client
from pytest_django import Settings
from pytest_django.asserts import assertContains, assertRedirects
from saml2 import xmldsig

from accounts.fresh import SIGNED_IN_AT
from accounts.identity_providers import KeyPair, Saml
from accounts.models import SamlInstitution, SignIn, User
from accounts.saml_metadata import refresh
from tests.accounts.saml_peer import Deviation, Peer, federation, named
from tests.accounts.sign_in_table import Sent, go_through_table, with_rules
from tests.accounts.signing_in import is_signed_in
from tests.accounts.visits import whoever_is_signed_in
from tests.certificates import KeyFiles, rsa_key_files

pytestmark = [pytest.mark.xmlsec, pytest.mark.django_db]
LOGIN, ANSWER, METADATA = (f"/account/saml/fed/{name}/" for name in ("login", "answer", "metadata"))
NewKeys = Callable[[str], KeyFiles]


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> NewKeys:
    """Make keys by name, each once."""
    folder, made = tmp_path_factory.mktemp("keys"), dict[str, KeyFiles]()

    def of(name: str) -> KeyFiles:
        if name not in made:
            made[name] = rsa_key_files(folder, name)
        return made[name]

    return of


@pytest.fixture
def peer(keys: NewKeys, tmp_path: Path, settings: Settings) -> Peer:
    """Hand out an institution, which the portal knows by a file."""
    peer = Peer(keys("peer"))
    settings.IDENTITY_PROVIDERS = [provider_of(tmp_path, peer)]
    return peer


def provider_of(folder: Path, *peers: Peer, **more: Any) -> Saml:
    """Return a provider with the metadata of these, as read."""
    file = folder / "metadata.xml"
    file.write_text(peers[0].metadata() if len(peers) == 1 else federation(*peers))
    found = Saml(id="fed", name="The federation", metadata_file=str(file), **more)
    refresh(found)
    return found


def come_back(client: Client, peer: Peer, how: Deviation | None = None, start: str = LOGIN) -> Any:
    """Go to the institution and back as a browser does; return the portal's last answer."""
    return post(client, answer_of(client, peer, how, start))


def answer_of(client: Client, peer: Peer, how: Deviation | None = None, start: str = LOGIN) -> dict[str, str]:
    sent = client.get(start)
    assert sent.status_code == 302, sent.content
    return peer.answer(sent["Location"], client.get(METADATA).content.decode(), how)


def post(client: Client, fields: Mapping[str, str]) -> Any:
    """Post the answer as a form of another site, which has no cookies, and as the page then does."""
    page = Client().post(ANSWER, fields)
    if page.status_code != 200:
        return page
    assertContains(page, "send-at-once.js")
    assert not page.cookies
    return client.post(ANSWER, {**fields, "with_cookies": "1"})


def test_the_table_of_sign_ins(client: Client, peer: Peer, settings: Settings) -> None:
    [plain] = settings.IDENTITY_PROVIDERS

    def sign_in(subject: str, rules: Mapping[str, Any], sent: Sent) -> User | None:
        settings.IDENTITY_PROVIDERS = [with_rules(plain, rules)]
        peer.subject, peer.attributes = subject, named(plain, sent)
        come_back(client, peer)
        return whoever_is_signed_in(client)

    go_through_table(sign_in)


def test_signs_in_twice_and_goes_on(client: Client, peer: Peer) -> None:
    assertContains(client.get("/account/login/"), "Sign in with The federation")
    peer.attributes = {
        "urn:oid:0.9.2342.19200300.100.1.3": ["ada@example.edu"],
        "urn:oid:2.16.840.1.113730.3.1.241": ["Ada Byron"],
        "urn:oid:1.3.6.1.4.1.5923.1.1.1.6": ["abyron@example.edu"],
    }
    for _visit in range(2):
        answer = come_back(client, peer, start=f"{LOGIN}?next=/usage/")
        assertRedirects(answer, "/usage/", fetch_redirect_response=False)
        client.logout()

    user = User.objects.get()
    assert (user.get_full_name(), user.email) == ("Ada Byron", "ada@example.edu")
    assert user.username == "abyron@example.edu"
    assert [each.outcome for each in SignIn.objects.order_by("pk")] == ["created", "entered"]
    assert SignIn.objects.order_by("pk")[0].subject == "https://idp.example.edu/saml!ada"


def test_a_recent_sign_in_is_requested_and_the_time_in_the_answer_counts(client: Client, peer: Peer) -> None:
    for start, asks_again, asked in (
        (LOGIN, False, timedelta(hours=1)),
        (f"{LOGIN}?fresh=1", True, timedelta(hours=1)),
        (f"{LOGIN}?fresh=1", True, timedelta()),
    ):
        [sent] = parse_qs(urlsplit(client.get(start)["Location"]).query)["SAMLRequest"]
        assert (b'ForceAuthn="true"' in decompress(b64decode(sent), -15)) == asks_again
        come_back(client, peer, Deviation(asked=asked), start)
        age = time.time() - client.session[SIGNED_IN_AT]
        assert (age < 900) == (not asked), (start, asked)


def test_refuses_what_is_not_for_this_portal_this_request_and_now(client: Client, peer: Peer, keys: NewKeys) -> None:
    deviations = {
        "unsigned": Deviation(sign=False),
        "signed with SHA-1": Deviation(algorithm=xmldsig.SIG_RSA_SHA1),
        "late by more than the tolerance": Deviation(clock=timedelta(minutes=-8)),
        "early by more than the tolerance": Deviation(clock=timedelta(minutes=6)),
        "for another portal": Deviation(audience="https://other.example/"),
        "for no portal": Deviation(audience=""),
        "for another address": Deviation(recipient="https://other.example/answer/"),
        "for another request": Deviation(in_response_to="_other"),
        "of another institution": Deviation(issuer="https://other.example/saml"),
        "without end": Deviation(no_end=True),
        "with a name for this once": Deviation(persistent=False),
    }
    wrong = [name for name, how in deviations.items() if come_back(client, peer, how).status_code != 401]
    other = Peer(keys("other"))  # with the right name
    wrong += ["signed with another key"] if come_back(client, other).status_code != 401 else []

    assert wrong == []
    assert not is_signed_in(client)
    assert not User.objects.exists()
    assert {row.outcome for row in SignIn.objects.all()} == {"answer"}


def test_accepts_clocks_that_are_off_by_less_than_five_minutes(client: Client, peer: Peer) -> None:
    for minutes in (-6.5, 4.5):  # an answer is valid for two
        assert come_back(client, peer, Deviation(clock=timedelta(minutes=minutes))).status_code == 302
        assert is_signed_in(client)
        client.logout()


def test_refuses_an_answer_twice_and_in_another_browser(client: Client, peer: Peer) -> None:
    fields = answer_of(client, peer)
    assert post(Client(), fields).status_code == 401
    assert post(client, fields).status_code == 302
    client.logout()
    assert post(client, fields).status_code == 401

    again = answer_of(client, peer)["RelayState"]
    assert post(client, {**fields, "RelayState": again}).status_code == 401
    assert not is_signed_in(client)


def test_the_relay_state_leads_nowhere_else(client: Client, peer: Peer) -> None:
    fields = answer_of(client, peer)
    assert post(client, {**fields, "RelayState": "https://evil.example/"}).status_code == 401
    answer = come_back(client, peer, start=f"{LOGIN}?next=https://evil.example/")
    assert answer["Location"].startswith("/")
    assert not answer["Location"].startswith("//")


def test_refuses_what_is_no_answer(client: Client, peer: Peer) -> None:
    for text in ("", "x", "PHg+", "x" * 400_001, "PCFET0NUWVBFIHggWzwhRU5USVRZIGEgImIiPl0+PHg+JmE7PC94Pg=="):
        fields = answer_of(client, peer)
        assert post(client, {**fields, "SAMLResponse": text}).status_code == 401, text[:20]
    assert client.get(ANSWER).status_code == 405


def test_an_encrypted_answer_by_each_key_of_the_portal(
    client: Client, peer: Peer, keys: NewKeys, settings: Settings
) -> None:
    """During a change of its keys the portal signs with the first, and decrypts with both."""
    pairs = tuple(KeyPair(str(keys(name).key), str(keys(name).certificate)) for name in ("new", "old"))
    [plain] = settings.IDENTITY_PROVIDERS
    settings.IDENTITY_PROVIDERS = [msgspec.structs.replace(plain, keys=pairs)]
    assert client.get(METADATA).content.decode().count("X509Certificate>") >= 6
    for name in ("new", "old"):
        assert come_back(client, peer, Deviation(encrypt_for=keys(name))).status_code == 302
        assert is_signed_in(client)
        client.logout()
    assert come_back(client, peer, Deviation(encrypt_for=keys("other"))).status_code == 401


def test_a_new_key_of_the_institution_next_to_its_old_one(
    client: Client, peer: Peer, keys: NewKeys, settings: Settings, tmp_path: Path
) -> None:
    settings.IDENTITY_PROVIDERS = [
        provider_of(tmp_path, Peer(keys("next"), more_certificates=[keys("peer").certificate]))
    ]
    for name in ("peer", "next"):
        assert come_back(client, Peer(keys(name))).status_code == 302
        client.logout()
    settings.IDENTITY_PROVIDERS = [provider_of(tmp_path, Peer(keys("next")))]

    assert come_back(client, peer).status_code == 401


def test_refuses_control_characters_in_what_identifies_the_person(client: Client, peer: Peer) -> None:
    peer.subject = "ad\ta"
    assert come_back(client, peer).status_code == 401


def test_without_metadata_nobody_is_sent_anywhere(client: Client, peer: Peer) -> None:
    SamlInstitution.objects.all().delete()

    assertContains(client.get(LOGIN), "Your institution does not answer", status_code=503)
    for address in ("/account/saml/none/login/", "/account/saml/none/metadata/"):
        assert client.get(address).status_code == 404
    assert client.get(f"{LOGIN}?institution=https://idp.example.edu/saml").status_code == 404


def test_an_institution_speaks_for_its_own_people_and_domains(
    client: Client, keys: NewKeys, settings: Settings, tmp_path: Path
) -> None:
    lyon = Peer(keys("peer"), "https://lyon.example/", scopes=["lyon.fr"])
    oslo = Peer(keys("other"), "https://oslo.example/")  # the federation says nothing of its domains
    provider = provider_of(
        tmp_path, lyon, oslo, trust_email=True, attributes={"affiliation": "eduPersonScopedAffiliation"}
    )
    settings.IDENTITY_PROVIDERS = [provider]
    found = {}
    for peer, domain in (
        (lyon, "lyon.fr"),
        (lyon, "etu.lyon.fr"),
        (lyon, "notlyon.fr"),
        (lyon, "oslo.no"),
        (oslo, "oslo.no"),
    ):
        User.objects.all().delete()
        peer.attributes = named(provider, {"email": f"ada@{domain}", "affiliation": [f"staff@{domain}"]})
        come_back(client, peer, start=f"{LOGIN}?institution={peer.entity_id}")
        account = SocialAccount.objects.get()
        claims = account.extra_data["userinfo"]
        found[account.uid, domain] = (claims["email_verified"], bool(claims["affiliation"]))
        client.logout()

    assert found == {
        ("https://lyon.example/!ada", "lyon.fr"): (True, True),
        ("https://lyon.example/!ada", "etu.lyon.fr"): (True, False),
        ("https://lyon.example/!ada", "notlyon.fr"): (False, False),
        ("https://lyon.example/!ada", "oslo.no"): (False, False),
        ("https://oslo.example/!ada", "oslo.no"): (False, False),
    }
    fields = answer_of(client, oslo, Deviation(issuer=lyon.entity_id), f"{LOGIN}?institution={oslo.entity_id}")
    assert post(client, fields).status_code == 401
