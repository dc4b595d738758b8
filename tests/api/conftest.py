"""Programs that use the API with an access token."""

from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client

from accounts.audit import Actor
from accounts.models import User
from api.scopes import SCOPES
from api.services.tokens import create_token


class Program:
    """A program with an access token."""

    def __init__(self, owner: User, *scopes: str) -> None:
        self.token, self.secret = create_token(
            owner=owner, actor=Actor(user=owner), name="script", scopes=scopes or SCOPES, lifetime_days=90
        )
        self.client = Client(enforce_csrf_checks=True)

    def ask(self, method: str, path: str, data: Any = None, **headers: str) -> Any:
        """Send a request, with a JSON body if there is one, and return the answer."""
        body = {} if data is None else {"data": data, "content_type": "application/json"}
        with_token = {"Authorization": f"Bearer {self.secret}", **{n.replace("_", "-"): v for n, v in headers.items()}}
        return getattr(self.client, method)(f"/api/v1{path}", headers=with_token, **body)

    def get(self, path: str, **headers: str) -> Any:
        """Read something."""
        return self.ask("get", path, **headers)

    def post(self, path: str, data: Any = None, **headers: str) -> Any:
        """Send something."""
        return self.ask("post", path, {} if data is None else data, **headers)


def is_refused_after(most: int, send: Callable[[], Any]) -> bool:
    """Send requests until one is refused; twice as many as a minute has, since another minute may begin."""
    return any(send().status_code == 429 for _request in range(2 * most + 1))


@pytest.fixture
def by_intern(intern: User) -> Program:
    """Return a program of the intern's."""
    return Program(intern)


@pytest.fixture
def by_staff(staff: User) -> Program:
    """Return a program of the staff's."""
    return Program(staff)


@pytest.fixture
def by_admin(admin: User) -> Program:
    """Return a program of the admin's."""
    return Program(admin)
