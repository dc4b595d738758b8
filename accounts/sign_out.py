"""Sign-out here, and from the institution's session where its OpenID provider offers that."""

import logging
from typing import Any, Final
from urllib.parse import urlencode, urlsplit

from allauth.account import views as allauth_views
from allauth.account.authentication import get_authentication_records
from django.contrib.auth.decorators import login_not_required
from django.core.cache import cache
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe
from requests import RequestException

from accounts.identity_providers import OpenIDConnect, identity_provider
from accounts.institution import InstitutionClient

logger = logging.getLogger(__name__)
KNOWN_S: Final = 3600  # how long a provider's answer is remembered, and that there was none


class SignOut(allauth_views.LogoutView):
    """Ends the session here; then offers to end that of the institution with which the person signed in."""

    def get_redirect_url(self) -> str:
        """Return the next page: the sign-in page, or the one that leads to the institution."""
        records = get_authentication_records(self.request, self.request.user)  # none of somebody who is not signed in
        providers = [record["provider"] for record in records if record["method"] == "socialaccount"]
        provider = identity_provider(providers[-1]) if providers else None
        if isinstance(provider, OpenIDConnect):
            return f"{reverse('account_signed_out')}?{urlencode({'provider': provider.id})}"
        return str(super().get_redirect_url())


@login_not_required
@never_cache
@require_safe
def signed_out(request: HttpRequest) -> HttpResponse:
    """Offer to sign out of the institution, too; lead to the sign-in page where it offers no sign-out."""
    provider = identity_provider(request.GET.get("provider", ""))
    address = end_session_address(request, provider) if isinstance(provider, OpenIDConnect) else ""
    if request.user.is_authenticated or not address:
        return redirect("account_login")
    return render(request, "account/signed_out.html", {"provider": provider, "address": address})


def end_session_address(request: HttpRequest, provider: OpenIDConnect) -> str:
    """Return where the provider ends its session, or "" (OpenID Connect RP-Initiated Logout 1.0).

    It is asked with the client's id alone: ID tokens are not kept, and a return address would have to be registered.
    """
    kept = f"end-session:{provider.id}"
    endpoint: str | None = cache.get(kept)
    if endpoint is None:
        endpoint = _discovered(request, provider)
        cache.set(kept, endpoint, KNOWN_S)
    if not endpoint:
        return ""
    joint = "&" if urlsplit(endpoint).query else "?"
    return f"{endpoint}{joint}{urlencode({'client_id': provider.client_id})}"


def _discovered(request: HttpRequest, provider: OpenIDConnect) -> str:
    """Return the endpoint in the provider's discovery document, or "" where there is none that a browser can open."""
    try:
        configuration: Any = InstitutionClient(request, provider.id).openid_config
    except (RequestException, ValueError, AttributeError) as error:  # allauth expects a JSON object
        logger.warning("sign-out of %s is not offered: its discovery document was not read: %s", provider.id, error)
        return ""
    endpoint = configuration.get("end_session_endpoint", "") if isinstance(configuration, dict) else ""
    schemes = {"https", urlsplit(provider.issuer).scheme}  # http only where the provider itself is asked by it
    return endpoint if isinstance(endpoint, str) and urlsplit(endpoint).scheme in schemes else ""
