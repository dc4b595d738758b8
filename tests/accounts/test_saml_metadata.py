"""Metadata of SAML federations: read, checked, searched and kept current."""

import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import msgspec
import pytest
from django.core.management import CommandError, call_command
from django.test import Client
from django.utils import timezone
from pytest_django import Settings
from pytest_django.asserts import assertContains, assertNotContains

from accounts.checks import institution_is_asked_over_https
from accounts.identity_providers import Saml, read_providers
from accounts.models import SamlInstitution, SamlMetadata
from accounts.saml_metadata import MetadataRefused, check_addresses, read_metadata, refresh, refresh_due, saml_providers
from accounts.saml_sessions import LogoutService, logout_service
from tests.accounts.saml_peer import MD, SLO, SSO, Peer, federation, signed_federation
from tests.certificates import KeyFiles, rsa_key_files
from tests.loopback import serving

pytestmark = [pytest.mark.xmlsec, pytest.mark.django_db]
LOGIN = "/account/saml/fed/login/"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("federation")


@pytest.fixture(scope="module")
def signer(folder: Path) -> KeyFiles:
    """Make the key of the federation, which is that of its members too."""
    return rsa_key_files(folder, "federation")


@pytest.fixture(scope="module")
def peers(signer: KeyFiles) -> list[Peer]:
    return [
        Peer(
            signer, "https://idp.lyon.example/", names={"en": "Lyon School", "fr": "École de Lyon"}, scopes=["lyon.fr"]
        ),
        Peer(signer, "https://idp.oslo.example/", names={"no": "Universitetet i <Oslo>"}),
    ]


class Server:
    """What the URL answers."""

    content, status, etag, requests = b"", 200, "", 0


class _Handler(BaseHTTPRequestHandler):
    server_of_test: Server

    def do_GET(self) -> None:
        server = self.server_of_test
        server.requests += 1
        same = bool(server.etag) and self.headers["If-None-Match"] == server.etag
        self.send_response(304 if same else server.status)
        if server.etag:
            self.send_header("ETag", server.etag)
        body = b"" if same else server.content
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:
        pass


@pytest.fixture
def server(settings: Settings, signer: KeyFiles, peers: list[Peer]) -> Iterator[Server]:
    """Serve a federation at a URL."""
    server = Server()
    server.content = signed_federation(signer, *peers).encode()
    with serving(_Handler, server_of_test=server) as address:
        settings.IDENTITY_PROVIDERS = [
            Saml(id="fed", name="Fed", metadata_url=address, metadata_certificate_files=(str(signer.certificate),))
        ]
        yield server


def names() -> set[str]:
    return set(SamlInstitution.objects.values_list("name", flat=True))


def test_reads_what_is_signed_and_nothing_else(
    server: Server, signer: KeyFiles, peers: list[Peer], folder: Path
) -> None:
    [provider] = saml_providers()
    good = server.content.decode()
    start, end = good.split("<EntityDescriptor", 1)
    other = rsa_key_files(folder, "other")
    [signature] = [match[0] for match in re.finditer(r"<(\w+):Signature.*?</\1:Signature>", good, re.DOTALL)]
    signed = good.replace(signature, "").partition("?>")[2]  # what the signature is of, in a root of somebody else
    evil = peers[0].metadata()
    bad = {
        "unsigned": federation(*peers),
        "changed": good.replace("Lyon School", "Evil School"),
        "a member more": f"{start}{evil}<EntityDescriptor{end}",
        "of another key": signed_federation(other, *peers),
        "wrapped": f'<EntitiesDescriptor xmlns="{MD}" ID="_evil">{signature}{evil}{signed}</EntitiesDescriptor>',
        "with entities": f'<!DOCTYPE x [<!ENTITY a "b">]>{federation(*peers)}',
        "expired": federation(*peers, valid_until="2020-01-01T00:00:00Z"),
        "not XML": "<h1>Welcome",
        "of nobody": federation(),
    }
    for name, text in bad.items():
        try:
            read_metadata(provider, text.encode())
        except MetadataRefused:
            continue
        pytest.fail(name)
    unsigned = msgspec.structs.replace(provider, metadata_certificate_files=())
    for name in ("with entities", "expired", "not XML", "of nobody"):
        with pytest.raises(MetadataRefused):
            read_metadata(unsigned, bad[name].encode())

    found = read_metadata(provider, server.content)
    assert {each.name for each in found} == {"Lyon School", "Universitetet i <Oslo>"}
    assert [each.scopes for each in found] == [["lyon.fr"], []]


def test_follows_the_federation_and_keeps_what_it_has_while_that_is_away(
    server: Server, signer: KeyFiles, peers: list[Peer], caplog: pytest.LogCaptureFixture
) -> None:
    server.etag = '"1"'
    assert refresh_due() == 1
    assert refresh_due() == 0
    assert (server.requests, len(names())) == (1, 2)
    long_ago = timezone.now() - timedelta(hours=3)
    SamlMetadata.objects.update(loaded_at=long_ago)
    assert refresh_due() == 1  # the same
    assert server.requests == 2

    for status, content in ((500, b""), (200, federation(*peers).encode())):
        server.status, server.content, server.etag = status, content, ""
        SamlMetadata.objects.update(loaded_at=long_ago)
        assert refresh_due() == 0
        assert len(names()) == 2
        assert SamlMetadata.objects.get().error
    assert "not signed" in caplog.text
    before = {row.entity_id: row.pk for row in SamlInstitution.objects.all()}
    moved = replace(peers[0], names={"en": "School of Lyon"})
    server.content = signed_federation(signer, moved).encode()
    assert refresh_due() == 1  # at once, as the last try failed

    assert names() == {"School of Lyon"}
    assert SamlInstitution.objects.get().pk == before[peers[0].entity_id]
    assert SamlMetadata.objects.get().error == ""


