"""The SCIM clients of the identity providers, for whoever manages people: tokens, their last use, and their end."""

from typing import Any, Final

from django.conf import settings
from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.db.models import Count, QuerySet
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_variables
from django.views.decorators.http import require_http_methods, require_safe

from accounts.audit import actor_of
from accounts.fresh import needs_fresh_sign_in
from accounts.identity_providers import IdentityProvider, identity_provider, identity_providers
from accounts.models import ScimClient, ScimGroup, ScimScope, ScimUser
from accounts.scim_clients import revoke_client
from keys.services import TooManyActions, count_action
from people.views.sign_ins import require_management
from scim.forms import SecretForm
from scim.services.clients import create_client, may_set_up, replace_secret
from usage.queries.access import PageAccess
from web.request import PortalRequest

HERE: Final = {"here": "people:sign_ins"}


@require_safe
def clients(request: PortalRequest) -> HttpResponse:
    """Show each identity provider with its client."""
    access = require_management(request)
    known = {each.provider: each for each in ScimClient.objects.all()}
    people = _by_client(ScimUser.objects.listed())
    groups = _by_client(ScimGroup.objects.all())
    rows = [
        {
            "provider": provider,
            "client": (client := known.get(provider.id)),
            "people": people.get(client.pk, 0) if client else 0,
            "groups": groups.get(client.pk, 0) if client else 0,
            "scopes": [scope.label for scope in ScimScope if client and scope in client.scope_names],
            "may_set_up": may_set_up(request.user, provider),
        }
        for provider in identity_providers()
    ]
    return render(
        request,
        "scim/clients.html",
        {**HERE, "access": access, "rows": rows, "base_url": f"{settings.PORTAL_URL}/scim/v2"},
    )


@needs_fresh_sign_in()
@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
@sensitive_variables("secret")
def secret(request: PortalRequest, provider_id: str) -> HttpResponse:
    """Ask what the client can write; on POST, create its token, or replace it, and show it once."""
    access, provider = _may_act(request, provider_id)
    client = ScimClient.objects.filter(provider=provider.id).first()
    initial = {"scopes": client.scopes.split()} if client else None
    form = SecretForm(request.POST if request.method == "POST" else None, initial=initial)
    context = {**HERE, "access": access, "provider": provider, "client": client, "form": form}
    if request.method != "POST":
        return render(request, "scim/secret_form.html", context)
    if refusal := _refusal(request, "scim:secret"):
        form.add_error(None, str(refusal))
        return _late(render(request, "scim/secret_form.html", context, status=429), refusal)
    if not form.is_valid():
        return render(request, "scim/secret_form.html", context, status=422)
    chosen: Any = {"scopes": form.cleaned_data["scopes"], "actor": actor_of(request)}
    created = replace_secret(client=client, **chosen) if client else create_client(provider=provider, **chosen)
    if created is None:
        form.add_error(None, _("Somebody else has just created this token. Load the page again."))
        return render(request, "scim/secret_form.html", context, status=409)
    return render(request, "scim/secret.html", {**context, "secret": created}, status=201)


@require_http_methods(["GET", "HEAD", "POST"])
def revoke(request: PortalRequest, provider_id: str) -> HttpResponse:
    """Ask for a confirmation; on POST, revoke the client's token."""
    access, provider = _may_act(request, provider_id)
    client = ScimClient.objects.working().filter(provider=provider.id).first()
    if client is None:
        raise Http404
    if request.method != "POST":
        return render(request, "scim/revoke.html", {**HERE, "access": access, "provider": provider})
    if refusal := _refusal(request, "scim:revoke"):
        context = {**HERE, "access": access, "provider": provider, "alert": str(refusal)}
        return _late(render(request, "scim/revoke.html", context, status=429), refusal)
    revoke_client(client=client, actor=actor_of(request))
    messages.success(request, _("Revoked: the client of %(name)s is refused from now on.") % {"name": provider.title})
    return redirect("scim:clients")


def _by_client(rows: QuerySet[Any]) -> dict[int, int]:
    """Return how many there are of each client. Counted in one query with others, each would be joined with each."""
    return dict(rows.order_by().values_list("client").annotate(Count("pk")))


def _may_act(request: PortalRequest, provider_id: str) -> tuple[PageAccess, IdentityProvider]:
    """Return the access and the provider; 404 for no provider, 403 where its client could give more than one has."""
    access = require_management(request)
    provider = identity_provider(provider_id)
    if provider is None:
        raise Http404
    if not may_set_up(request.user, provider):
        raise PermissionDenied
    return access, provider


def _refusal(request: PortalRequest, action: str) -> TooManyActions | None:
    try:
        count_action(request.user, action)
    except TooManyActions as refusal:
        return refusal
    return None


def _late(response: HttpResponse, refusal: TooManyActions) -> HttpResponse:
    response.headers["Retry-After"] = str(refusal.retry_after_s)
    return response
