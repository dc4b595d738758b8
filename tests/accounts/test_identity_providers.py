"""Several identity providers side by side, set up by one text."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec
import pytest
from django.test import Client
from django.urls import reverse
from pytest_django import Settings
from pytest_django.asserts import assertContains, assertNotContains

from accounts.checks import identity_is_asked_for, institution_is_asked_over_https
from accounts.identity_providers import OpenIDConnect, read_providers
from accounts.models import User
from tests.accounts.institution import CLIENT_ID, CLIENT_SECRET, Institution
from tests.accounts.sign_in_table import Sent, go_through_table, with_rules
from tests.accounts.visits import come_back, whoever_comes_back

TOML = """
[[provider]]
kind = "oidc"
id = "physics"
name = "Physics"
issuer = "https://sso.physics.example.edu"
client_id = "portal"
client_secret_file = "{secret}"
logo = "{logo}"
attributes = {{ groups = ["roles", "groups"], affiliation = "" }}
groups_allowed = ["Staff"]

[provider.group_names]
staff = "Staff"

[provider.enter]
domains = ["example.edu"]
"""


@pytest.mark.slow
def test_the_table_of_sign_ins(client: Client, institution: Institution, db: None, settings: Settings) -> None:
    def sign_in(subject: str, rules: Mapping[str, Any], sent: Sent) -> User | None:
        provider = OpenIDConnect(id="table", issuer=institution.url, client_id=CLIENT_ID, client_secret=CLIENT_SECRET)
        settings.IDENTITY_PROVIDERS = [with_rules(provider, rules)]
        institution.knows(subject, **{provider.attribute(what)[0]: value for what, value in sent.items()})
        return whoever_comes_back(client, "/account/oidc/table/login/")

    go_through_table(sign_in)


@pytest.fixture
def files(tmp_path: Path) -> dict[str, str]:
    """Write a secret and a logo."""
    secret, logo = tmp_path / "secret", tmp_path / "logo.svg"
    secret.write_text("of the client\n")
    logo.write_text('<svg xmlns="http://www.w3.org/2000/svg"/>')
    return {"secret": str(secret), "logo": str(logo)}


def test_reads_what_a_text_says(files: dict[str, str]) -> None:
    [provider] = read_providers(TOML.format(**files))

    assert isinstance(provider, OpenIDConnect)
    assert provider.client_secret == "of the client"
    assert provider.attribute("groups") == ("roles", "groups")
    assert provider.attribute("email") == ("email",)
    assert (provider.can_give, provider.enter.domains) == (("Staff",), ("example.edu",))


@pytest.mark.parametrize(
    ("line", "changed", "words"),
    [
        ('name = "Physics"', 'nmae = "Physics"', "nmae"),
        ('kind = "oidc"', 'kind = "carrier pigeon"', "carrier pigeon"),
        ('id = "physics"', 'id = "../x"', "id"),
        ('id = "physics"', 'id = "institution"', "institution"),
        ("issuer =", "isuer =", "isuer"),
        ("groups = [", "grups = [", "grups"),
        ("[[provider]]", "[[provider", "IDENTITY_PROVIDERS"),
        ("domains =", "domain =", "domain"),
    ],
)
def test_names_what_is_wrong_in_the_text(files: dict[str, str], line: str, changed: str, words: str) -> None:
    assert line in TOML
    with pytest.raises(ValueError, match=words):
        read_providers(TOML.format(**files).replace(line, changed))


def test_each_provider_has_a_button_with_its_logo(
    client: Client, files: dict[str, str], db: None, settings: Settings
) -> None:
    other = OpenIDConnect(id="b", name="B & C", issuer="https://b.example", client_id="x", logo="/missing.png")
    settings.OIDC_ISSUER = ""
    settings.IDENTITY_PROVIDERS = [*read_providers(TOML.format(**files)), other]

    page = client.get(reverse("account_login"), {"next": "/usage/"})

    assertContains(page, 'href="/account/oidc/physics/login/?next=/usage/"')
    assertContains(page, "Sign in with B &amp; C")
    assertContains(page, 'src="/account/logo/physics/"')
    logo = client.get("/account/logo/physics/")
    assert (logo.status_code, logo["Content-Type"]) == (200, "image/svg+xml")
    assert "script-src" in logo["Content-Security-Policy"]
    assert [client.get(f"/account/logo/{name}/").status_code for name in ("b", "nobody")] == [404, 404]


def test_gives_no_other_file_as_a_logo(client: Client, tmp_path: Path, db: None, settings: Settings) -> None:
    for name, size in (("page.html", 10), ("large.png", 201 * 1024)):
        (tmp_path / name).write_bytes(b"x" * size)
        provider = OpenIDConnect(id="b", issuer="https://b", client_id="x", logo=str(tmp_path / name))
        settings.IDENTITY_PROVIDERS = [provider]
        assert client.get("/account/logo/b/").status_code == 404


def test_says_which_rule_keeps_somebody_out(
    client: Client, institution: Institution, db: None, settings: Settings
) -> None:
    rules: dict[str, str] = {"groups": "none of the groups", "affiliations": "affiliation", "domains": "address"}
    for rule, words in rules.items():
        provider = OpenIDConnect(id="table", name="Physics", issuer=institution.url, client_id=CLIENT_ID)
        provider = msgspec.structs.replace(provider, client_secret=CLIENT_SECRET)
        settings.IDENTITY_PROVIDERS = [with_rules(provider, {"enter": {rule: ("x",)}})]
        institution.knows("u1", groups=[])

        answer = come_back(client, "/account/oidc/table/login/")

        assertContains(answer, "Your account of Physics", status_code=403)
        assertContains(answer, words, status_code=403)
    assert not User.objects.exists()


def test_is_checked_as_the_institution_of_the_settings_is(settings: Settings) -> None:
    settings.IDENTITY_PROVIDERS = [OpenIDConnect(id="b", issuer="http://b.example", client_id="x", scopes=("profile",))]

    found = [*institution_is_asked_over_https(), *identity_is_asked_for()]

    assert [error.id for error in found] == ["accounts.E001", "accounts.E002"]
    assert all("b.example" in error.msg for error in found)


def test_an_unknown_provider_is_not_found(client: Client, db: None) -> None:
    assertNotContains(client.get(reverse("account_login")), "/account/oidc/")
    assert client.get("/account/oidc/nobody/login/").status_code == 404
