"""/user/daily/activity, /spend/calculate and the log of failed calls."""

import math
from datetime import UTC, date, datetime
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from sandbox import fields
from sandbox.activity import Activity, Span, metadata
from sandbox.answers import count_words, text_of
from sandbox.auth import authenticate, require_admin
from sandbox.catalogue import MODELS
from sandbox.config import usd
from sandbox.errors import detail, error
from sandbox.state import State, state_of

Json = dict[str, Any]


def _activity(state: State) -> Activity:
    state.ledger.settle()
    return Activity(state.database, state.keys, state.people)


def _day(request: Request, name: str) -> str:
    try:
        return date.fromisoformat(request.query_params[name]).isoformat()
    except ValueError as exc:
        raise detail(400, {"error": "start_date and end_date must be valid YYYY-MM-DD dates"}) from exc


def _span(request: Request) -> Span:
    caller = authenticate(request)
    query = request.query_params
    user_id = query.get("user_id")
    if caller.key is not None:
        if user_id not in (None, caller.key.user_id):
            raise detail(403, {"error": "Non-admin users can only view their own spend data."})
        user_id = caller.key.user_id
    if "start_date" not in query or "end_date" not in query:
        raise detail(400, {"error": "Please provide start_date and end_date"})
    return Span(
        first_day=_day(request, "start_date"),
        last_day=_day(request, "end_date"),
        user_id=user_id,
        token=query.get("api_key"),
        upstream=query.get("model"),
    )


async def daily(request: Request) -> Response:
    """Return facts page by page; a page cuts rows, so a day may be spread over two."""
    span = _span(request)
    page = fields.query_whole(request.query_params, "page", default=1, maximum=10**9)
    size = fields.query_whole(request.query_params, "page_size", default=50, maximum=1000)
    activity = _activity(state_of(request))
    pages = math.ceil(activity.count(span) / size)
    rows = activity.rows(span, size=size, start=(page - 1) * size)
    return JSONResponse({"results": activity.results(rows), "metadata": metadata(rows, page=page, pages=pages)})


async def aggregated(request: Request) -> Response:
    """Return all facts of the span at once."""
    span = _span(request)
    activity = _activity(state_of(request))
    limit = fields.query_whole(request.query_params, "api_key_limit", default=100, maximum=1000)
    rows = activity.rows(span)
    page_metadata = metadata(rows, page=1, pages=1)
    page_metadata |= {"api_key_limit": limit, "total_api_keys": len({row["token"] for row in rows})}
    return JSONResponse({"results": activity.results(rows, keys=limit), "metadata": page_metadata})


def _moment(request: Request, name: str) -> datetime:
    try:
        return datetime.strptime(request.query_params[name], "%Y-%m-%d %H:%M:%S").replace(tzinfo=UTC)
    except (KeyError, ValueError) as exc:
        raise detail(400, {"error": f"{name} must be YYYY-MM-DD HH:MM:SS"}) from exc


async def call_log(request: Request) -> Response:
    """Return calls of a team or a key page by page, the newest first."""
    require_admin(request)
    query = request.query_params
    since, until = _moment(request, "start_date"), _moment(request, "end_date")
    page = fields.query_whole(query, "page", default=1, maximum=10**9)
    size = fields.query_whole(query, "page_size", default=50, maximum=100)
    team, token, only_failures = query.get("team_id"), query.get("api_key"), query.get("status_filter") == "failure"
    found = [
        each.row()
        for each in reversed(state_of(request).call_log)
        if since <= each.at <= until
        and team in (None, each.key.team_id)
        and token in (None, each.key.token)
        and (each.error or not only_failures)
    ]
    rows = found[(page - 1) * size : page * size]
    pages = {"page": page, "page_size": size, "total_pages": math.ceil(len(found) / size), "total_is_capped": False}
    return JSONResponse({"data": rows, "total": len(found), **pages})


async def calculate(request: Request) -> Response:
    """Price messages, or an answer."""
    require_admin(request)
    body = await fields.read_body(request)
    answer = body.get("completion_response")
    name = (answer if isinstance(answer, dict) else body).get("model")
    if name is None:
        message = "Bad Request - Either 'model' or 'completion_response' must be provided"
        raise error(400, message, "None", "None")
    if answer is None and "messages" not in body:
        raise error(400, "Bad Request - messages must be provided if 'model' is provided", "None", "None")
    model = MODELS.get(str(name))
    if model is None:
        message = f"litellm.BadRequestError: LLM Provider NOT provided. You passed model={name}"
        raise error(400, message, None)
    if isinstance(answer, dict):
        usage = answer.get("usage") or {}
        tokens = int(usage.get("prompt_tokens", 0)), int(usage.get("completion_tokens", 0))
    else:
        tokens = count_words(text_of(body["messages"])), 0
    return JSONResponse({"cost": usd(model.cost_pusd(*tokens))})


ROUTES = [
    Route("/user/daily/activity", daily, methods=["GET"]),
    Route("/user/daily/activity/aggregated", aggregated, methods=["GET"]),
    Route("/spend/logs/v2", call_log, methods=["GET"]),
    Route("/spend/calculate", calculate, methods=["POST"]),
]
