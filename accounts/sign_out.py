"""Sign-out here, and from the institution's session where its provider offers that."""

import logging
from typing import Any, Final, cast
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

from accounts.identity_providers import IdentityProvider, OpenIDConnect, Saml, identity_provider
from accounts.institution import InstitutionClient
from accounts.saml_sessions import institution_of, leave, left_session, logout_service, take_along

logger = logging.getLogger(__name__)
KNOWN_S: Final = 3600  # how long a provider's answer is remembered, and that there was none


class SignOut(allauth_views.LogoutView):
    """Ends the session here; then offers to end that of the institution with which the person signed in."""

    def post(self, *args: Any, **kwargs: Any) -> HttpResponse:
        """End the session here, and keep for a short time which one the institution may still have."""
        saml_session = take_along(self.request)
        response = cast("HttpResponse", super().post(*args, **kwargs))
        if saml_session:
            leave(self.request, saml_session)
        return response

    def get_redirect_url(self) -> str:
        """Return the next page: the sign-in page, or the one that leads to the institution."""
        records = get_authentication_records(self.request, self.request.user)  # none of somebody who is not signed in
        providers = [record["provider"] for record in records if record["method"] == "socialaccount"]
        provider = identity_provider(providers[-1]) if providers else None
        if isinstance(provider, OpenIDConnect | Saml):
            return signed_out_address(provider)
        return str(super().get_redirect_url())


def signed_out_address(provider: IdentityProvider) -> str:
    """Return the page that tells of the institution's session."""
    return f"{reverse('account_signed_out')}?{urlencode({'provider': provider.id})}"


@login_not_required
@never_cache
@require_safe
def signed_out(request: HttpRequest) -> HttpResponse:
    """Offer to sign out of the institution, too; lead to the sign-in page where there is nothing to say.

    Whom a SAML institution has signed in reads that its session may still be open even if it cannot be ended from here.
    """
    provider = identity_provider(request.GET.get("provider", ""))
    name, address, is_told = provider.name if provider else "", "", False
    if isinstance(provider, OpenIDConnect):
        address = end_session_address(request, provider)
    elif isinstance(provider, Saml) and (left := left_session(request, provider.id)):
        is_told, institution = True, institution_of(left.session)
        name = institution.title if institution else name
        if institution and logout_service(institution) and provider.keys:
            address = reverse("saml_sign_out", args=[provider.id])
    if request.user.is_authenticated or not (address or is_told):
        return redirect("account_login")
    return render(request, "account/signed_out.html", {"name": name, "address": address})


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
