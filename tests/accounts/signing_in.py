"""Helpers about institutions and the sign-in page of the portal."""

from collections.abc import Callable
from typing import Any

from django.test import Client
from django.urls import reverse
from pytest_django import Settings

from tests.accounts.institution import CLIENT_ID, CLIENT_SECRET

SignIn = Callable[..., Any]


def point_at(settings: Settings, issuer: str) -> None:
    """Set up the institution of the settings."""
    settings.OIDC_ISSUER, settings.OIDC_NAME = issuer, "Example University"
    settings.OIDC_CLIENT_ID, settings.OIDC_CLIENT_SECRET = CLIENT_ID, CLIENT_SECRET


def is_signed_in(client: Client) -> bool:
    """Return whether the portal knows this browser."""
    return bool(client.get(reverse("account_email")).status_code == 200)
