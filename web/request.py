"""The request as the portal's middleware leaves it, and its client address."""

import logging
import time
from ipaddress import IPv6Address, ip_address, ip_network
from typing import TYPE_CHECKING, Final

from django.conf import settings
from django.http import HttpRequest
from django_htmx.middleware import HtmxDetails

from web.addresses import path_within

if TYPE_CHECKING:
    from accounts.models import User

logger = logging.getLogger(__name__)
WARN_EVERY_S: Final = 3600.0
_warned_at: Final[dict[str, float]] = {}  # message -> monotonic time


class PortalRequest(HttpRequest):
    """A request of a signed-in person: LoginRequiredMiddleware has redirected the others."""

    htmx: HtmxDetails
    user: "User"  # never AnonymousUser here


def referrer_policy(request: HttpRequest) -> str:
    """Return how much of the address of a page may leave it: of a link in a mail, which gives access, the host only.

    Not "no-referrer" for these: browsers would send the form without an origin, which the CSRF check refuses.
    """
    return "strict-origin" if path_within(request).startswith("/link/") else settings.SECURE_REFERRER_POLICY


def client_address(request: HttpRequest) -> str | None:
    """Return the client address, behind as many proxies as are trusted; None where it is unknown.

    A request through fewer proxies than are trusted could name its own address, so its header is ignored.
    """
    hops = [hop.strip() for hop in request.headers.get("X-Forwarded-For", "").split(",") if hop.strip()]
    count = settings.TRUSTED_PROXY_COUNT
    if len(hops) < count:
        _warn_of_proxies("TRUSTED_PROXY_COUNT is %d, but X-Forwarded-For has %d entries: too high", count, len(hops))
        return None
    if hops and not count:
        _warn_of_proxies("TRUSTED_PROXY_COUNT is %d, but X-Forwarded-For has %d entries: too low?", count, len(hops))
    try:
        return str(ip_address(hops[-count] if count else request.META.get("REMOTE_ADDR", "")))
    except ValueError:
        return None


def client_network(request: HttpRequest) -> str | None:
    """Return what one client has for itself, to count it: an address of IPv4, or a /64 of IPv6; None where unknown."""
    text = client_address(request)
    address = ip_address(text) if text else None
    if isinstance(address, IPv6Address):
        return str(address.ipv4_mapped or ip_network((int(address), 64), strict=False))
    return text


def _warn_of_proxies(message: str, trusted: int, found: int) -> None:
    """Log it, once an hour for each process: every request would cause it."""
    now = time.monotonic()
    if now - _warned_at.get(message, -WARN_EVERY_S) >= WARN_EVERY_S:
        _warned_at[message] = now
        logger.warning(message, trusted, found)
