"""What the sign-in page offers, the pictures of its buttons, and the sign-in with a directory."""

import logging
import mimetypes
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from django.contrib.auth.decorators import login_not_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.cache import cache_control, never_cache
from django.views.decorators.debug import sensitive_post_parameters, sensitive_variables
from django.views.decorators.http import require_http_methods, require_safe

from accounts import limits
from accounts.adapters import MISMATCH
from accounts.external import finish_sign_in
from accounts.forms import DirectoryForm
from accounts.identity_providers import IdentityProvider, Ldap, identity_provider, identity_providers
from accounts.models import SignInOutcome
from accounts.sign_ins import record_refusal
from web.redirects import is_ours
from web.request import client_address

logger = logging.getLogger(__name__)
LOGO_TYPES: Final = ("image/png", "image/svg+xml", "image/webp", "image/jpeg")
MAX_LOGO_BYTES: Final = 200 * 1024
ROUTES: Final = {
    "oidc": "openid_connect_login",
    "ldap": "ldap_login",
    "cas": "cas_login",
    "saml": "saml_login",
}  # where a sign-in of each kind starts


@dataclass(frozen=True, slots=True)
class Button:
    """One button of the sign-in page."""

    name: str
    address: str
    logo: str  # its address, or ""


def sign_in_buttons() -> list[Button]:
    """Return the buttons of the sign-in page, but for local accounts."""
    return [button_of(each) for each in identity_providers()]


def button_of(provider: IdentityProvider) -> Button:
    """Return the button of one provider."""
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


@login_not_required
@never_cache
@sensitive_post_parameters("password")
@sensitive_variables("password")
@require_http_methods(["GET", "HEAD", "POST"])
def directory_sign_in(request: HttpRequest, provider_id: str) -> HttpResponse:
    """Sign in with the user name and password of a directory."""
    provider = identity_provider(provider_id)
    if not isinstance(provider, Ldap):
        raise Http404
    form = DirectoryForm(request.POST if request.method == "POST" else None)
    if not form.is_valid():
        return _directory_form(request, provider, form, status=422 if form.is_bound else 200)
    username, password = form.cleaned_data["username"], form.cleaned_data["password"]
    usage = limits.begin_try(request, username)
    if usage is None:
        form.add_error(None, _("Too many attempts. Wait a minute, then try again."))
        return _directory_form(request, provider, form, status=429)
    from accounts.directory import DirectoryUnavailable, authenticate

    try:
        found = authenticate(provider, username, password)
    except DirectoryUnavailable as error:
        usage.rollback()
        record_refusal(request, SignInOutcome.UNAVAILABLE, provider=provider.id)
        logger.error("nobody can sign in with %s: %s", provider.id, error)
        words = _("%(name)s does not answer. Try again in a few minutes; local accounts still work.")
        form.add_error(None, words % {"name": provider.title})
        return _directory_form(request, provider, form, status=503)
    if found is None:
        record_refusal(request, SignInOutcome.PASSWORD, provider=provider.id)
        logger.warning("sign-in with %s failed from %s", provider.id, client_address(request))
        form.add_error(None, MISMATCH)
        return _directory_form(request, provider, form, status=422)
    usage.rollback()
    next_url = request.POST.get("next", "")
    next_url = next_url if is_ours(request, next_url) else ""
    response = finish_sign_in(request, provider, found, next_url, asked_again=True)
    if request.user.is_authenticated:
        limits.remember_browser(request, response, request.user)
    return response


def _directory_form(request: HttpRequest, provider: Ldap, form: DirectoryForm, *, status: int) -> HttpResponse:
    next_url = (request.POST if form.is_bound else request.GET).get("next", "")
    context = {"provider": provider, "form": form, "next": next_url}
    return render(request, "socialaccount/directory.html", context, status=status)
