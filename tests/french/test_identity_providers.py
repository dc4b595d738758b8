"""Signing in with one of several identity providers, in French."""

from pytest_django import Settings

from accounts.identity_providers import Enter, Ldap, OpenIDConnect, Saml
from accounts.models import SamlInstitution
from tests.accounts.institution import CLIENT_ID, CLIENT_SECRET, Institution
from tests.accounts.visits import come_back
from tests.french.conftest import Read, in_french


def test_buttons_and_refusals(institution: Institution, db: None, settings: Settings, read: Read) -> None:
    for rules in (Enter(groups=("x",)), Enter(affiliations=("x",)), Enter(domains=("x",))):
        provider = OpenIDConnect(
            id="b",
            name="Physics",
            issuer=institution.url,
            client_id=CLIENT_ID,
            client_secret=CLIENT_SECRET,
            enter=rules,
        )
        settings.IDENTITY_PROVIDERS = [provider]
        institution.knows("u1", groups=[])
        client = in_french()

        assert "Se connecter avec Physics" in read(client.get("/account/login/"))
        assert "Votre compte de Physics" in read(come_back(client, "/account/oidc/b/login/"))


def test_the_form_of_a_directory(db: None, settings: Settings, read: Read) -> None:
    settings.IDENTITY_PROVIDERS = [Ldap(id="dir", name="Physics", server="ldap://127.0.0.1:1", base="dc=example")]
    client = in_french()

    assert "Se connecter avec Physics" in read(client.get("/account/ldap/dir/login/"))
    read(client.post("/account/ldap/dir/login/"))


def test_the_choice_of_an_institution(db: None, settings: Settings, read: Read) -> None:
    settings.IDENTITY_PROVIDERS = [Saml(id="fed", name="Physics", metadata_file="x")]
    for name in ("Lyon", "Oslo"):
        SamlInstitution.objects.create(provider="fed", entity_id=f"https://{name}", name=name, search=name.lower())
    client = in_french()

    assert "2 établissements" in read(client.get("/account/saml/fed/login/"))
    assert "Aucun établissement" in read(client.get("/account/saml/fed/login/?q=x"))
    answer = {"SAMLResponse": "x"}
    assert "Votre connexion se poursuit ici." in read(client.post("/account/saml/fed/answer/", answer))
    read(client.post("/account/saml/fed/answer/", {**answer, "with_cookies": "1"}))
