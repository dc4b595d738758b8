"""The request as the portal's middleware leaves it, and where it came from."""

from ipaddress import ip_address
from typing import TYPE_CHECKING

from django.conf import settings
from django.http import HttpRequest
from django_htmx.middleware import HtmxDetails

if TYPE_CHECKING:
    from accounts.models import User


class PortalRequest(HttpRequest):
    """A request of somebody who is signed in: LoginRequiredMiddleware has turned the others away."""

    htmx: HtmxDetails
    user: "User"  # never AnonymousUser here


def client_address(request: HttpRequest) -> str | None:
    """Return the address that the request came from, behind as many proxies as are trusted."""
    hops = [hop.strip() for hop in request.headers.get("X-Forwarded-For", "").split(",") if hop.strip()]
    count = settings.TRUSTED_PROXY_COUNT
    claimed = hops[-count] if count and len(hops) >= count else request.META.get("REMOTE_ADDR", "")
    try:
        return str(ip_address(claimed))
    except ValueError:
        return None
