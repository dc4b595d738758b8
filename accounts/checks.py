"""System checks of sign-in settings."""

from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.core.checks import CheckMessage, Error

LOOPBACK = {"127.0.0.1", "::1", "localhost"}


def institution_is_asked_over_https(**kwargs: Any) -> list[CheckMessage]:
    """Refuse an institution over plain HTTP: its answers identify people, and only HTTPS authenticates them."""
    issuer = urlsplit(settings.OIDC_ISSUER)
    if not settings.OIDC_ISSUER or issuer.scheme == "https" or issuer.hostname in LOOPBACK:
        return []
    return [Error("OIDC_ISSUER is not an https address.", hint="Give the address with https://.", id="accounts.E001")]


def identity_is_asked_for(**kwargs: Any) -> list[CheckMessage]:
    """Refuse scopes without `openid`: there would be no ID token, and nobody could sign in."""
    if "openid" in settings.OIDC_SCOPES:
        return []
    hint = "For example OIDC_SCOPES=openid profile email."
    return [Error("OIDC_SCOPES does not contain openid.", hint=hint, id="accounts.E002")]
