"""Security keys (WebAuthn): what the browser is asked for, and whether its answer is valid.

The challenge is kept in the session, for one answer. allauth's functions read the request of the thread.
"""

import struct
from ipaddress import ip_address
from typing import Any, Final
from urllib.parse import urlsplit

from allauth.mfa.models import Authenticator
from allauth.mfa.webauthn.internal import auth
from django.conf import settings
from django.core.exceptions import ValidationError

from accounts.models import User

BAD_ANSWER: Final = (ValidationError, ValueError, TypeError, LookupError, AttributeError, struct.error)
MAX_CHARS: Final = 20_000  # of an answer; real ones have up to 3,000


def are_possible() -> bool:
    """Return whether browsers take security keys here: they know portals by a name, over HTTPS or on this machine."""
    host = urlsplit(settings.PORTAL_URL).hostname or ""
    try:
        ip_address(host)
    except ValueError:
        return bool(settings.HTTPS or host == "localhost")
    return False


def registration_options(person: User) -> dict[str, Any]:
    """Return what the browser needs to register a key, with a new challenge."""
    options: dict[str, Any] = auth.begin_registration(person, passwordless=False)
    return options


def is_registered(credential: Any) -> bool:
    """Return whether this answers the challenge of `registration_options`."""
    try:
        auth.parse_registration_response(credential)
        auth.complete_registration(credential)
    except BAD_ANSWER:
        return False
    return True


def authentication_options(person: User) -> dict[str, Any]:
    """Return what the browser needs to ask for one of the person's keys, with a new challenge."""
    options: dict[str, Any] = auth.begin_authentication(person)
    return options


def use_key(person: User, credential: Any) -> Authenticator | None:
    """Return the person's key that signed the challenge of `authentication_options`; None for anything else."""
    try:
        auth.parse_authentication_response(credential)
        factor: Authenticator = auth.complete_authentication(person, credential)
    except BAD_ANSWER:
        return None
    factor.record_usage()
    return factor
