"""Sign-in by SAML: the choice of an institution, to it, and back with its answer. And the portal's own metadata."""

import logging
from typing import Final
from urllib.parse import urlencode

import msgspec
from allauth.account.utils import get_next_redirect_url
from allauth.socialaccount.adapter import get_adapter
from allauth.socialaccount.helpers import render_authentication_error
from allauth.socialaccount.providers.base import AuthProcess
from django.contrib.auth.decorators import login_not_required
from django.core.exceptions import PermissionDenied
from django.core.paginator import Paginator
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.cache import cache_control, never_cache
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST, require_safe

from accounts.external import finish_sign_in
from accounts.fresh import ASK_AGAIN
from accounts.identity_providers import Saml, identity_provider
from accounts.models import SamlInstitution, SamlInstitutionQuerySet, SignInOutcome
from accounts.names import name_order
from accounts.saml_portal import portal_of
from accounts.saml_sessions import remember
from accounts.sign_ins import record_refusal

logger = logging.getLogger(__name__)
SHOWN: Final = 30  # institutions on a page
LONGEST_SEARCH: Final = 100  # characters
LONGEST_ANSWER: Final = 400_000  # characters
LONGEST_STATE: Final = 80  # characters, as SAML allows


def provider_or_404(provider_id: str) -> Saml:
    """Return the SAML provider of this id."""
    provider = identity_provider(provider_id)
    if not isinstance(provider, Saml):
        raise Http404
    return provider


@login_not_required
@never_cache
@require_safe
def sign_in(request: HttpRequest, provider_id: str) -> HttpResponse:
    """Redirect to the institution; where there are several, show them for a choice."""
    provider = provider_or_404(provider_id)
    institutions = SamlInstitution.objects.usable(provider.id)
    if entity_id := request.GET.get("institution", "").replace("\0", ""):
        return _to_institution(request, provider, get_object_or_404(institutions, entity_id=entity_id))
    few = list(institutions[:2])
    if not few:
        logger.error("nobody can sign in with %s: its metadata is not read, or has expired", provider.id)
        record_refusal(request, SignInOutcome.UNAVAILABLE, provider=provider.id)
        return render(request, "socialaccount/unavailable.html", status=503)
    if len(few) == 1:
        return _to_institution(request, provider, few[0])
    return _choice(request, provider, institutions)


def _choice(request: HttpRequest, provider: Saml, institutions: SamlInstitutionQuerySet) -> HttpResponse:
    """Show the institutions that have all words of the search."""
    text = request.GET.get("q", "").replace("\0", "")[:LONGEST_SEARCH]
    found = institutions.listed().matching(name_order(text).split())
    page = Paginator(found, SHOWN).get_page(request.GET.get("page"))
    next_url, asks_again = get_next_redirect_url(request) or "", "1" if request.GET.get(ASK_AGAIN) else ""
    kept = (("q", text), ("next", next_url), (ASK_AGAIN, asks_again))
    context = {
        "provider": provider,
        "page": page,
        "text": text,
        "next": next_url,
        "asks_again": asks_again,
        "query": urlencode({name: value for name, value in kept if value}),
    }
    return render(request, "socialaccount/institutions.html", context)


def _to_institution(request: HttpRequest, provider: Saml, institution: SamlInstitution) -> HttpResponse:
    from accounts.saml import new_request_id, sign_in_address

    request_id, asks_again = new_request_id(), bool(request.GET.get(ASK_AGAIN))
    state = (
        get_adapter(request)
        .get_provider(request, provider.id)
        .stash_redirect_state(
            request,
            AuthProcess.LOGIN,
            next_url=get_next_redirect_url(request),
            data={"request": request_id, "institution": institution.entity_id},
            **{ASK_AGAIN: asks_again},
        )
    )
    address = sign_in_address(
        provider, institution, portal_of(provider), request_id=request_id, relay_state=state, asks_again=asks_again
    )
    return redirect(address)


@csrf_exempt  # of another site; the state ties the answer to this browser
@login_not_required
@never_cache
@require_POST
def answer(request: HttpRequest, provider_id: str) -> HttpResponse:
    """Sign in the person whom the institution's answer is about.

    A form of another site comes without our cookies, so a page of ours sends the answer once more, with them.
    """
    provider = provider_or_404(provider_id)
    sent, state_id = request.POST.get("SAMLResponse", ""), request.POST.get("RelayState", "")
    if not 0 < len(sent) <= LONGEST_ANSWER or len(state_id) > LONGEST_STATE:
        return _refused(request, provider, "too long, or empty")
    if "with_cookies" not in request.POST:
        return render(request, "socialaccount/send_again.html", {"answer": sent, "state": state_id})
    allauth_provider = get_adapter(request).get_provider(request, provider_id)
    try:
        state = allauth_provider.unstash_redirect_state(request, state_id)
    except PermissionDenied:  # of another browser, used, or not requested
        return _refused(request, provider, "without a request of this browser")
    institutions = SamlInstitution.objects.usable(provider.id)
    institution = institutions.filter(entity_id=state["data"]["institution"]).first()
    if institution is None:
        return _refused(request, provider, "of an institution that is not in the metadata any more")
    from accounts.saml import AnswerRefused, read_answer, trusts_address

    try:
        found = read_answer(
            provider, institution, portal_of(provider), request_id=state["data"]["request"], answer=sent
        )
    except AnswerRefused as error:
        return _refused(request, provider, str(error))
    trusted = msgspec.structs.replace(provider, trust_email=trusts_address(provider, institution, found.attributes))
    asked_again = bool(state.get(ASK_AGAIN))
    response = finish_sign_in(
        request,
        trusted,
        (found.subject, found.attributes),
        state.get("next") or "",
        asked_again=asked_again,
        asked_at=found.asked_at,
    )
    if found.session and request.user.is_authenticated:
        remember(request, found.session)
    return response


@login_not_required
@cache_control(max_age=3600)
@require_safe
def metadata(request: HttpRequest, provider_id: str) -> HttpResponse:
    """Answer the portal's metadata, for the institution or federation."""
    from accounts.saml import portal_metadata

    provider = provider_or_404(provider_id)
    content = portal_metadata(provider, portal_of(provider))
    return HttpResponse(content, content_type="application/samlmetadata+xml")


def _refused(request: HttpRequest, provider: Saml, reason: str) -> HttpResponse:
    logger.warning("sign-in with %s refused: the answer is %s", provider.id, reason)
    refused: HttpResponse = render_authentication_error(
        request, get_adapter(request).get_provider(request, provider.id)
    )
    return refused
