"""System checks of sign-in settings."""

from importlib.util import find_spec
from typing import Any
from urllib.parse import urlsplit

from django.core.checks import CheckMessage, Error

from accounts.identity_providers import Cas, Ldap, OpenIDConnect, identity_providers

LOOPBACK = {"127.0.0.1", "::1", "localhost"}


def institution_is_asked_over_https(**kwargs: Any) -> list[CheckMessage]:
    """Refuse providers over plain HTTP: their answers identify people, and only HTTPS authenticates them."""
    hint = "Give the address with https://."
    return [
        Error(f"{each.address} is not an https address.", hint=hint, id="accounts.E001")
        for each in identity_providers()
        if isinstance(each, OpenIDConnect | Cas) and _is_plain(each.address, "https")
    ]


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
    """Refuse a kind of provider whose package is not installed."""
    hint = "pip install --require-hashes -r requirements/ldap.txt"
    needed = any(isinstance(each, Ldap) for each in identity_providers()) and find_spec("ldap") is None
    return [Error("A directory is set up, but not python-ldap.", hint=hint, id="accounts.E004")] if needed else []
