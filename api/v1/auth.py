"""Who makes a request: the owner of its access token, within the token's scopes."""

from typing import Any, cast

from django.conf import settings
from django.http import HttpRequest
from django.utils.translation import gettext as _
from django.views.decorators.debug import sensitive_variables
from ninja.security import HttpBearer

from accounts.audit import Actor
from accounts.models import AccessToken
from api.limits import count_request
from api.problems import Problem
from api.services.gateway_keys import KeyUsage, find_working, usage_of
from api.services.tokens import find_token
from gateway import log_context
from gateway.errors import GatewayError
from web.request import PortalRequest, client_address

UNKNOWN_PER_MINUTE = 60  # requests with an unknown token, from one address


class ApiRequest(PortalRequest):
    """A request whose token was accepted; its user is the owner of the token."""

    auth: AccessToken | KeyUsage
    rate_limit_headers: dict[str, str]  # the middleware adds them to the answer


def count_for(request: HttpRequest, name: str) -> None:
    """Count a request under `name`, and keep what is left for the headers of its answer. Raises Problem (429)."""
    limit = count_request(name, limit=settings.API_REQUESTS_PER_MINUTE)
    cast("ApiRequest", request).rate_limit_headers = limit.headers()


class Bearer(HttpBearer):
    """An access token with a scope; None: with any."""

    def __init__(self, scope: str | None = None) -> None:
        super().__init__()
        self.scope = scope

    @sensitive_variables("token")
    def __call__(self, request: HttpRequest) -> Any:
        """Answer 401, in words, to a request without a token."""
        accepted = super().__call__(request)
        if not accepted:
            raise unauthorized(_("Send an access token in the header Authorization, as “Bearer passerelle_pat_…”."))
        return accepted

    @sensitive_variables("token")
    def authenticate(self, request: HttpRequest, token: str) -> AccessToken:
        """Return the token, and make its owner the user of the request. Raises Problem."""
        found = find_token(token.strip())
        if found is None:
            count_request(f"unknown:{client_address(request)}", limit=UNKNOWN_PER_MINUTE)
            raise unauthorized(_("This access token is unknown, expired or revoked."))
        count_for(request, f"token:{found.pk}")
        if self.scope and self.scope not in found.scope_names:
            raise insufficient_scope(self.scope)
        request.user = found.owner
        log_context.note(person=found.owner.pk)
        return found


class BearerOrKey(Bearer):
    """An access token with a scope, or the secret of a key for the gateway; then `auth` is the usage of the key."""

    @sensitive_variables("token", "secret")
    def authenticate(self, request: HttpRequest, token: str) -> Any:
        """Return what the token stands for. Raises Problem."""
        secret = token.strip()
        if not secret.startswith("sk-"):
            return super().authenticate(request, token)
        known = find_working(secret)
        if known is None:
            raise self._unknown(request)
        count_for(request, f"key:{known.pk}")
        try:
            usage = usage_of(known)
        except GatewayError as error:
            words = _("The gateway does not answer, so the key cannot be verified. Try again in a minute.")
            raise Problem(503, "gateway_unavailable", words) from error
        if usage is None:
            raise self._unknown(request)
        return usage

    def _unknown(self, request: HttpRequest) -> Problem:
        count_request(f"unknown:{client_address(request)}", limit=UNKNOWN_PER_MINUTE)
        return unauthorized(_("This key is unknown, expired or deleted."))


def unauthorized(detail: str) -> Problem:
    """Return the problem of a request without a valid token."""
    return Problem(401, "unauthorized", detail, headers={"WWW-Authenticate": 'Bearer realm="Passerelle API"'})


def insufficient_scope(scope: str) -> Problem:
    """Return the problem of a request whose token lacks a scope."""
    words = _("This access token does not have the scope %(scope)s.")
    headers = {"WWW-Authenticate": f'Bearer error="insufficient_scope", scope="{scope}"'}
    return Problem(403, "insufficient_scope", words % {"scope": scope}, headers=headers)


def actor_of(request: ApiRequest) -> Actor:
    """Return the person, the address and the token of a request, for the audit trail."""
    token = access_token_of(request)
    return Actor(user=token.owner, address=client_address(request), via="access_token", token=token.last_four)


def access_token_of(request: ApiRequest) -> AccessToken:
    """Return the access token of a request to an operation that takes nothing else."""
    if not isinstance(request.auth, AccessToken):
        raise TypeError("this operation takes access tokens only")
    return request.auth
