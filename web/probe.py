"""What a request looks like where it arrives, for `manage.py doctor`: have the proxies set the headers that they must?

Only a request with a token signed by this portal gets it: a stranger learns nothing. A process with another SECRET_KEY
does not accept the token, so that programs that were started with other secrets are noticed.
"""

from dataclasses import asdict, dataclass
from typing import Final

from django.conf import settings
from django.core import signing
from django.http import HttpRequest
from django.utils.crypto import salted_hmac

from web.request import client_address

HEADER: Final = "X-Passerelle-Probe"
VALID_S: Final = 60
_SALT: Final = "web.probe"
_SECRETS: Final = ("PLAYGROUND_KEY_SECRET", "GATEWAY_ADMIN_KEY", "GATEWAY_URL", "PORTAL_URL")


@dataclass(frozen=True, slots=True, kw_only=True)
class Arrival:
    """The request as it arrived: `hops` are the entries of X-Forwarded-For, `settings` a digest of what all share."""

    is_secure: bool
    hops: list[str]
    client: str | None
    settings: str


def token() -> str:
    """Return what a request of the doctor has as HEADER."""
    return signing.dumps({}, salt=_SALT)


def settings_digest() -> str:
    """Return a text that is the same in all programs with the same secrets, and tells nothing about them."""
    shared = "\0".join(getattr(settings, name) for name in _SECRETS)
    return salted_hmac(_SALT, shared, algorithm="sha256").hexdigest()[:16]


def arrival_of(request: HttpRequest) -> dict[str, object]:
    """Return how the request arrived, as JSON; nothing without a valid token."""
    try:
        signing.loads(request.headers.get(HEADER, ""), salt=_SALT, max_age=VALID_S)
    except signing.BadSignature:
        return {}
    hops = [hop.strip() for hop in request.headers.get("X-Forwarded-For", "").split(",") if hop.strip()]
    arrival = Arrival(
        is_secure=request.is_secure(), hops=hops, client=client_address(request), settings=settings_digest()
    )
    return {"arrival": asdict(arrival)}
