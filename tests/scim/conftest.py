"""A client of an identity provider, and the SCIM service in this process."""

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.core.handlers.wsgi import WSGIHandler
from django.core.signals import request_finished, request_started
from django.db import close_old_connections
from django.test import Client
from pytest_django import Settings
from scim2_client.engines.wsgi import WSGISCIMClient

from accounts.audit import Actor
from accounts.identity_providers import Cas
from accounts.models import ScimClient
from gateway.secret import Secret
from scim.services.clients import create_client

BASE = "http://testserver/scim/v2"
TRUSTED = Cas(id="uni", name="University", server="https://cas.example.edu", trust_email=True)
Send = Callable[..., Any]


@pytest.fixture
def secret(settings: Settings, db: None) -> Secret:
    """Create the client of a provider whose addresses count."""
    settings.IDENTITY_PROVIDERS = [TRUSTED]
    found = create_client(provider=TRUSTED, scopes=["users", "groups"], actor=Actor())
    assert found
    return found


@pytest.fixture
def scim_client(secret: Secret) -> ScimClient:
    return ScimClient.objects.get()


@pytest.fixture
def send(secret: Secret, client: Client) -> Send:
    """Return a function that sends a request and returns the answer."""

    def sent(method: str, path: str, body: Any = None, **headers: str) -> Any:
        text = body if isinstance(body, str | bytes) else "" if body is None else json.dumps(body)
        about = {"Authorization": f"Bearer {secret}", **headers}
        return client.generic(method, f"/scim/v2{path}", text, "application/scim+json", headers=about)

    return sent


@pytest.fixture
def real_client(secret: Secret, settings: Settings) -> Iterator[WSGISCIMClient]:
    """Return scim2-client, which calls the portal in this process, with the database connection of the test."""
    settings.PORTAL_URL = "http://testserver"
    settings.API_REQUESTS_PER_MINUTE = 10_000
    for signal in (request_started, request_finished):
        signal.disconnect(close_old_connections)
    yield WSGISCIMClient(WSGIHandler(), base_url=BASE, headers={"Authorization": f"Bearer {secret}"})
    for signal in (request_started, request_finished):
        signal.connect(close_old_connections)
