"""System checks of sign-in settings."""

from typing import Any
from urllib.parse import urlsplit

from django.core.checks import CheckMessage, Error

from accounts.identity_providers import OpenIDConnect, identity_providers

LOOPBACK = {"127.0.0.1", "::1", "localhost"}


def institution_is_asked_over_https(**kwargs: Any) -> list[CheckMessage]:
    """Refuse providers over plain HTTP: their answers identify people, and only HTTPS authenticates them."""
    hint = "Give the address with https://."
    return [
        Error(f"{each.issuer} is not an https address.", hint=hint, id="accounts.E001")
        for each in _openid_providers()
        if (issuer := urlsplit(each.issuer)).scheme != "https" and issuer.hostname not in LOOPBACK
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
