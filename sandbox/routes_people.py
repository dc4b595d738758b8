"""/user/… and /team/…, as far as a client of keys needs them."""

import sqlite3
import uuid
from collections.abc import Callable
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from sandbox import fields, shapes
from sandbox.auth import authenticate, require_admin
from sandbox.clock import to_the_millisecond, with_z
from sandbox.config import usd
from sandbox.errors import detail, error, wrapped
from sandbox.key_requests import new_secret, requested_key, reset_of
from sandbox.keyring import Wanted
from sandbox.records import Team, User, money
from sandbox.state import State, state_of

Json = dict[str, Any]
_PAGE = 1_000_000  # more keys than a sandbox has


async def new_user(request: Request) -> Response:
    """Create a user, and a key for it unless `auto_create_key` is false."""
    require_admin(request)
    state = state_of(request)
    body = await fields.read_body(request)
    now = to_the_millisecond(state.clock.now())
    user = User(
        user_id=fields.text(body, "user_id") or str(uuid.uuid4()),
        user_email=fields.text(body, "user_email"),
        user_alias=fields.text(body, "user_alias"),
        user_role=fields.text(body, "user_role"),
        max_budget=fields.amount(body, "max_budget"),
        models=fields.words(body, "models"),
        metadata=fields.mapping(body, "metadata"),
        created_at=now,
        updated_at=now,
    )
    try:
        state.people.add_user(user)
    except sqlite3.IntegrityError as exc:
        raise wrapped(409, f"User with id {user.user_id} already exists") from exc
    key = ""
    if body.get("auto_create_key") is not False:
        key = new_secret()
        row, _ = requested_key({"user_id": user.user_id, "models": list(user.models)}, key, state)
        state.keys.add(row)
        state.remember(key)
    return JSONResponse({**shapes.person(user), "key": key, "key_alias": None, "expires": None})


def _keys_of(state: State, wanted: Wanted) -> list[Json]:
    state.ledger.settle()
    _, keys = state.keys.page(wanted, page=1, size=_PAGE)
    return [shapes.listed(key) for key in keys]


async def user_info(request: Request) -> Response:
    """Describe a user with its keys; without an id, the caller."""
    caller = authenticate(request)
    state = state_of(request)
    user_id = request.query_params.get("user_id")
    if caller.key is not None:
        own = caller.key.user_id
        if user_id not in (None, own):
            message = f"key not allowed to access this user's info. user_id={user_id}, key's user_id={own}"
            raise error(403, message, "auth_error", "None")
        user_id = own
    elif user_id is None:
        return JSONResponse({"user_id": "default_user_id", "user_info": None, "keys": _keys_of(state, Wanted())})
    user = state.people.user(user_id)
    if user is None:
        raise error(404, f"User {user_id} not found", "internal_server_error")
    keys = _keys_of(state, Wanted(user_id=user.user_id))
    return JSONResponse({"user_id": user.user_id, "user_info": shapes.person(user), "keys": keys, "teams": []})


def _spelled(team: Team) -> Json:
    return {
        "team_id": team.team_id,
        "team_alias": team.team_alias,
        "models": list(team.models),
        "max_budget": money(team.max_budget),
        "budget_duration": team.budget_duration,
        "metadata": team.metadata,
        "members_with_roles": [{"user_id": "default_user_id", "user_email": None, "role": "admin"}],
        "admins": [],
        "members": [],
        "budget_reset_at": with_z(team.budget_reset_at),
        "blocked": False,
        "spend": usd(team.seen_pusd),
        "tpm_limit": None,
        "rpm_limit": None,
        "created_at": with_z(team.created_at),
        "updated_at": with_z(team.created_at),
    }


