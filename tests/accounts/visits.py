"""A round trip to the institution, as a browser makes it."""

from typing import Any

import requests
from django.test import Client

from accounts.models import User

LOGIN = "/account/oidc/institution/login/"
CALLBACK = f"{LOGIN}callback/"


def come_back(client: Client, start: str = LOGIN) -> Any:
    """Go to the institution and back as a browser does; answer the portal's response."""
    sent = client.get(start)
    assert sent.status_code == 302, sent.content
    back = requests.get(sent["Location"], allow_redirects=False, timeout=5).headers["Location"]
    assert back.startswith(f"http://testserver{CALLBACK}?")
    return client.get(back.removeprefix("http://testserver"))


def groups_of(user: User) -> set[str]:
    """Return the names of the person's groups."""
    return {group.name for group in user.groups.all()}
