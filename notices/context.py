"""The top of every page: the gateway's state, the number of notices, announcements. One query for all."""

import logging
from collections.abc import Mapping
from functools import partial
from typing import Any, Final

from django.db import Error
from django.http import HttpRequest
from django.utils.functional import SimpleLazyObject

from accounts.models import Announcement, Terms
from keys.catalogue import gateway_state
from keys.models import GatewayState
from notices.bell import announcements_and_number
from notices.header import header_state

COUNTED: Final = (
    "requests",
    "keys",
    "budgets",
    "limits",
    "leaks",
    "webhooks",
)  # announcements are read: they are shown
logger = logging.getLogger(__name__)


def header(request: HttpRequest) -> Mapping[str, object]:
    """Return the state of the gateway as `gateway`: one query, and only in a page that uses it.

    `admin_page` names the first page of administration that the person may open, and is empty without any.
    The same query checks whether there may be undismissed notices, which are counted as `new_notices`, or
    `announcements` for the person: one more query if so. `owed_terms` to be accepted cost another.
    """
    user = getattr(request, "user", None)
    state = SimpleLazyObject(partial(_state, user))
    notices = SimpleLazyObject(partial(_notices, user, state))
    return {
        "gateway": state,
        "new_notices": SimpleLazyObject(lambda: len(notices[0]) + notices[1]),
        "announcements": SimpleLazyObject(lambda: notices[0]),
        "shows_checklist": SimpleLazyObject(lambda: getattr(state, "has_checklist", False)),
        "has_courses": SimpleLazyObject(lambda: bool(getattr(state, "has_courses", False))),
        "admin_page": SimpleLazyObject(lambda: getattr(state, "admin_page", "")),
        "has_terms": SimpleLazyObject(lambda: getattr(state, "has_terms", False)),
        "owed_terms": SimpleLazyObject(partial(_owed_terms, user, state)),
    }


def _state(user: Any) -> GatewayState:
    """Return the state; an empty one if the database does not answer, so that the page can still be shown."""
    try:
        if not getattr(user, "is_authenticated", False):
            return gateway_state()
        return header_state(user)
    except Error as error:
        logger.warning("gateway state: not read, %s", error)
        return GatewayState()


def _notices(user: Any, state: object) -> tuple[list[Announcement], int]:
    """Return the announcements for the person, and the number of other notices that they have not dismissed."""
    kinds = [kind for kind in COUNTED if getattr(state, f"has_{kind}", False)]
    has_announcements = getattr(state, "has_announcements", False)
    if not kinds and not has_announcements:
        return [], 0
    try:
        return announcements_and_number(user, kinds, shown=has_announcements)
    except Error as error:
        logger.warning("notices: not read, %s", error)
        return [], 0


def _owed_terms(user: Any, state: object) -> Terms | None:
    """Return the terms in force, if the person has not accepted them."""
    if not getattr(state, "owes_terms", False):
        return None
    try:
        return Terms.objects.in_force_for(user)
    except Error as error:
        logger.warning("terms: not read, %s", error)
        return None
