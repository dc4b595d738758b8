"""Context of every page about the gateway, its badge and its banner, and the number of requests to decide."""

import logging
from collections.abc import Mapping
from functools import partial
from typing import Any

from django.db import Error
from django.db.models import Count, Subquery
from django.db.models.functions import Coalesce
from django.http import HttpRequest
from django.utils.functional import SimpleLazyObject

from accounts.models import AccessRequest, User
from keys.catalogue import gateway_state
from keys.models import GatewayState

logger = logging.getLogger(__name__)


def gateway(request: HttpRequest) -> Mapping[str, object]:
    """Return the state of the gateway as `gateway`: one query, and only in a page that uses it.

    The same query counts the open requests that wait for the person, as `open_requests`.
    """
    state = SimpleLazyObject(partial(_state, getattr(request, "user", None)))
    return {"gateway": state, "open_requests": SimpleLazyObject(lambda: getattr(state, "open_requests", 0))}


def _state(user: Any) -> GatewayState:
    """Return the state; an empty one if the database does not answer, so that the page can still be shown."""
    try:
        if not getattr(user, "is_authenticated", False):
            return gateway_state()
        counted = GatewayState.objects.annotate(open_requests=_waiting_for(user))
        return counted.filter(pk=1).first() or GatewayState(pk=1)
    except Error as error:
        logger.warning("gateway state: not read, %s", error)
        return GatewayState()


def _waiting_for(user: User) -> Coalesce:
    """Return the number of open requests that wait for this person, as part of a query."""
    open_ones = AccessRequest.objects.addressed_to(user).order_by()
    return Coalesce(Subquery(open_ones.values("state").annotate(count=Count("pk", distinct=True)).values("count")), 0)
