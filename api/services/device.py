"""Sign-in of a command by a code that its owner confirms in the browser (RFC 8628). Kept in the cache for ten minutes.

Only the hash of the device's own code is kept. The decision and the use of a code are one `cache.add` each, so that
neither happens twice.
"""

import re
import secrets
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Final

from django.core.cache import cache
from django.views.decorators.debug import sensitive_variables

from accounts.audit import Actor
from accounts.models import User
from accounts.tokens import are_all_revoked_since
from api.services.tokens import create_token
from gateway.secret import Secret, token_of

ALPHABET: Final = "BCDFGHJKLMNPQRSTVWXZ"  # no vowels, so that no words come about; nothing that looks like a digit
CODE_LENGTH: Final = 8  # 34 bits; a person can try a few dozen codes an hour
LIVES_S: Final = 600
INTERVAL_S: Final = 5  # between two questions of a device
LIFETIME_DAYS: Final = 90  # of the access token
SCOPES: Final = ("keys:read", "keys:write", "usage:read", "models:read")  # all that a command can get by a code
REFUSED: Final = 0  # in place of who approved


class Pending(Exception):
    """Nobody has decided yet."""


class TooFast(Exception):
    """The device has asked less than INTERVAL_S ago."""


class Denied(Exception):
    """The person refused, may not sign in any more, or has ended all tokens since."""


class Expired(Exception):
    """The code is unknown, used or too old."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Device:
    """A command that waits for a person's decision."""

    digest: str
    user_code: str
    name: str
    scopes: Sequence[str]
    address: str | None

    @property
    def code_to_show(self) -> str:
        """The code with a hyphen, as it is read aloud."""
        return f"{self.user_code[:4]}-{self.user_code[4:]}"


@sensitive_variables("device_code")
def begin(*, name: str, scopes: Sequence[str], address: str | None) -> tuple[Secret, Device]:
    """Return a new code for the device, which is kept nowhere, and what its owner confirms."""
    device_code = Secret(secrets.token_urlsafe(32))
    user_code = "".join(secrets.choice(ALPHABET) for _place in range(CODE_LENGTH))
    device = Device(digest=token_of(device_code), user_code=user_code, name=name, scopes=scopes, address=address)
    cache.set(_name("device", device.digest), asdict(device), LIVES_S)
    cache.set(_name("code", user_code), device.digest, LIVES_S)
    return device_code, device


def find(typed: str) -> Device | None:
    """Return the device of a code that a person typed, in whatever case and with any hyphens; None if it is decided."""
    user_code = re.sub(r"[^A-Z]", "", typed.upper())
    digest = cache.get(_name("code", user_code)) if len(user_code) == CODE_LENGTH else None
    kept = cache.get(_name("device", digest)) if digest else None
    return Device(**kept) if kept and cache.get(_name("decided", kept["digest"])) is None else None


def decide(device: Device, *, owner: User, approves: bool) -> bool:
    """Record the decision; False where there is one."""
    decision = (owner.pk if approves else REFUSED, time.time())
    return bool(cache.add(_name("decided", device.digest), decision, LIVES_S))


@sensitive_variables("device_code", "secret")
def collect(device_code: str, *, address: str | None) -> tuple[Secret, Sequence[str]]:
    """Return an access token of whoever approved, once, with its scopes.

    Raises Pending, TooFast, Denied, Expired, or TokenRefused where the person has too many tokens.
    """
    digest = token_of(Secret(device_code))
    kept = cache.get(_name("device", digest))
    if kept is None:
        raise Expired
    if not cache.add(_name("asked", digest), value=True, timeout=INTERVAL_S - 1):
        raise TooFast
    decision = cache.get(_name("decided", digest))
    if decision is None:
        raise Pending
    owner_id, decided_at = decision
    owner = User.objects.filter(pk=owner_id, is_active=True).first()
    if owner is None or are_all_revoked_since(owner, decided_at):
        raise Denied
    if not cache.add(_name("used", digest), value=True, timeout=LIVES_S):
        raise Expired
    device = Device(**kept)
    actor = Actor(user=owner, address=address)
    _token, secret = create_token(
        owner=owner, actor=actor, name=device.name, scopes=device.scopes, lifetime_days=LIFETIME_DAYS
    )
    return secret, device.scopes


def _name(kind: str, value: str) -> str:
    return f"api:device:{kind}:{value}"
