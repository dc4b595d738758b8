"""Health, for whoever keeps the portal running: is the process alive, can it serve?"""

from collections.abc import Callable

from celery import current_app
from django.conf import settings
from django.contrib.auth.decorators import login_not_required
from django.core.cache import cache
from django.db import DatabaseError, connection
from django.http import HttpRequest, JsonResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe
from kombu.exceptions import KombuError
from redis.exceptions import RedisError

from gateway.django import get_gateway
from gateway.errors import GatewayError

BROKER_TIMEOUT_S = 2
GATEWAY_STATE_AGE_S = 5  # a probe by every balancer each second must not become a load on the gateway


@login_not_required
@never_cache
@require_safe
def live(request: HttpRequest) -> JsonResponse:
    """Say that this process answers; asks nobody else."""
    return JsonResponse({"state": "up"})


@login_not_required
@never_cache
@require_safe
def ready(request: HttpRequest) -> JsonResponse:
    """Say the state of each part; 503 when the portal cannot serve.

    A gateway that is down does not count: My keys and Usage are read from our own tables.
    """
    parts = {"database": _state(_ask_database), "broker": _state(_ask_broker), "gateway": _gateway_state()}
    can_serve = parts["database"] == "up" and parts["broker"] == "up"
    state = "up" if can_serve and parts["gateway"] == "up" else "degraded" if can_serve else "down"
    return JsonResponse({"state": state, "parts": parts}, status=200 if can_serve else 503)


def _state(ask: Callable[[], None]) -> str:
    """Return "up", or "down" when asking fails."""
    try:
        ask()
    except (DatabaseError, KombuError, RedisError, GatewayError, OSError):
        return "down"
    return "up"


def _ask_database() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")


def _ask_broker() -> None:
    with current_app.connection_for_write(transport_options={"socket_connect_timeout": BROKER_TIMEOUT_S}) as broker:
        broker.ensure_connection(max_retries=1, timeout=BROKER_TIMEOUT_S)


def _ask_gateway() -> None:
    get_gateway().health.liveness()


def _gateway_state() -> str:
    """Return the gateway's state, asked at most every few seconds by all processes together."""
    name = f"health:gateway:{settings.GATEWAY_URL}"
    try:
        state: str | None = cache.get(name)
        if state is None:
            state = _state(_ask_gateway)
            cache.set(name, state, GATEWAY_STATE_AGE_S)
    except (DatabaseError, RedisError):
        return "unknown"
    return state
