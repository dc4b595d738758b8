"""The id of each request, for the log, the gateway and error pages; and a line of the log for each (LOG_REQUESTS)."""

import logging
import time
from collections.abc import Callable, Mapping
from typing import Any, Final

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase

from gateway import log_context, tracing
from web.addresses import is_probe
from web.metrics import method_of

logger = logging.getLogger(__name__)

HEADER: Final = "X-Request-ID"
NO_ROUTE: Final = "-"


def request_id_of(given: str | None) -> str:
    """Return the id that a trusted proxy gives in its header; a new one where there is none, or an odd one."""
    trusted = given if settings.TRUSTED_PROXY_COUNT else None
    return log_context.valid_request_id(trusted) or log_context.new_request_id()


def request_id_in(scope: Mapping[str, Any]) -> str:
    """Return the id of a request of ASGI; where its header comes twice, the last one: the nearest proxy wrote it."""
    given = [value for name, value in scope["headers"] if name == b"x-request-id"]
    return request_id_of(given[-1].decode("latin-1") if given else None)


def with_request_id(response: HttpResponseBase) -> None:
    """Give the id to the proxy, and to whoever reports a problem."""
    response.headers.setdefault(HEADER, log_context.request_id())


class RequestLog:
    """Keeps the id and the route of a request for all its lines; the first middleware."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Answer in a context that the handler has begun; tests have no such handler."""
        if log_context.request_id():
            return self._answer(request)
        with log_context.scope(request_id=request_id_of(request.headers.get(HEADER))):
            return self._answer(request)

    def process_view(self, request: HttpRequest, *_: object) -> None:
        """Note which page it is, by its name: an address may hold what is private."""
        if request.resolver_match:
            log_context.note(route=request.resolver_match.view_name)

    def _answer(self, request: HttpRequest) -> HttpResponse:
        began = time.monotonic()
        method = method_of(request)
        log_context.note(method=method)
        if is_probe(request):
            response = self.get_response(request)
        else:
            with tracing.span(method) as note:
                response = self.get_response(request)
                error = response.reason_phrase if response.status_code >= 500 else ""
                note(name=f"{method} {_route()}", status=response.status_code, error=error, **log_context.noted())
            if settings.LOG_REQUESTS:
                _log(request, response, time.monotonic() - began)
        with_request_id(response)
        return response


def _log(request: HttpRequest, response: HttpResponseBase, took_s: float) -> None:
    """Write the line; of a stream it says how long its beginning took. Static files have none."""
    route = _route()
    if route == NO_ROUTE and response.status_code < 400:
        return
    fields = {"status": response.status_code, "duration_ms": round(took_s * 1000, 1)}
    logger.info("%s %s %d", method_of(request), route, response.status_code, extra={"fields": fields})


def _route() -> str:
    return str(log_context.noted().get("route", NO_ROUTE))
