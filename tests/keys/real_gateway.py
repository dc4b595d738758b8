"""A real LiteLLM for tests of the portal: called as admin or with a key, and left as it was."""

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import requests
from django.test import Client
from pytest_django import Settings

from accounts.models import User
from keys.models import GatewayIdentity
from keys.services.person_budget import team_id_of

CALL_TIMEOUT_S = 30
CHAT = {"model": "gpt-4o-mini", "messages": [{"role": "user", "content": "hi [words 3]"}], "max_tokens": 3}


class RealGateway:
    """The gateway that REAL_GATEWAY_URL, or another variable, and REAL_GATEWAY_ADMIN_KEY name."""

    def __init__(self, variable: str = "REAL_GATEWAY_URL") -> None:
        self.url = os.environ[variable].rstrip("/")
        self.admin_key = os.environ["REAL_GATEWAY_ADMIN_KEY"]

    def call(self, method: str, path: str, *, key: str | None = None, body: object = None, **more: Any) -> Any:
        """Call the gateway, as admin unless a key is given, and return the `requests` response."""
        headers = {"authorization": f"Bearer {key or self.admin_key}"}
        return requests.request(method, self.url + path, headers=headers, json=body, timeout=CALL_TIMEOUT_S, **more)

    def chat(self, secret: str) -> requests.Response:
        """Ask for a real completion, as a person's program does."""
        answer: requests.Response = self.call("POST", "/v1/chat/completions", key=secret, body=CHAT)
        return answer

    def info(self, token: str) -> dict[str, Any]:
        """Return what the gateway knows of a key."""
        answer: dict[str, Any] = self.call("GET", "/key/info", params={"key": token}).json()["info"]
        return answer

    def keys_of(self, user: User) -> list[dict[str, Any]]:
        """Return the live keys of a person."""
        query = {"user_id": user.gateway_user_id, "return_full_object": "true", "size": 100}
        keys: list[dict[str, Any]] = self.call("GET", "/key/list", params=query).json()["keys"]
        return keys

    def clean_up(self, user: User) -> None:
        """Delete what a test that failed has left, and the person's team."""
        if left := [row["token"] for row in self.keys_of(user)]:
            self.call("POST", "/key/delete", body={"keys": left})
        self.call("POST", "/team/delete", body={"team_ids": [team_id_of(user)]})  # 404 where there is none


@contextmanager
def real_gateway(settings: Settings, *people: User, variable: str = "REAL_GATEWAY_URL") -> Iterator[RealGateway]:
    """Point the portal at the real gateway, and leave no key of these people there."""
    gateway = RealGateway(variable)
    settings.GATEWAY_URL = settings.GATEWAY_PUBLIC_URL = gateway.url
    settings.GATEWAY_ADMIN_KEY = gateway.admin_key
    try:
        yield gateway
    finally:
        for person in people:
            gateway.clean_up(person)
        if marker := GatewayIdentity.load().marker:
            gateway.call("POST", "/team/delete", body={"team_ids": [marker]})


def secret_on(page: str) -> str:
    """Return the secret that a page shows."""
    shown = re.search(r'id="keys-secret"[^>]*>(sk-[\w-]+)<', page)
    assert shown, "no secret on the page"
    return shown[1]


def post(client: Client, url: str, expected: int, **data: str) -> str:
    """Send a form; return the page that came."""
    response = client.post(url, data)
    assert response.status_code == expected, response.content.decode()
    return response.content.decode()
