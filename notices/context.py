"""What every page says at its top: the gateway's state, the requests that wait, announcements. One query for all."""

import logging
from collections.abc import Mapping
from functools import partial
from typing import Any

from django.db import Error
from django.db.models import Count, Exists, Subquery
from django.db.models.functions import Coalesce
from django.http import HttpRequest
from django.utils.functional import SimpleLazyObject

from accounts.models import AccessRequest, Announcement, Terms, User, owes_terms
from keys.catalogue import gateway_state
from keys.models import GatewayState

logger = logging.getLogger(__name__)


def header(request: HttpRequest) -> Mapping[str, object]:
    """Return the state of the gateway as `gateway`: one query, and only in a page that uses it.

    The same query counts the open requests that wait for the person, as `open_requests`, and finds out whether there
    are `announcements` for them, and `owed_terms`, which they have not accepted: what there is costs one more each.
    """
    user = getattr(request, "user", None)
    state = SimpleLazyObject(partial(_state, user))
    return {
        "gateway": state,
        "open_requests": SimpleLazyObject(lambda: getattr(state, "open_requests", 0)),
        "announcements": SimpleLazyObject(partial(_announcements, user, state)),
        "has_terms": SimpleLazyObject(lambda: getattr(state, "has_terms", False)),
        "owed_terms": SimpleLazyObject(partial(_owed_terms, user, state)),
    }


def _state(user: Any) -> GatewayState:
    """Return the state; an empty one when the database does not answer: the page may have nothing else to lose."""
    try:
        if not getattr(user, "is_authenticated", False):
            return gateway_state()
        about_person = {
            "open_requests": _waiting_for(user),
            "has_announcements": Exists(Announcement.objects.shown_to(user)),
            "has_terms": Exists(Terms.objects.published()),
            "owes_terms": owes_terms(user),
        }
        return GatewayState.objects.annotate(**about_person).filter(pk=1).first() or GatewayState(pk=1)
    except Error as error:
        logger.warning("gateway state: not read, %s", error)
        return GatewayState()


def _announcements(user: Any, state: object) -> list[Announcement]:
    """Return what the person has to see now, warnings first, then the newest."""
    if not getattr(state, "has_announcements", False):
        return []
    try:
        return list(Announcement.objects.shown_to(user).order_by("-level", "-starts_at", "pk"))
    except Error as error:
        logger.warning("announcements: not read, %s", error)
        return []


def _owed_terms(user: Any, state: object) -> Terms | None:
    """Return the terms in force, where the person has not accepted them."""
    if not getattr(state, "owes_terms", False):
        return None
    return Terms.objects.in_force_for(user)


def _waiting_for(user: User) -> Coalesce:
    """Return the number of open requests that wait for this person, as a part of a query."""
    open_ones = AccessRequest.objects.addressed_to(user).order_by()
    return Coalesce(Subquery(open_ones.values("state").annotate(count=Count("pk", distinct=True)).values("count")), 0)
