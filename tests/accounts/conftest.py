"""An institution to sign in with, and the door of the portal."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from pytest_django import Settings

from tests.accounts.institution import CLIENT_ID, CLIENT_SECRET, Institution, running
from tests.factories import PASSWORD

SignIn = Callable[..., Any]


@pytest.fixture(scope="module")
def institution_process() -> Iterator[Institution]:
    """Run one provider for the tests of a file."""
    with running() as institution:
        yield institution


@pytest.fixture
def institution(institution_process: Institution, settings: Settings) -> Institution:
    """Hand out the provider as new, with the portal pointed at it."""
    institution_process.garbage, institution_process.gives_id_token = False, True
    institution_process.has_userinfo, institution_process.userinfo_token = True, ""
    institution_process.asked, institution_process.codes = [], {}
    institution_process.id_token_claims = {}
    settings.OIDC_ISSUER, settings.OIDC_NAME = institution_process.url, "Example University"
    settings.SOCIALACCOUNT_PROVIDERS = providers(institution_process.url)
    return institution_process


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


@pytest.fixture
def sign_in(client: Client) -> SignIn:
    """Return how to fill in the sign-in form; answers its response."""

    def fill_in(login: str, password: str = PASSWORD, **more: str) -> Any:
        return client.post(reverse("account_login"), {"login": login, "password": password, **more})

    return fill_in


def is_signed_in(client: Client) -> bool:
    """Return whether the portal knows this browser."""
    return bool(client.get(reverse("account_email")).status_code == 200)
