"""The last requests with a key, read from the gateway's log when its owner asks for them."""

import uuid
from collections.abc import Sequence
from datetime import timedelta
from typing import Final

from django.core.cache import cache
from django.http import HttpResponse
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from gateway.django import get_gateway
from gateway.errors import GatewayError, GatewayRejected, is_unknown_route
from gateway.failure_log import FailureKind
from gateway.request_log import MOST_ROWS, LoggedCall
from keys.models import Key, Token
from keys.views.actions import own_key
from web.pages import render_region
from web.request import PortalRequest

KEPT_S: Final = 20  # for a page that is reloaded: an answer costs the gateway a query of its log
SHOWN: Final = timedelta(hours=24)
KIND_WORDS: Final = {
    FailureKind.REQUESTS: _("limit of requests per minute"),
    FailureKind.TOKENS: _("limit of tokens per minute"),
    FailureKind.PARALLEL: _("too many requests at once"),
    FailureKind.BUDGET: _("budget used up"),
    FailureKind.MODEL: _("model not allowed"),
    FailureKind.PROVIDER: _("error of the provider"),
    FailureKind.OTHER: _("error"),
}
WITH_LOG: Final = (Token.State.LIVE, Token.State.RETIRING, Token.State.DELETING, Token.State.DELETED)


@require_safe
@never_cache
def requests(request: PortalRequest, key_id: uuid.UUID) -> HttpResponse:
    """Show the key's last requests of 24 hours: time, model, tokens, spend, and what some failed of."""
    key = own_key(request, key_id)
    context: dict[str, object] = {"key": key, "most": MOST_ROWS}
    status = 200
    try:
        calls = _calls_of(key)
    except GatewayError as error:
        context["has_no_log"] = _has_no_log(error)
        status = 200 if context["has_no_log"] else 503
        context["failed"] = not context["has_no_log"]
    else:
        context["calls"] = [(call, call.failed_of and KIND_WORDS[call.failed_of]) for call in calls]
        context["was_used"] = key.last_used_on is not None and key.last_used_on > (timezone.now() - SHOWN).date()
    return render_region(request, "keys/requests.html", "requests", context, status=status)


def _calls_of(key: Key) -> Sequence[LoggedCall]:
    """Read the calls with the present secret and the one before, at most so many, the newest first."""
    kept: Sequence[LoggedCall] | None = cache.get(name := f"key-requests-{key.pk}")
    if kept is not None:
        return kept
    until, calls = timezone.now(), []
    known = [token for token in key.in_state(*WITH_LOG) if token.token]
    for token in known[-2:]:
        calls += get_gateway().request_log.of_token(token.token or "", until - SHOWN, until + timedelta(minutes=1))
    newest = sorted(calls, key=lambda call: call.at, reverse=True)[:MOST_ROWS]
    cache.set(name, newest, KEPT_S)
    return newest


def _has_no_log(error: GatewayError) -> bool:
    """Tell whether the gateway lacks the log, or its filters."""
    return is_unknown_route(error) or (isinstance(error, GatewayRejected) and error.status in (400, 422))
