"""Sign-in by CAS: to the server, and back with a ticket."""

import logging
from urllib.parse import urlencode

from allauth.account.utils import get_next_redirect_url
from allauth.socialaccount.adapter import get_adapter
from allauth.socialaccount.helpers import render_authentication_error
from allauth.socialaccount.providers.base import AuthProcess
from django.contrib.auth.decorators import login_not_required
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from accounts.external import finish_sign_in
from accounts.fresh import ASK_AGAIN
from accounts.identity_providers import Cas, identity_provider
from accounts.views import answering

logger = logging.getLogger(__name__)
LONGEST_TICKET = 500  # characters


def _provider_or_404(provider_id: str) -> Cas:
    provider = identity_provider(provider_id)
    if not isinstance(provider, Cas):
        raise Http404
    return provider


def _service(request: HttpRequest, provider: Cas, state: str) -> str:
    """Return where the browser comes back to; the state ties it to this browser."""
    address = request.build_absolute_uri(reverse("cas_callback", args=[provider.id]))
    return f"{address}?{urlencode({'state': state})}"


@login_not_required
@never_cache
@require_safe
def sign_in(request: HttpRequest, provider_id: str) -> HttpResponse:
    """Redirect to the server."""
    from accounts.cas_tickets import sign_in_address

    provider = _provider_or_404(provider_id)
    allauth_provider = get_adapter(request).get_provider(request, provider_id)
    fresh = bool(request.GET.get(ASK_AGAIN))
    state = allauth_provider.stash_redirect_state(
        request, AuthProcess.LOGIN, next_url=get_next_redirect_url(request), **{ASK_AGAIN: fresh}
    )
    return redirect(sign_in_address(provider, _service(request, provider, state), fresh=fresh))


@login_not_required
@never_cache
@require_safe
def callback(request: HttpRequest, provider_id: str) -> HttpResponse:
    """Sign in the person whom the server sends back."""
    provider = _provider_or_404(provider_id)
    allauth_provider = get_adapter(request).get_provider(request, provider_id)
    try:
        state_id, ticket = request.GET.get("state", ""), request.GET.get("ticket", "")
        state = allauth_provider.unstash_redirect_state(request, state_id)
    except PermissionDenied:  # of another browser, or used
        return _refused(request, provider)
    if not (0 < len(ticket) <= LONGEST_TICKET and ticket.isprintable()):
        return _refused(request, provider)

    def ask() -> HttpResponse:
        from accounts.cas_tickets import verify

        with get_adapter(request).get_requests_session() as session:
            found = verify(provider, _service(request, provider, state_id), ticket, session)
        if found is None:
            return _refused(request, provider)
        asked_again = bool(state.get(ASK_AGAIN))
        return finish_sign_in(request, provider, found, state.get("next") or "", asked_again=asked_again)

    return answering(request, provider_id, ask)


def _refused(request: HttpRequest, provider: Cas) -> HttpResponse:
    logger.warning("sign-in with %s refused: no valid ticket", provider.id)
    answer: HttpResponse = render_authentication_error(request, get_adapter(request).get_provider(request, provider.id))
    return answer
