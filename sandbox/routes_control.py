"""/sandbox/…: controls for tests and demonstrations; they require the admin key."""

from collections.abc import Awaitable, Callable
from dataclasses import asdict
from datetime import date
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from sandbox import shapes
from sandbox.auth import require_admin
from sandbox.errors import detail
from sandbox.faults import parse
from sandbox.history import make_up_use, used
from sandbox.state import State, state_of

Json = dict[str, Any]


async def _given(request: Request) -> Json:
    try:
        body = await request.json()
    except ValueError as exc:
        raise detail(400, "the body must be JSON") from exc
    if not isinstance(body, dict):
        raise detail(400, "the body must be an object")
    return body


async def add_fault(request: Request) -> Response:
    """Arm a fault."""
    require_admin(request)
    try:
        fault = parse(await _given(request))
    except (TypeError, ValueError) as exc:
        raise detail(400, str(exc)) from exc
    state_of(request).faults.add(fault)
    return JSONResponse(asdict(fault), status_code=201)


def _shown(look: Callable[[State], object]) -> Callable[[Request], Awaitable[Response]]:
    async def view(request: Request) -> Response:
        require_admin(request)
        return JSONResponse(look(state_of(request)))

    return view


async def clear_faults(request: Request) -> Response:
    """Disarm all faults."""
    require_admin(request)
    state_of(request).faults.clear()
    return JSONResponse({})


def _live_keys(state: State) -> list[Json]:
    now = state.clock.now()
    state.ledger.settle()
    return [{"token": key.token, **shapes.described(key, now)} for key in state.keys.all_live()]


async def reset(request: Request) -> Response:
    """Delete keys, people, spend, faults and the clock offset."""
    require_admin(request)
    state_of(request).reset()
    return JSONResponse({})


async def clock(request: Request) -> Response:
    """Move the sandbox's time: `offset_s` from real time, or `advance_s` from its present time."""
    require_admin(request)
    state, body = state_of(request), await _given(request)
    offset_s = body.get("offset_s", state.clock.offset_s)
    advance_s = body.get("advance_s", 0)
    if not isinstance(offset_s, int | float) or not isinstance(advance_s, int | float):
        raise detail(400, "offset_s and advance_s must be numbers")
    state.clock.offset_s = offset_s + advance_s
    return JSONResponse({"offset_s": state.clock.offset_s, "now": state.clock.now().isoformat()})


async def lifetimes(request: Request) -> Response:
    """Give new keys the requested lifetime, or with {short: true} one until the end of tomorrow (UTC)."""
    require_admin(request)
    state_of(request).short_lifetimes = (await _given(request)).get("short") is True
    return JSONResponse({"short": state_of(request).short_lifetimes})


async def history(request: Request) -> Response:
    """Generate past usage of a user's live keys: {user_id, days, seed, chats}; used keys stay as they are."""
    require_admin(request)
    body = await _given(request)
    days, seed, chats = body.get("days", 60), body.get("seed", 1), body.get("chats", 24)
    if not all(isinstance(number, int) and 0 < number <= 10_000 for number in (days, seed, chats)):
        raise detail(400, "days, seed and chats must be whole numbers from 1 to 10000")
    keys = make_up_use(state_of(request), user_id=str(body.get("user_id")), days=days, seed=seed, chats=chats)
    return JSONResponse({"keys": keys})


async def set_facts(request: Request) -> Response:
    """Replace the usage of a day: {day, facts: [{user_id, token, model, endpoint, and counters}]}."""
    require_admin(request)
    body = await _given(request)
    try:
        usages = [used(fact) for fact in body["facts"]]
        state_of(request).ledger.set_facts(date.fromisoformat(body["day"]).isoformat(), usages)
    except (KeyError, TypeError, ValueError) as exc:
        raise detail(400, str(exc)) from exc
    return JSONResponse({"facts": len(usages)})


def _faults(state: State) -> list[Json]:
    return [asdict(fault) for fault in state.faults.orders]


ROUTES = [
    Route("/sandbox/faults", add_fault, methods=["POST"]),
    Route("/sandbox/faults", _shown(_faults), methods=["GET"]),
    Route("/sandbox/faults", clear_faults, methods=["DELETE"]),
    Route("/sandbox/issued_secrets", _shown(lambda state: list(state.issued)), methods=["GET"]),
    Route("/sandbox/keys", _shown(_live_keys), methods=["GET"]),
    Route("/sandbox/connections", _shown(lambda state: state.connections.report()), methods=["GET"]),
    Route("/sandbox/reset", reset, methods=["POST"]),
    Route("/sandbox/facts", set_facts, methods=["POST"]),
    Route("/sandbox/history", history, methods=["POST"]),
    Route("/sandbox/clock", clock, methods=["POST"]),
    Route("/sandbox/lifetimes", lifetimes, methods=["POST"]),
]
