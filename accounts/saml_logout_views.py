"""Single logout by SAML: to the institution after a sign-out here, and its own requests and answers (ADR 61)."""

import logging

from django.contrib import messages
from django.contrib.auth import logout
from django.contrib.auth.decorators import login_not_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from accounts.identity_providers import Saml
from accounts.saml_portal import portal_of
from accounts.saml_sessions import LEFT, end_sessions_of, institution_of, leave, left_session, logout_service
from accounts.saml_views import provider_or_404
from accounts.sign_out import signed_out_address

logger = logging.getLogger(__name__)


@login_not_required
@never_cache
@require_safe
def sign_out(request: HttpRequest, provider_id: str) -> HttpResponse:
    """Redirect to the institution with a request to end its session, which was left here a short time ago."""
    provider = provider_or_404(provider_id)
    left = left_session(request, provider.id)
    institution = institution_of(left.session) if left else None
    service = logout_service(institution) if institution else None
    if left is None or institution is None or service is None or not provider.keys:
        return redirect("account_login")
    from accounts.saml_logout import request_address

    address, request_id = request_address(provider, institution, service, portal_of(provider), session=left.session)
    leave(request, left.session, request_id=request_id)
    return redirect(address)


@login_not_required
@never_cache
@require_safe
def endpoint(request: HttpRequest, provider_id: str) -> HttpResponse:
    """Take a request of an institution to end the sessions of somebody, or its answer to ours."""
    provider = provider_or_404(provider_id)
    if "SAMLResponse" in request.GET:
        return _answered(request, provider)
    from accounts.saml_logout import LogoutRefused, answer_address, read_request

    try:
        if not provider.keys:
            raise LogoutRefused("to a portal without a key, which could not sign its answer")
        received, name, indexes = read_request(provider, portal_of(provider), request.META["QUERY_STRING"])
    except LogoutRefused as error:
        logger.warning("sign-out by %s refused: the request is %s", provider.id, error)
        return render(request, "socialaccount/sign_out_refused.html", status=400)
    ended = end_sessions_of(provider.id, received.institution.entity_id, name, indexes)
    logger.info("sign-out by %s: %d sessions ended", provider.id, len(ended))
    if request.session.session_key in ended:
        logout(request)
    service = logout_service(received.institution)
    return redirect(answer_address(provider, received, service, portal_of(provider)) if service else "account_login")


def _answered(request: HttpRequest, provider: Saml) -> HttpResponse:
    """Say whether the institution has ended its session, too. Ours is over, whatever it answers."""
    from accounts.saml_logout import LogoutRefused, check_answer

    left = left_session(request, provider.id)
    try:
        if left is None or not left.request_id:
            raise LogoutRefused("without a request of this browser")
        query = request.META["QUERY_STRING"]
        check_answer(provider, portal_of(provider), query, session=left.session, request_id=left.request_id)
    except LogoutRefused as error:
        logger.warning("sign-out with %s is not confirmed: the answer is %s", provider.id, error)
        return redirect(signed_out_address(provider))
    del request.session[LEFT]
    messages.success(request, _("You are signed out, and your institution’s session is ended."))
    return redirect("account_login")
