"""A sign-in with an identity provider, from the claims to the session: the same for every kind."""

from collections.abc import Iterable, Mapping
from typing import Any

from allauth.socialaccount.adapter import get_adapter
from allauth.socialaccount.helpers import complete_social_login
from allauth.socialaccount.models import SocialAccount, SocialApp, SocialLogin
from allauth.socialaccount.providers.base import AuthProcess, Provider
from django.db import IntegrityError, transaction
from django.http import HttpRequest, HttpResponse

from accounts.claims import read_claims
from accounts.entry import complete_claims
from accounts.fresh import ASK_AGAIN
from accounts.identity_providers import IdentityProvider, OpenIDConnect, identity_provider


def provider_of(provider_id: str) -> IdentityProvider:
    """Return the identity provider; raises SocialApp.DoesNotExist."""
    if found := identity_provider(provider_id):
        return found
    raise SocialApp.DoesNotExist


def social_app(provider: IdentityProvider) -> SocialApp:
    """Return the provider as allauth has it; such a row is never saved."""
    app = SocialApp(provider="mapped", provider_id=provider.id, name=provider.name, client_id=provider.id)
    if isinstance(provider, OpenIDConnect):
        app.provider, app.client_id, app.secret = "openid_connect", provider.client_id, provider.client_secret
        app.settings = {
            "server_url": provider.issuer,
            "scope": list(provider.scopes),
            "oauth_pkce_enabled": True,
        }
    return app


def login_of(request: HttpRequest, provider: Provider, claims: dict[str, Any], received: Iterable[str]) -> SocialLogin:
    """Return the sign-in of the person of these claims, with what they mean for groups, and those of the last time.

    `received`: the names of all attributes that were sent.
    """
    known = SocialAccount.objects.filter(provider=provider.sub_id, uid=claims["sub"]).first()
    before = known.extra_data.get("userinfo", {}) if known else {}
    completed, gives_groups = complete_claims(provider_of(provider.sub_id), claims, before)
    login: SocialLogin = provider.sociallogin_from_response(request, {"userinfo": completed})
    login.claims_before, login.gives_groups = before, gives_groups
    login.received = [name for name in received if name.isprintable()]  # neither page nor database takes a surrogate
    return login


def finish_sign_in(
    request: HttpRequest,
    provider: IdentityProvider,
    found: tuple[str, Mapping[str, Any]],
    next_url: str,
    *,
    asked_again: bool,
    asked_at: float | None = None,
) -> HttpResponse:
    """Sign in the person of this subject with these attributes, as after a round trip to an OpenID provider.

    `asked_again`, `asked_at`: whether the provider had to ask who they are, and when it did, as far as it says so.
    Of two first sign-ins at once, as by a double click, the second waits for the account of the first, and enters it.
    """
    state = {"process": AuthProcess.LOGIN, "next": next_url, ASK_AGAIN: asked_again}
    try:
        with transaction.atomic():
            return _finish(request, provider, found, state, asked_at)
    except IntegrityError:
        return _finish(request, provider, found, state, asked_at)


def _finish(
    request: HttpRequest,
    provider: IdentityProvider,
    found: tuple[str, Mapping[str, Any]],
    state: Mapping[str, Any],
    asked_at: float | None,
) -> HttpResponse:
    allauth_provider = get_adapter(request).get_provider(request, provider.id)
    login = login_of(request, allauth_provider, read_claims(provider, *found), found[1])
    login.state, login.auth_time = dict(state), asked_at
    answer: HttpResponse = complete_social_login(request, login)
    return answer
