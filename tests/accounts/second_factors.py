"""Helpers about second factors: an authenticator app, and the steps of a sign-in."""

import time
from typing import Any

from allauth.mfa.recovery_codes.internal.auth import RecoveryCodes
from allauth.mfa.totp.internal.auth import format_hotp_value, hotp_value
from django.test import Client
from django.urls import reverse

from accounts import second_factor
from accounts.audit import BY_THE_PORTAL
from accounts.models import User
from tests.factories import PASSWORD

ASK = "mfa_authenticate"


def code_of(secret: str, *, later: int = 0) -> str:
    """Return what an authenticator app shows now, or so many half minutes later."""
    code: str = format_hotp_value(hotp_value(secret, int(time.time()) // 30 + later))
    return code


def with_app(person: User) -> tuple[str, list[str]]:
    """Set up an authenticator app, by a code of the half minute before; return its secret, and recovery codes."""
    secret = second_factor.secret_in(second_factor.begin_totp(person), person)
    assert secret
    codes = second_factor.add_totp(person, secret, code_of(secret, later=-1), BY_THE_PORTAL)
    assert codes is not None
    return secret, codes or RecoveryCodes.activate(person).generate_codes()


def give_password(person: User, **more: Any) -> Client:
    """Return a browser in which the person has given the right password, and no second factor."""
    client = Client()
    response = client.post(reverse("account_login"), {"login": person.username, "password": PASSWORD, **more})
    assert response["Location"] == reverse(ASK)
    return client


def give_code(client: Client, code: str) -> Any:
    """Type a code."""
    return client.post(reverse(ASK), {"code": code})