async def new_team(request: Request) -> Response:
    """Create a team."""
    require_admin(request)
    state = state_of(request)
    body = await fields.read_body(request)
    team = Team(
        team_id=fields.text(body, "team_id") or str(uuid.uuid4()),
        team_alias=fields.text(body, "team_alias"),
        models=fields.words(body, "models"),
        max_budget=fields.amount(body, "max_budget"),
        budget_duration=(period := fields.text(body, "budget_duration")),
        budget_reset_at=reset_of(state.clock.now(), period),
        metadata=fields.mapping(body, "metadata"),
        created_at=to_the_millisecond(state.clock.now()),
    )
    try:
        state.people.add_team(team)
    except sqlite3.IntegrityError as exc:
        message = f"Team id = {team.team_id} already exists. Please use a different team id."
        raise wrapped(400, message) from exc
    return JSONResponse(_spelled(team))


async def update_team(request: Request) -> Response:
    """Change the fields that were sent; null clears, and metadata is replaced."""
    require_admin(request)
    state = state_of(request)
    body = await fields.read_body(request)
    named = fields.text(body, "team_id")
    team = state.people.team(named)
    if team is None:
        raise wrapped(404, f"Team not found, passed team_id={named}")
    readers: dict[str, Callable[[Json, str], object]] = {
        "team_alias": fields.text,
        "models": fields.words,
        "max_budget": fields.amount,
        "budget_duration": fields.text,
        "metadata": fields.mapping,
    }
    changes = {name: read(body, name) for name, read in readers.items() if name in body}
    if "budget_duration" in changes:
        changes["budget_reset_at"] = reset_of(state.clock.now(), fields.text(body, "budget_duration"))
    team = state.people.change_team(team, **changes) if changes else team
    return JSONResponse({"team_id": team.team_id, "data": _spelled(team)})


async def delete_teams(request: Request) -> Response:
    """Delete teams, and their keys with them."""
    require_admin(request)
    state = state_of(request)
    named = fields.words(await fields.read_body(request), "team_ids")
    teams = [state.people.team(team_id) for team_id in named]
    if None in teams:
        raise detail(404, {"error": f"Team not found, passed team_id={named[teams.index(None)]}"})
    for team in teams:
        if team is not None:
            state.people.delete_team(team)
            for key in state.keys.page(Wanted(team_id=team.team_id), page=1, size=_PAGE)[1]:
                state.keys.delete(key)
    return JSONResponse({"deleted_teams": list(named)})


async def team_info(request: Request) -> Response:
    """Describe a team with its keys."""
    authenticate(request)
    state = state_of(request)
    team_id = request.query_params.get("team_id")
    if team_id is None:
        raise error(422, str({"message": "Malformed request. No team id passed in."}), "auth_error", "None")
    state.ledger.settle()
    team = state.people.team(team_id)
    if team is None:
        message = str({"message": f"Team not found, passed team id: {team_id}."})
        raise error(404, message, "auth_error", "None")
    keys = _keys_of(state, Wanted(team_id=team_id))
    return JSONResponse({"team_id": team_id, "team_info": _spelled(team), "keys": keys, "team_memberships": []})


async def list_teams(request: Request) -> Response:
    """Page through all teams."""
    require_admin(request)
    page = int(request.query_params.get("page", "1"))
    size = int(request.query_params.get("page_size", "10"))
    state = state_of(request)
    state.ledger.settle()
    teams = state.people.all_teams()
    return JSONResponse(
        {
            "teams": [_spelled(team) for team in teams[(page - 1) * size : page * size]],
            "total": len(teams),
            "page": page,
            "page_size": size,
            "total_pages": -(-len(teams) // size),
        }
    )


ROUTES = [
    Route("/user/new", new_user, methods=["POST"]),
    Route("/user/info", user_info, methods=["GET"]),
    Route("/team/new", new_team, methods=["POST"]),
    Route("/team/update", update_team, methods=["POST"]),
    Route("/team/delete", delete_teams, methods=["POST"]),
    Route("/team/info", team_info, methods=["GET"]),
    Route("/v2/team/list", list_teams, methods=["GET"]),
]
