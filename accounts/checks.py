"""System checks of sign-in settings."""

from importlib.util import find_spec
from typing import Any
from urllib.parse import urlsplit

from django.core.checks import CheckMessage, Error

from accounts.identity_providers import Cas, IdentityProvider, Ldap, OpenIDConnect, Saml, identity_providers
from accounts.saml_signatures import find_xmlsec

LOOPBACK = {"127.0.0.1", "::1", "localhost"}


def institution_is_asked_over_https(**kwargs: Any) -> list[CheckMessage]:
    """Refuse providers over plain HTTP: their answers identify people, and only HTTPS authenticates them."""
    hint = "Give the address with https://."
    return [
        Error(f"{each.address} is not an https address.", hint=hint, id="accounts.E001")
        for each in identity_providers()
        if _is_trusted_by_its_address(each) and _is_plain(each.address, "https")
    ]


def _is_trusted_by_its_address(provider: IdentityProvider) -> bool:
    """Return whether nothing but HTTPS says that answers are of the provider: metadata may be signed."""
    if isinstance(provider, Saml):
        return bool(provider.metadata_url) and not provider.metadata_certificate_files
    return isinstance(provider, OpenIDConnect | Cas)


def identity_is_asked_for(**kwargs: Any) -> list[CheckMessage]:
    """Refuse scopes without `openid`: there would be no ID token, and nobody could sign in."""
    hint = "For example OIDC_SCOPES=openid profile email."
    return [
        Error(f"The scopes for {each.issuer} do not contain openid.", hint=hint, id="accounts.E002")
        for each in _openid_providers()
        if "openid" not in each.scopes
    ]


def _openid_providers() -> list[OpenIDConnect]:
    return [each for each in identity_providers() if isinstance(each, OpenIDConnect)]


def passwords_are_sent_encrypted(**kwargs: Any) -> list[CheckMessage]:
    """Refuse a directory on another machine without TLS: passwords go to it."""
    hint = "Give the address with ldaps://, or set start_tls = true."
    return [
        Error(f"{each.server} gets passwords unencrypted.", hint=hint, id="accounts.E003")
        for each in identity_providers()
        if isinstance(each, Ldap) and not each.start_tls and any(_is_plain(one, "ldaps") for one in each.servers)
    ]


def _is_plain(address: str, scheme: str) -> bool:
    server = urlsplit(address)
    return server.scheme != scheme and server.hostname not in LOOPBACK


def libraries_are_there(**kwargs: Any) -> list[CheckMessage]:
    """Refuse a kind of provider whose package or program is not installed."""
    found: list[CheckMessage] = []
    if _has_kind(Ldap) and find_spec("ldap") is None:
        hint = "pip install --require-hashes -r requirements/ldap.txt"
        found.append(Error("A directory is set up, but not python-ldap.", hint=hint, id="accounts.E004"))
    if _has_kind(Saml) and find_xmlsec() is None:
        hint = "apt-get install xmlsec1"
        found.append(Error("A SAML provider is set up, but not xmlsec1.", hint=hint, id="accounts.E005"))
    return found


def _has_kind(kind: type[IdentityProvider]) -> bool:
    return any(isinstance(each, kind) for each in identity_providers())
