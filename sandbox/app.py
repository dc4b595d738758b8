"""The application: routes, refusals, faults."""

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Mount
from starlette.types import ASGIApp

from sandbox import routes_control, routes_inference, routes_keys, routes_models, routes_people, routes_usage
from sandbox.config import Config
from sandbox.errors import RefusalError, answer_refusal
from sandbox.fault_middleware import FaultMiddleware
from sandbox.history import write_history
from sandbox.state import State


async def _no_route(request: Request, exc: Exception) -> Response:
    if not isinstance(exc, HTTPException):
        raise exc
    return JSONResponse({"detail": exc.detail}, status_code=exc.status_code)


def build(config: Config) -> ASGIApp:
    """Build the gateway of this configuration."""
    state = State(config)
    write_history(state)
    gateway: list[BaseRoute] = [*routes_keys.ROUTES, *routes_people.ROUTES, *routes_models.ROUTES]
    gateway += [*routes_inference.ROUTES, *routes_usage.ROUTES]
    mounted = [Mount(config.prefix, routes=gateway)] if config.prefix else gateway
    app = Starlette(
        routes=[*routes_control.ROUTES, *mounted],
        exception_handlers={RefusalError: answer_refusal, HTTPException: _no_route},
    )
    app.state.state = state
    return FaultMiddleware(app, state)
