"""The pages of access tokens: a person's own, and everybody's for admins."""

import uuid
from typing import Any

from django.contrib import messages
from django.core.paginator import Paginator
from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_variables
from django.views.decorators.http import require_http_methods, require_safe

from accounts.audit import actor_of
from accounts.fresh import needs_fresh_sign_in
from accounts.models import AccessToken
from accounts.tokens import revoke_token
from api.forms import TokenForm
from api.scopes import in_words
from api.services.tokens import TokenRefused, create_token
from keys.services import TooManyActions, count_action
from people.views.common import require_sight, subject_to_act_on
from usage.queries.access import page_access
from web.request import PortalRequest

SHOWN = 50  # own ones, with all that work; and those on a page of all


@needs_fresh_sign_in(when=lambda request: any(scope.endswith(":write") for scope in request.POST.getlist("scopes")))
@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
@sensitive_variables("secret")
def index(request: PortalRequest) -> HttpResponse:
    """Show the person's access tokens and the form for another; on POST, create it and show its secret, once."""
    form = TokenForm(request.POST if request.method == "POST" else None)
    if not form.is_valid():
        return _own_tokens(request, form, status=422 if form.is_bound else 200)
    data = form.cleaned_data
    try:
        count_action(request.user, "api:tokens")
        token, secret = create_token(
            owner=request.user,
            actor=actor_of(request),
            name=data["name"],
            scopes=data["scopes"],
            lifetime_days=data["days"],
        )
    except TooManyActions as refusal:
        form.add_error(None, str(refusal))
        response = _own_tokens(request, form, status=429)
        response.headers["Retry-After"] = str(refusal.retry_after_s)
        return response
    except TokenRefused as refusal:
        form.add_error(None, str(refusal))
        return _own_tokens(request, form, status=409)
    response = render(request, "api/token_created.html", {"token": token, "secret": secret}, status=201)
    response["Cache-Control"] = "no-store"
    return response


def _own_tokens(request: PortalRequest, form: TokenForm, *, status: int) -> HttpResponse:
    own = AccessToken.objects.owned_by(request.user).usable_first()[:SHOWN]
    context = {"form": form, "tokens": [_row(token) for token in own]}
    return render(request, "api/tokens.html", context, status=status)


def _row(token: AccessToken) -> dict[str, Any]:
    """Return a token as the lists show it."""
    return {"token": token, "scopes": in_words(token.scope_names)}


@require_http_methods(["GET", "HEAD", "POST"])
def revoke(request: PortalRequest, token_id: uuid.UUID) -> HttpResponse:
    """Ask for a confirmation; on POST, revoke a token of the person's own."""
    token = get_object_or_404(AccessToken.objects.owned_by(request.user).select_related("owner"), pk=token_id)
    return _revoke(request, token, "api:tokens")


@require_safe
def of_everybody(request: PortalRequest) -> HttpResponse:
    """List the access tokens of all people, newest first; 403 without the permission to see people."""
    access = require_sight(request)
    page = Paginator(AccessToken.objects.select_related("owner").newest_first(), SHOWN).get_page(
        request.GET.get("page")
    )
    context = {"access": access, "here": "api:all_tokens", "page": page, "tokens": [_row(token) for token in page]}
    return render(request, "api/all_tokens.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
def revoke_for(request: PortalRequest, token_id: uuid.UUID) -> HttpResponse:
    """Ask for a confirmation; on POST, revoke a token of a person whom the admin may change."""
    if not page_access(request.user).sees_people:
        raise Http404
    token = get_object_or_404(AccessToken.objects.select_related("owner"), pk=token_id)
    subject_to_act_on(request, token.owner_id)
    return _revoke(request, token, "api:all_tokens")


def _revoke(request: PortalRequest, token: AccessToken, list_name: str) -> HttpResponse:
    if request.method != "POST":
        return render(request, "api/revoke.html", {"token": token, "list_name": list_name})
    try:
        count_action(request.user, "api:revoke_token")
    except TooManyActions as refusal:
        context = {"token": token, "list_name": list_name, "alert": str(refusal)}
        response = render(request, "api/revoke.html", context, status=429)
        response.headers["Retry-After"] = str(refusal.retry_after_s)
        return response
    revoked = revoke_token(token=token, actor=actor_of(request))
    words = _("Revoked: “%(name)s” no longer works.") if revoked else _("“%(name)s” was revoked before.")
    messages.success(request, words % {"name": token.name})
    return redirect(list_name)
