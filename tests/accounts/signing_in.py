"""Helpers about institutions and the sign-in page of the portal."""

from collections.abc import Callable
from typing import Any

from django.test import Client
from django.urls import reverse

from tests.accounts.institution import CLIENT_ID, CLIENT_SECRET

SignIn = Callable[..., Any]


def providers(issuer: str) -> dict[str, Any]:
    """Return what portal/settings.py makes of the environment; a test holds the two together."""
    app = {
        "provider_id": "institution",
        "name": "Example University",
        "client_id": CLIENT_ID,
        "secret": CLIENT_SECRET,
        "settings": {"server_url": issuer},
    }
    return {"openid_connect": {"OAUTH_PKCE_ENABLED": True, "SCOPE": ["openid", "profile", "email"], "APPS": [app]}}


def is_signed_in(client: Client) -> bool:
    """Return whether the portal knows this browser."""
    return bool(client.get(reverse("account_email")).status_code == 200)
