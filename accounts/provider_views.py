"""What the sign-in page offers, and the pictures of its buttons."""

import mimetypes
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from django.contrib.auth.decorators import login_not_required
from django.http import Http404, HttpRequest, HttpResponse
from django.urls import reverse
from django.views.decorators.cache import cache_control
from django.views.decorators.http import require_safe

from accounts.identity_providers import IdentityProvider, identity_provider, identity_providers

LOGO_TYPES: Final = ("image/png", "image/svg+xml", "image/webp", "image/jpeg")
MAX_LOGO_BYTES: Final = 200 * 1024
ROUTES: Final = {"oidc": "openid_connect_login"}  # where a sign-in of each kind starts


@dataclass(frozen=True, slots=True)
class Button:
    """One button of the sign-in page."""

    name: str
    address: str
    logo: str  # its address, or ""


def sign_in_buttons() -> list[Button]:
    """Return the buttons of the sign-in page, but for local accounts."""
    return [_button(each) for each in identity_providers()]


def _button(provider: IdentityProvider) -> Button:
    logo = reverse("provider_logo", args=[provider.id]) if provider.logo else ""
    return Button(provider.name, reverse(ROUTES[provider.kind], args=[provider.id]), logo)


@login_not_required
@cache_control(max_age=3600)
@require_safe
def logo(request: HttpRequest, provider_id: str) -> HttpResponse:
    """Answer the picture of a provider's button."""
    provider = identity_provider(provider_id)
    if provider is None or not provider.logo:
        raise Http404
    kind = mimetypes.guess_type(provider.logo)[0]
    try:
        data = Path(provider.logo).read_bytes()
    except OSError as error:
        raise Http404 from error
    if kind not in LOGO_TYPES or len(data) > MAX_LOGO_BYTES:
        raise Http404
    return HttpResponse(data, content_type=kind)
