"""Answers of SAML that somebody forged: with a signature of something else, or one that appears by decryption."""

import re
from base64 import b64decode, b64encode
from collections.abc import Callable
from pathlib import Path
from typing import Final

import pytest
from saml2 import saml, samlp, xmldsig
from saml2.sigver import pre_encryption_part

from accounts.identity_providers import KeyPair, Saml
from accounts.models import SamlInstitution
from accounts.saml import AnswerRefused, new_request_id, portal_metadata, read_answer, sign_in_address
from accounts.saml_metadata import read_metadata
from accounts.saml_portal import Portal
from tests.accounts.saml_peer import Peer
from tests.certificates import KeyFiles, rsa_key_files

pytestmark = [pytest.mark.xmlsec, pytest.mark.django_db]
PORTAL: Final = Portal(
    "https://portal.example/metadata/", "https://portal.example/answer/", "https://portal.example/logout/"
)
Answer = Callable[[Peer], str]
Subject = Callable[[str], str]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("keys")


@pytest.fixture(scope="module")
def peer(folder: Path) -> Peer:
    return Peer(rsa_key_files(folder, "peer"), attributes={"subject-id": ["ada"]}, scopes=["example.edu"])


@pytest.fixture(scope="module")
def portal_keys(folder: Path) -> KeyFiles:
    return rsa_key_files(folder, "portal")


@pytest.fixture
def provider(portal_keys: KeyFiles) -> Saml:
    """Hand out a provider whose answers can be encrypted, and identify people by an attribute."""
    pair = KeyPair(str(portal_keys.key), str(portal_keys.certificate))
    return Saml(id="fed", metadata_file="x", keys=(pair,), subject="subject-id")


@pytest.fixture
def institution(provider: Saml, peer: Peer) -> SamlInstitution:
    [found] = read_metadata(provider, peer.metadata().encode())
    return found


@pytest.fixture
def request_id() -> str:
    return new_request_id()


@pytest.fixture
def answer_of(provider: Saml, institution: SamlInstitution, request_id: str) -> Answer:
    """Return the answer of an institution to the same request."""

    def answer(peer: Peer) -> str:
        address = sign_in_address(
            provider, institution, PORTAL, request_id=request_id, relay_state="x", asks_again=False
        )
        return b64decode(peer.answer(address, portal_metadata(provider, PORTAL))["SAMLResponse"]).decode()

    return answer


@pytest.fixture
def subject_of(provider: Saml, institution: SamlInstitution, request_id: str) -> Subject:
    """Return whom an answer signs in, or "" where it is refused."""

    def subject(xml: str) -> str:
        text = b64encode(xml.encode()).decode()
        try:
            return read_answer(provider, institution, PORTAL, request_id=request_id, answer=text).subject
        except AnswerRefused:
            return ""

    return subject


def encrypted(peer: Peer, keys: KeyFiles, xml: str, *names: str) -> str:
    """Return the document with the element at this path encrypted, as anybody can with the portal's certificate."""
    body = "".join(line for line in keys.certificate.read_text().splitlines() if "-----" not in line)
    template = pre_encryption_part(key_name=None, encrypt_cert=body)
    path = "".join(f"/*[local-name()='{name}']" for name in names)
    return str(peer.server().sec.encrypt_assertion(xml, str(keys.certificate), template, node_xpath=path))


def in_prefixes(xml: str) -> tuple[str, str, str]:
    """Return the prefixes of assertions, signatures and answers: pysaml2 numbers them as they come."""
    found = {address: prefix for prefix, address in re.findall(r'xmlns:(\w+)="([^"]*)"', xml)}
    return found[saml.NAMESPACE], found[xmldsig.NAMESPACE], found[samlp.NAMESPACE]


