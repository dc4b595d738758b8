"""Models, prices, health, and a page for browsers."""

import hashlib
from typing import Any

from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import Route

from sandbox.auth import Caller, allow_spending, authenticate
from sandbox.catalogue import Model, models_allowed
from sandbox.config import VERSION
from sandbox.errors import detail
from sandbox.state import state_of

Json = dict[str, Any]
_HOME = """<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Sandbox gateway</title></head><body>
<h1>Sandbox gateway</h1>
<p>This stands in for a LiteLLM gateway, whose API documentation would be here. Its models are simulated.</p>
</body></html>
"""
_CREATED = 1677610602  # LiteLLM's value for every model


def _allowed(request: Request, caller: Caller) -> list[Model]:
    if caller.key is None:
        return models_allowed(())
    models = models_allowed(caller.key.models)
    team = state_of(request).people.team(caller.key.team_id)
    return [model for model in models if team is None or not team.models or model.name in team.models]


def _entry(model: Model) -> Json:
    entry: Json = {"id": model.name, "object": "model", "created": _CREATED, "owned_by": "openai", "mode": model.mode}
    sizes = {"max_input_tokens": model.max_input_tokens, "max_output_tokens": model.max_output_tokens}
    return entry | {name: size for name, size in sizes.items() if size is not None}


async def models(request: Request) -> Response:
    """List what the key may call."""
    caller = authenticate(request)
    allow_spending(request, caller)
    return JSONResponse({"data": [_entry(model) for model in _allowed(request, caller)], "object": "list"})


async def one_model(request: Request) -> Response:
    """Describe one model."""
    name = request.path_params["name"]
    for model in _allowed(request, authenticate(request)):
        if model.name == name:
            return JSONResponse(_entry(model))
    raise detail(404, f"The model `{name}` does not exist or is not accessible")


def _info(model: Model) -> Json:
    prices = {
        "input_cost_per_token": float(f"{model.input_pusd}e-12"),
        "output_cost_per_token": float(f"{model.output_pusd}e-12"),
    }
    about: Json = {
        **prices,
        "id": hashlib.sha256(model.name.encode()).hexdigest(),
        "db_model": False,
        "mode": model.mode,
        "key": model.upstream,
        "max_tokens": model.max_output_tokens,
        "max_input_tokens": model.max_input_tokens,
        "max_output_tokens": model.max_output_tokens,
        "litellm_provider": model.provider,
        "supports_vision": model.vision,
        "supports_pdf_input": model.pdf,
        "supports_function_calling": model.mode == "chat",
        "supports_reasoning": False,
    }
    return {"model_name": model.name, "litellm_params": {**prices, "model": model.upstream}, "model_info": about}


async def model_info(request: Request) -> Response:
    """Describe models with prices, sizes and providers."""
    caller = authenticate(request)
    return JSONResponse({"data": [_info(model) for model in _allowed(request, caller)]})


async def alive(request: Request) -> Response:
    """Return LiteLLM's liveness text, a JSON string."""
    return JSONResponse("I'm alive!")


async def ready(request: Request) -> Response:
    """Say that the database answers."""
    state_of(request).database.execute("SELECT 1")
    return JSONResponse({"status": "healthy", "db": "connected"})


async def ready_details(request: Request) -> Response:
    """The same with the version, for a known key."""
    authenticate(request)
    return JSONResponse({"status": "healthy", "db": "connected", "cache": None, "litellm_version": VERSION})


async def home(request: Request) -> Response:
    """Explain what this is, where a real gateway shows its Swagger page."""
    return HTMLResponse(_HOME)


ROUTES = [
    Route("/", home, methods=["GET"]),
    Route("/models", models, methods=["GET"]),
    Route("/v1/models", models, methods=["GET"]),
    Route("/models/{name}", one_model, methods=["GET"]),
    Route("/v1/models/{name}", one_model, methods=["GET"]),
    Route("/model/info", model_info, methods=["GET"]),
    Route("/v1/model/info", model_info, methods=["GET"]),
    Route("/health/liveliness", alive, methods=["GET"]),
    Route("/health/liveness", alive, methods=["GET"]),
    Route("/health/readiness", ready, methods=["GET"]),
    Route("/health/readiness/details", ready_details, methods=["GET"]),
]
