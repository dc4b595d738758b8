"""/key/…: create, change, look up, list, block and delete keys."""

import math
from dataclasses import replace

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from sandbox import fields, shapes
from sandbox.auth import Caller, admins_only, authenticate, require_admin
from sandbox.clock import to_the_millisecond
from sandbox.errors import RefusalError, detail, error, invalid, wrapped
from sandbox.key_requests import changes_of, refuse_taken_alias, requested_key, secret_of, wanted
from sandbox.keyring import token_of
from sandbox.state import state_of


def _self_service(request: Request, caller: Caller) -> str | None:
    """Return the user for whom a virtual key may manage keys, None for the admin; refuse keys that may manage none."""
    if caller.key is None:
        return None
    user = state_of(request).people.user(caller.key.user_id)
    if user is None or user.user_role not in (None, "internal_user"):
        raise admins_only(request, caller.key)
    return user.user_id


async def generate(request: Request) -> Response:
    """Create a key; an existing custom key is unchanged, though the response repeats the request."""
    state = state_of(request)
    only_for = _self_service(request, authenticate(request))
    body = await fields.read_body(request)
    secret = secret_of(body, state)
    key, expires_at = requested_key(body, secret, state)
    if only_for is not None:
        if key.user_id not in (None, only_for):
            message = f"User can only create keys for themselves. Got user_id={key.user_id}, Your ID={only_for}"
            raise error(403, message, "internal_server_error")
        key = replace(key, user_id=only_for)
    refuse_taken_alias(state, key.alias, None)
    known = state.keys.live(key.token)
    if known is None:
        state.keys.add(key)
        state.remember(secret)
    else:
        key = replace(key, created_at=known.created_at, updated_at=known.updated_at)
    return JSONResponse(shapes.generated(key, secret, expires_at))


def _not_found() -> RefusalError:
    return error(404, "Key not found.", "not_found_error", "key")


async def update(request: Request) -> Response:
    """Change the fields that were sent; null clears."""
    state = state_of(request)
    caller = authenticate(request)
    if (person := _self_service(request, caller)) is not None:
        role = "user_role=internal_user, user_id=" + person
        message = f"Only proxy admins, team admins, or org admins can call /key/update. {role}"
        raise error(403, str({"error": message}), "auth_error", "None")
    body = await fields.read_body(request)
    named = fields.text(body, "key")
    if named is None:
        raise invalid("value_error", ["body"], "Value error, either key or key_alias must be provided")
    state.ledger.settle()
    key = state.keys.live(token_of(named))
    if key is None:
        raise _not_found()
    changes = changes_of(body, state, key)
    now = to_the_millisecond(state.clock.now())
    key = state.keys.change(key, **changes, updated_at=now, settings_updated_at=now)
    return JSONResponse(shapes.updated(key, named))


async def info(request: Request) -> Response:
    """Describe a key, by default the calling one; a deleted one too."""
    state = state_of(request)
    caller = authenticate(request)
    state.ledger.settle()
    named = request.query_params.get("key") or (caller.key.token if caller.key else "")
    key = state.keys.latest(token_of(named))
    if key is None:
        raise error(404, "Key not found in database", "not_found_error", "key")
    if caller.key is not None and key.user_id != caller.key.user_id:
        user = state.people.user(caller.key.user_id)
        role = (user and user.user_role) or "internal_user"
        message = f"You are not allowed to access this key's info. Your role={role}"
        raise error(403, message, "internal_server_error")
    return JSONResponse({"key": named, "info": shapes.described(key, state.clock.now())})


async def list_keys(request: Request) -> Response:
    """List keys page by page: hashes, or full objects if asked."""
    state = state_of(request)
    caller = authenticate(request)
    query = request.query_params
    page = fields.query_whole(query, "page", default=1, maximum=10**9)
    size = fields.query_whole(query, "size", default=10, maximum=100)
    full = fields.query_flag(query, "return_full_object")
    query_filter = wanted(query)
    if caller.key is not None:
        if state.people.user(caller.key.user_id) is None:
            message = "You are not authorized to access this endpoint. No 'user_id' is associated with your API key."
            raise error(403, message, "bad_request_error", "user_id")
        query_filter = replace(query_filter, user_id=caller.key.user_id)
    state.ledger.settle()
    total, keys = state.keys.page(query_filter, page=page, size=size)
    return JSONResponse(
        {
            "keys": [shapes.listed(key) if full else key.token for key in keys],
            "total_count": total,
            "current_page": page,
            "total_pages": math.ceil(total / size),
        }
    )


async def delete(request: Request) -> Response:
    """Delete keys by secret, hash or alias; the response echoes the request, unknown ones included."""
    state = state_of(request)
    only_for = _self_service(request, authenticate(request))
    body = await fields.read_body(request)
    named, aliases = fields.words(body, "keys"), fields.words(body, "key_aliases")
    if not named and not aliases:
        message = "Value error, At least one of 'keys' or 'key_aliases' must be provided."
        raise invalid("value_error", ["body"], message)
    found = [state.keys.live(token_of(name)) for name in named]
    found += [state.keys.holder_of_alias(alias) for alias in aliases]
    keys = [key for key in found if key is not None]
    if not keys:
        raise wrapped(404, "No keys found")
    if only_for is not None and any(key.user_id != only_for for key in keys):
        raise wrapped(403, "You are not authorized to delete this key")
    for key in keys:
        state.keys.delete(key)
    return JSONResponse({"deleted_keys": [*named, *aliases]})


async def block(request: Request) -> Response:
    """Block a key, or unblock it, by the last word of the path."""
    caller = authenticate(request)
    word = request.url.path.rpartition("/")[2]
    if (person := _self_service(request, caller)) is not None:
        role = "user_role=internal_user, user_id=" + person
        message = f"Only proxy admins, team admins, or org admins can call /key/{word}. {role}"
        raise detail(403, {"error": message})
    state = state_of(request)
    key = state.keys.live(token_of(fields.text(await fields.read_body(request), "key") or ""))
    if key is None:
        raise _not_found()
    now = to_the_millisecond(state.clock.now())
    key = state.keys.change(key, blocked=word == "block", updated_at=now, settings_updated_at=now)
    return JSONResponse(shapes.listed(key))


async def regenerate(request: Request) -> Response:
    """Refuse: this needs LiteLLM's licence."""
    require_admin(request)
    message = "Regenerating Virtual Keys is an Enterprise feature, You must be a LiteLLM Enterprise user to use this."
    raise error(500, message, "internal_server_error")


ROUTES = [
    Route("/key/generate", generate, methods=["POST"]),
    Route("/key/update", update, methods=["POST"]),
    Route("/key/info", info, methods=["GET"]),
    Route("/key/list", list_keys, methods=["GET"]),
    Route("/key/delete", delete, methods=["POST"]),
    Route("/key/block", block, methods=["POST"]),
    Route("/key/unblock", block, methods=["POST"]),
    Route("/key/regenerate", regenerate, methods=["POST"]),
    Route("/key/{key}/regenerate", regenerate, methods=["POST"]),
]
