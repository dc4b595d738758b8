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
    assert back.startswith("http://testserver/account/oidc/")
    return client.get(back.removeprefix("http://testserver"))


def whoever_comes_back(client: Client, start: str) -> User | None:
    """Sign in by a round trip, and out again; return who was signed in."""
    come_back(client, start)
    return whoever_is_signed_in(client)


def whoever_is_signed_in(client: Client) -> User | None:
    """Return who is signed in, and sign them out."""
    person = client.session.get("_auth_user_id", 0)
    client.logout()
    return User.objects.filter(pk=person).first()


def groups_of(user: User) -> set[str]:
    """Return the names of the person's groups."""
    return {group.name for group in user.groups.all()}
