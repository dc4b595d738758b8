"""What each process counts for `/metrics` (ADR 56): requests, streams, calls, mails, sign-ins, tasks.

No label holds a person, a key, a model, a path or an address: routes, calls, tasks and providers are few and fixed.
Facts of the database are not counted here, but read when somebody asks (portal/metrics). With METRICS_PORT or
METRICS_TOKEN the counts of all processes of a machine are added up from files (portal/metrics/folder.py).
"""

import time
from contextlib import suppress
from typing import Any, Final

from django.conf import settings
from django.db import connections
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from prometheus_client import Counter, Gauge, Histogram, Summary, metrics

PAGE_S: Final = (0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)
CALL_S: Final = (0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 25)
FIRST_TOKEN_S: Final = (0.1, 0.25, 0.5, 1, 2, 4, 8, 15, 30, 60)
METHODS: Final = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
POOL_EVERY_S: Final = 1.0

_library: Any = metrics  # it has no types
_library.disable_created_metrics()
REQUESTS: Final = Counter("passerelle_http_requests", "Requests that were answered.", ["route", "method", "status"])
REQUEST_SECONDS: Final = Histogram(
    "passerelle_http_request_duration_seconds",
    "From the end of a request to its answer, or to the start of a stream; with the wait for a thread.",
    ["route"],
    buckets=PAGE_S,
)
STREAMS_RUNNING: Final = Gauge(
    "passerelle_streams_running", "Answers that stream from the gateway now.", multiprocess_mode="livesum"
)
STREAMS: Final = Counter("passerelle_streams", "Answers that have ended.", ["outcome"])
FIRST_TOKEN_SECONDS: Final = Histogram(
    "passerelle_stream_first_token_seconds", "From the call of the gateway to the first token.", buckets=FIRST_TOKEN_S
)
STREAM_TOKENS: Final = Counter("passerelle_stream_tokens", "Tokens that were relayed to pages, by the number of parts.")
GATEWAY_CALLS: Final = Counter("passerelle_gateway_calls", "Calls of the gateway.", ["call", "outcome"])
GATEWAY_CALL_SECONDS: Final = Histogram(
    "passerelle_gateway_call_duration_seconds",
    "Until the whole answer of the gateway, or the start of its stream.",
    ["call"],
    buckets=CALL_S,
)
SWEEP_REPAIRS: Final = Counter("passerelle_sweep_repairs", "Keys and people that the sweep finished or repaired.")
POLLS: Final = Counter("passerelle_polls", "Polls of usage that have ended.", ["outcome"])
POLL_ROWS: Final = Counter("passerelle_poll_rows", "Rows of usage that polls have read and written.", ["action"])
MAILS: Final = Counter("passerelle_mails", "Mails, by what the mail server did with them.", ["outcome"])
SIGN_INS: Final = Counter("passerelle_sign_ins", "Sign-ins, by identity provider.", ["method", "outcome"])
WEBHOOK_DELIVERIES: Final = Counter("passerelle_webhook_deliveries", "Attempts to deliver a webhook.", ["outcome"])
TASKS: Final = Counter("passerelle_tasks", "Tasks that have ended.", ["task", "outcome"])
TASK_SECONDS: Final = Summary("passerelle_task_duration_seconds", "How long tasks ran.", ["task"])
POOL_CONNECTIONS: Final = Gauge(
    "passerelle_database_pool_connections",
    "Connections to PostgreSQL in the pools of web processes.",
    ["state"],
    multiprocess_mode="livesum",
)
POOL_WAITING: Final = Gauge(
    "passerelle_database_pool_waiting", "Requests that wait for a connection of a pool.", multiprocess_mode="livesum"
)


def observe_request(request: HttpRequest, response: HttpResponseBase, seconds: float) -> None:
    """Count a request by the name of its route."""
    route = route_of(request)
    REQUESTS.labels(route, method_of(request), response.status_code).inc()
    REQUEST_SECONDS.labels(route).observe(seconds)


def method_of(request: HttpRequest) -> str:
    """Return the method; "other" for one that a client has made up."""
    return str(request.method) if request.method in METHODS else "other"


def route_of(request: HttpRequest) -> str:
    """Return the name of the route, "static" for a file, "none" for an address that does not exist."""
    if request.resolver_match:
        return request.resolver_match.view_name
    return "static" if request.path_info.startswith(str(settings.STATIC_URL)) else "none"


def observe_gateway_call(call: str, outcome: str, seconds: float) -> None:
    """Count a call of the gateway; the setting GATEWAY_OBSERVER names this function."""
    GATEWAY_CALLS.labels(call, outcome).inc()
    GATEWAY_CALL_SECONDS.labels(call).observe(seconds)


class _PoolObserver:
    """Notes how many connections of this process's pool are in use: once a second, and until no request waits."""

    def __init__(self) -> None:
        self._noted_at = -POOL_EVERY_S
        self._has_queue = False

    def note(self) -> None:
        """Note it before and after each request; also from the event loop, as it waits for nothing."""
        now = time.monotonic()
        if now - self._noted_at < POOL_EVERY_S and not self._has_queue:
            return
        self._noted_at = now
        pool: Any = getattr(connections["default"], "pool", None)
        if pool:
            with suppress(KeyError):
                found = pool.get_stats()
                POOL_CONNECTIONS.labels("idle").set(found["pool_available"])
                POOL_CONNECTIONS.labels("in_use").set(found["pool_size"] - found["pool_available"])
                POOL_WAITING.set(found["requests_waiting"])
                self._has_queue = found["requests_waiting"] > 0


note_pool: Final = _PoolObserver().note