def test_the_search(client: Client, server: Server) -> None:
    refresh_due()
    page = client.get(LOGIN)
    assertContains(page, "Lyon School")
    assertContains(page, "Universitetet i &lt;Oslo&gt;")
    for text, found in (
        ("ECOLE lyon", 1),
        ("lyon.fr", 1),
        ("universitet", 1),
        ("o", 2),
        ("lyon oslo", 0),
        ("\0<b>", 0),
    ):
        page = client.get(LOGIN, {"q": text, "next": "/usage/"})
        assert page.context["page"].paginator.count == found, text
    assertContains(client.get(LOGIN, {"q": "lyon", "page": "99", "next": "/usage/"}), "next=%2Fusage%2F")
    assertContains(client.get(LOGIN, headers={"Accept-Language": "fr"}), "École de Lyon")
    SamlInstitution.objects.filter(name="Lyon School").update(is_hidden=True)
    assertNotContains(client.get(LOGIN), "Lyon School")
    chosen = client.get(LOGIN, {"institution": "https://idp.lyon.example/"})
    assert chosen["Location"].startswith("https://idp.example.edu/sso?SAMLRequest=")
    SamlInstitution.objects.update(valid_until=timezone.now() - timedelta(minutes=1))
    assert client.get(LOGIN).status_code == 503


def test_only_some_institutions(server: Server, settings: Settings) -> None:
    [provider] = settings.IDENTITY_PROVIDERS
    settings.IDENTITY_PROVIDERS = [msgspec.structs.replace(provider, institutions=("https://idp.oslo.example/",))]
    refresh_due()
    assert names() == {"Universitetet i <Oslo>"}
    settings.IDENTITY_PROVIDERS = []
    refresh_due()
    assert not SamlInstitution.objects.exists()


def test_the_command_says_what_there_is(server: Server, capsys: pytest.CaptureFixture[str]) -> None:
    call_command("refresh_saml_metadata")
    assert capsys.readouterr().out == "fed: 2 institutions\n"
    server.content = b""
    with pytest.raises(CommandError, match="fed: it is not valid XML"):
        call_command("refresh_saml_metadata")


def test_a_file_that_changes_is_read_again(settings: Settings, tmp_path: Path, peers: list[Peer]) -> None:
    file = tmp_path / "metadata.xml"
    settings.IDENTITY_PROVIDERS = [Saml(id="fed", metadata_file=str(file))]
    assert refresh_due() == 0  # there is none
    file.write_text(peers[0].metadata())
    assert refresh_due() == 1
    file.write_text(federation(*peers))
    assert refresh_due() == 1
    assert len(names()) == 2
    SamlInstitution.objects.update(valid_until=timezone.now() - timedelta(minutes=1))
    assert refresh_due() == 0  # the same, and expired
    assert "expired" in SamlMetadata.objects.get().error
    with pytest.raises(MetadataRefused):
        refresh(Saml(id="fed", metadata_file=str(tmp_path)))


def test_a_task_that_is_stopped_begins_with_another_one(
    settings: Settings, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    settings.IDENTITY_PROVIDERS = [Saml(id=each, metadata_file=str(tmp_path / each)) for each in ("slow", "other")]
    SamlMetadata.objects.create(pk="slow", tried_at=timezone.now())
    refresh_due()
    assert ["of other is" in each for each in caplog.messages] == [True, False]


def test_unsigned_metadata_is_not_taken_after_a_redirect_to_plain_http() -> None:
    provider = Saml(id="fed", metadata_url="https://federation.example/")
    addresses = ["https://federation.example/", "http://federation.example/"]
    with pytest.raises(MetadataRefused):
        check_addresses(provider, addresses)
    check_addresses(provider, addresses[:1])
    check_addresses(msgspec.structs.replace(provider, metadata_certificate_files=("federation.pem",)), addresses)


def test_services_that_no_browser_should_open_are_left_out(peers: list[Peer]) -> None:
    provider, safe = Saml(id="fed", metadata_file="x"), federation(replace(peers[0], ends_sessions=True), peers[1])
    assert safe.count(f'"{SSO}"') == 2
    for address in (
        "javascript:alert(1)",
        "http://idp.example.edu/",
        "//idp.example.edu/",
        "https:/[",
        "https://[",
        "",
    ):
        unsafe = safe.replace(f'"{SSO}"', f'"{address}"', 1)
        assert len(read_metadata(provider, unsafe.encode())) == 1, address
        [first, _second] = read_metadata(provider, safe.replace(f'"{SLO}"', f'"{address}"').encode())
        assert logout_service(first) is None, address
    local = safe.replace(f'"{SLO}"', '"http://localhost/slo"').encode()
    assert logout_service(read_metadata(provider, local)[0]) == LogoutService(*["http://localhost/slo"] * 2)


def test_what_the_settings_need(settings: Settings) -> None:
    for more in ("", 'metadata_file = "x"\nmetadata_url = "https://x"'):
        with pytest.raises(ValueError, match="metadata_file or metadata_url"):
            read_providers(f'[[provider]]\nkind = "saml"\nid = "fed"\n{more}')
    plain = Saml(id="fed", metadata_url="http://federation.example/")
    for certificates, wrong in (((), ["accounts.E001"]), (("federation.pem",), [])):
        settings.IDENTITY_PROVIDERS = [msgspec.structs.replace(plain, metadata_certificate_files=certificates)]
        assert [error.id for error in institution_is_asked_over_https()] == wrong
