"""Password check: one lookup and one hash, whether the account exists or not."""

from typing import Any

from allauth.account.auth_backends import AuthenticationBackend
from django.db.models import Q
from django.db.models.functions import Lower
from django.http import HttpRequest

from accounts.models import User


class LocalAccounts(AuthenticationBackend):
    """User name, or address, and password.

    allauth's own tries the one and then the other, and with a known address it hashes twice: its response time
    would reveal whose addresses are known.
    """

    def _authenticate(self, request: HttpRequest | None, **credentials: Any) -> User | None:
        login = credentials.get("username") or credentials.get("email") or ""
        user: User | None = self._check_password(account_of(login), credentials["password"])
        return user


def account_of(login: str) -> User | None:
    """Return the account with this user name, or else with this address, in any case; one query.

    The user name counts first: nobody can choose one with an @, whereas anybody can enter any address.
    """
    if "\x00" in login:  # PostgreSQL refuses it
        return None
    name = login.strip()
    lower = Q(lower_name=name.lower()) | Q(lower_address=name.lower()) | Q(username=name)
    found = User.objects.alias(lower_name=Lower("username"), lower_address=Lower("email")).filter(lower)[:2]
    return min(found, key=lambda user: user.username.lower() != name.lower(), default=None)
