"""The address of the SCIM service: who sends a request, how many, and the answer of scim2-server."""

import json
import logging
from typing import Any, Final

from django.conf import settings
from django.contrib.auth.decorators import login_not_required
from django.http import HttpRequest, HttpResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.debug import sensitive_variables

from accounts.audit import Actor
from accounts.models import ScimClient
from api.limits import count_request
from api.problems import Problem
from scim.services.clients import find_client, provider_of
from web.request import client_address

logger = logging.getLogger(__name__)

MAX_BYTES: Final = 1024 * 1024
UNKNOWN_PER_MINUTE: Final = 60  # requests with an unknown token, from one address
ERROR: Final = "urn:ietf:params:scim:api:messages:2.0:Error"
MEDIA_TYPE: Final = "application/scim+json"


@csrf_exempt
@login_not_required
@never_cache
def serve(request: HttpRequest, path: str = "") -> HttpResponse:
    """Answer a request of a client; everything else is refused in SCIM's form."""
    request.META.pop("HTTP_COOKIE", None)
    try:
        client = _client_of(request)
        if client is None:
            count_request(f"scim:unknown:{client_address(request)}", limit=UNKNOWN_PER_MINUTE)
            return _error(401, "The token is unknown or revoked.", {"WWW-Authenticate": "Bearer"})
        limit = count_request(f"scim:{client.pk}", limit=settings.API_REQUESTS_PER_MINUTE)
    except Problem as problem:
        return _error(problem.status, problem.detail, problem.headers)
    body = request.read(MAX_BYTES + 1)
    if len(body) > MAX_BYTES:
        return _error(413, f"The body has more than {MAX_BYTES} bytes.")
    response = _answer(request, client, path, body)
    for name, value in limit.headers().items():
        response.headers[name] = value
    return response


@sensitive_variables("secret")
def _client_of(request: HttpRequest) -> ScimClient | None:
    scheme, _space, secret = request.headers.get("Authorization", "").partition(" ")
    return find_client(secret.strip()) if scheme.lower() == "bearer" else None


def _answer(request: HttpRequest, client: ScimClient, path: str, body: bytes) -> HttpResponse:
    """Pass the request to scim2-server, over the rows of this client."""
    from scim2_models import ForbiddenException, SCIMException  # heavy, and only for portals with a client
    from scim2_server.requests import ScimRequest

    from scim.protocol import SERVICE, AccountHandler
    from scim.storage import AccountStorage

    provider = provider_of(client)
    sent = ScimRequest(
        method=request.method or "GET",
        base_url=f"{settings.PORTAL_URL}/scim/v2",
        path=f"/{path}",
        query=request.GET.dict(),
        headers=dict(request.headers),
        body=body,
        subject=client,
    )
    try:
        if provider is None:
            raise ForbiddenException(detail="The identity provider of this client is not set up.")
        actor = Actor(address=client_address(request), via="scim", token=client.last_four)
        accounts = AccountStorage(client, provider, actor, is_change=request.method in ("PUT", "PATCH"))
        answer = AccountHandler(accounts).handle(sent)
    except SCIMException as refusal:
        answer = SERVICE.error_response(refusal)
    text = "" if answer.body is None else json.dumps(answer.body)
    return HttpResponse(text, status=answer.status.value, headers=answer.headers)


def _error(status: int, detail: str, headers: Any = None) -> HttpResponse:
    """Return an error as SCIM has it."""
    content = json.dumps({"schemas": [ERROR], "status": str(status), "detail": detail})
    return HttpResponse(content, status=status, content_type=MEDIA_TYPE, headers=headers)
