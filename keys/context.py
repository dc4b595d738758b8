"""What every page may say about the gateway: its badge, its banner."""

import logging
from collections.abc import Mapping

from django.db import Error
from django.http import HttpRequest
from django.utils.functional import SimpleLazyObject

from keys.catalogue import gateway_state
from keys.models import GatewayState

logger = logging.getLogger(__name__)


def gateway(request: HttpRequest) -> Mapping[str, object]:
    """Return the state of the gateway as `gateway`: one query, and only in a page that uses it."""
    return {"gateway": SimpleLazyObject(_state)}


def _state() -> GatewayState:
    """Return the state; an empty one when the database does not answer: the page may have nothing else to lose."""
    try:
        return gateway_state()
    except Error as error:
        logger.warning("gateway state: not read, %s", error)
        return GatewayState()