def test_a_signature_that_appears_by_decryption_is_checked(
    answer_of: Answer, subject_of: Subject, peer: Peer, portal_keys: KeyFiles, folder: Path
) -> None:
    mallory = Peer(rsa_key_files(folder, "mallory"), attributes=peer.attributes)  # signs with another key
    xml = answer_of(mallory)
    a, ds, _p = in_prefixes(xml)
    declared = "".join(f" {each}" for each in re.findall(r'xmlns:\w+="[^"]*"', xml.partition("Version")[0]))
    xml = re.sub(f"<({a}:Assertion|{ds}:Signature) ", rf"<\1{declared} ", xml)  # each is read apart
    start, assertion, end = re.split(f"(<{a}:Assertion .*</{a}:Assertion>)", xml, flags=re.DOTALL)
    inner = f"<{a}:Advice><{a}:EncryptedAssertion><x/></{a}:EncryptedAssertion></{a}:Advice>"
    assertion = assertion.replace(f"</{a}:Conditions>", f"</{a}:Conditions>{inner}")
    xml = f"{start}<{a}:EncryptedAssertion>{assertion}</{a}:EncryptedAssertion>{end}"
    path = ("Response", "EncryptedAssertion", "Assertion")
    for each in ((*path, "Advice", "EncryptedAssertion", "x"), (*path, "Signature"), path):
        xml = encrypted(mallory, portal_keys, xml, *each)

    assert subject_of(xml) == ""


def test_many_encrypted_parts_are_refused_before_each_is_decrypted(
    answer_of: Answer, peer: Peer, provider: Saml, institution: SamlInstitution, request_id: str
) -> None:
    parts = '<EncryptedData xmlns="http://www.w3.org/2001/04/xmlenc#"/>' * 11
    xml = answer_of(peer).replace("</", f"{parts}</", 1)
    with pytest.raises(AnswerRefused, match="too many"):
        read_answer(provider, institution, PORTAL, request_id=request_id, answer=b64encode(xml.encode()).decode())


def test_wrapped_signatures_sign_nobody_in(answer_of: Answer, subject_of: Subject, peer: Peer) -> None:
    """Go through the forms of "On Breaking SAML" (Somorovsky and others, 2012), and twice the ID of what is signed."""
    good = answer_of(peer)
    assert subject_of(good) == "https://idp.example.edu/saml!ada"
    a, ds, p = in_prefixes(good)
    [signed] = re.findall(f"<{a}:Assertion .*</{a}:Assertion>", good, re.DOTALL)
    [signature] = re.findall(f"<{ds}:Signature .*</{ds}:Signature>", signed, re.DOTALL)
    [name] = re.findall(' ID="([^"]*)"', signed)
    bare = signed.replace(signature, "")
    evil = bare.replace(">ada<", ">eve<").replace(name, "_evil")
    same_name = evil.replace("_evil", name)

    def within(element: str, more: str, tag: str = f"</{a}:Assertion>") -> str:
        return element.replace(tag, more + tag, 1)

    def signed_as(element: str, other: str = signature) -> str:
        return element.replace(f"</{a}:Issuer>", f"</{a}:Issuer>{other}", 1)

    def in_signature(more: str) -> str:
        return within(signature, f"<{ds}:Object>{more}</{ds}:Object>", f"</{ds}:Signature>")

    def with_extensions(more: str, assertion: str) -> str:
        start, end = good.replace(signed, assertion).split(f"<{p}:Status>")
        return f"{start}<{p}:Extensions>{more}</{p}:Extensions><{p}:Status>{end}"

    forms = {
        "1": good.replace(signed, signed_as(evil, in_signature(good.partition("?>")[2]))),
        "3": good.replace(signed, evil + signed),
        "3, signed": good.replace(signed, signed_as(evil, signature.replace(name, "_evil")) + signed),
        "4": good.replace(signed, within(evil, signed)),
        "5": good.replace(signed, signed_as(evil) + bare),
        "6": good.replace(signed, signed_as(evil, in_signature(bare))),
        "6, no Object": good.replace(signed, signed_as(evil, within(signature, bare, f"</{ds}:Signature>"))),
        "7": with_extensions(signed, evil),
        "8": with_extensions(bare, signed_as(evil)),
        "in Advice": good.replace(signed, within(signed_as(evil), f"<{a}:Advice>{signed}</{a}:Advice>")),
        "ID twice": good.replace(signed, signed_as(same_name) + signed),
        "ID twice, in Extensions": with_extensions(bare, signed_as(same_name)),
        "ID twice, within": good.replace(signed, within(signed_as(same_name), f"<{a}:Advice>{signed}</{a}:Advice>")),
    }
    assert all("eve" in xml for xml in forms.values())
    assert {form: who for form, xml in forms.items() if (who := subject_of(xml))} == {}
