"""Parses requests to /key/…."""

import secrets
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime
from decimal import Decimal
from typing import Any

from sandbox import fields
from sandbox.clock import to_the_millisecond
from sandbox.config import pusd
from sandbox.durations import DurationError, after, next_reset
from sandbox.errors import error, unknown_team, wrapped
from sandbox.keyring import SORTABLE, Wanted, token_of
from sandbox.records import Key
from sandbox.state import State

_KEY_TYPES = ("llm_api", "management", "read_only", "default")
_STATUSES = ("active", "expired", "revoked", "deleted")
Json = dict[str, Any]
_READERS: dict[str, Callable[[Json, str], object]] = {
    "user_id": fields.text,
    "team_id": fields.text,
    "models": fields.words,
    "metadata": fields.mapping,
    "max_budget": fields.amount,
    "rpm_limit": fields.whole,
    "tpm_limit": fields.whole,
    "max_parallel_requests": fields.whole,
}


def new_secret() -> str:
    """Generate a secret."""
    return "sk-" + secrets.token_urlsafe(16)


def secret_of(body: Json, state: State) -> str:
    """Return the custom key of the request, or a new secret."""
    custom = fields.text(body, "key")
    if custom is None:
        return new_secret()
    if not state.config.custom_keys:
        raise wrapped(403, "Custom API key values are disabled by your administrator. Keys must be auto-generated.")
    if not custom.startswith("sk-"):
        shown = f"{custom[:4]}****{custom[-4:]}" if len(custom) > 8 else "****"
        raise wrapped(400, f"Invalid key format. LiteLLM Virtual Key must start with 'sk-'. Received: {shown}")
    return custom


def requested_key(body: Json, secret: str, state: State) -> tuple[Key, datetime | None]:
    """Build the requested row, and its expiry with the microseconds that only the response has."""
    now = state.clock.now()
    duration, budget_duration = fields.text(body, "duration"), fields.text(body, "budget_duration")
    expires_at = None if duration is None else _expiry(now, duration, 500, "internal_server_error", "")
    if duration is not None and state.short_lifetimes:
        expires_at = next_reset(now, "2d")
    key = Key(
        token=token_of(secret),
        key_name="sk-..." + secret[-4:],
        key_type=fields.chosen(body, "key_type", _KEY_TYPES, "default"),
        alias=fields.text(body, "key_alias"),
        user_id=fields.text(body, "user_id"),
        team_id=fields.text(body, "team_id"),
        models=fields.words(body, "models"),
        metadata=fields.mapping(body, "metadata"),
        max_budget=fields.amount(body, "max_budget"),
        budget_duration=budget_duration,
        budget_reset_at=reset_of(now, budget_duration),
        rpm_limit=fields.whole(body, "rpm_limit"),
        tpm_limit=fields.whole(body, "tpm_limit"),
        max_parallel_requests=fields.whole(body, "max_parallel_requests"),
        expires_at=None if expires_at is None else to_the_millisecond(expires_at),
        created_at=to_the_millisecond(now),
        updated_at=to_the_millisecond(now),
    )
    spend_pusd = pusd(fields.amount(body, "spend") or Decimal())
    return replace(key, spend_pusd=spend_pusd, seen_pusd=spend_pusd), expires_at


def _expiry(now: datetime, duration: str, status: int, kind: str, before: str) -> datetime:
    try:
        return after(now, duration)
    except (DurationError, OverflowError, ValueError) as exc:
        raise error(status, f"{before}{exc}", kind, "None" if before else None) from exc


def reset_of(now: datetime, duration: str | None, kind: str = "internal_server_error") -> datetime | None:
    """Return when a budget of this period resets."""
    if duration is None:
        return None
    try:
        return next_reset(now, duration)
    except DurationError as exc:
        raise wrapped(400, str(exc), None if kind == "internal_server_error" else "None", kind) from exc


def refuse_taken_alias(state: State, alias: str | None, own_token: str | None) -> None:
    """Refuse an alias of another live key."""
    holder = state.keys.holder_of_alias(alias) if alias else None
    if holder is not None and holder.token != own_token:
        message = f"Key with alias '{alias}' already exists. Unique key aliases across all keys are required."
        raise error(400, message, "bad_request_error", "key_alias")


def changes_of(body: Json, state: State, key: Key) -> Json:
    """Return the columns that `/key/update` changes."""
    now = state.clock.now()
    changes: Json = {}
    for name, read in _READERS.items():
        if name in body:
            changes[name] = read(body, name)
    if "models" in body and body["models"] is None:
        raise error(400, "Authentication Error, models may not be null", "auth_error", "None")
    if "key_alias" in body:
        changes["alias"] = fields.text(body, "key_alias")
        refuse_taken_alias(state, changes["alias"], key.token)
    if changes.get("team_id") and changes["team_id"] != key.team_id:
        _refuse_move(state, key, changes["team_id"])
    if "blocked" in body:
        changes["blocked"] = bool(body["blocked"])
    if "spend" in body:
        changes["spend_pusd"] = changes["seen_pusd"] = pusd(fields.amount(body, "spend") or Decimal())
    if "duration" in body:
        changes["expires_at"] = _renewed(fields.text(body, "duration"), now)
    if "budget_duration" in body:
        changes["budget_duration"] = fields.text(body, "budget_duration")
        changes["budget_reset_at"] = reset_of(now, changes["budget_duration"], "auth_error")
    return changes


def _refuse_move(state: State, key: Key, team_id: str) -> None:
    """Let a key join a team only while it has no user, who would not be a member."""
    if state.people.team(team_id) is None:
        raise unknown_team(team_id)
    if key.user_id is not None:
        message = f"User={key.user_id} is not a member of the team={team_id}. Check team members via `/team/info`."
        raise error(403, message, "auth_error", "None")


def _renewed(duration: str | None, now: datetime) -> datetime | None:
    if duration in (None, "-1"):
        return None
    return to_the_millisecond(_expiry(now, str(duration), 400, "auth_error", "Authentication Error, "))


def wanted(query: Mapping[str, str]) -> Wanted:
    """Return the filters and the order of `/key/list`."""
    status = query.get("status") or query.get("expires")
    if query.get("expires") not in (None, "active", "expired"):
        raise wrapped(400, "Invalid expires value. Supported: 'active', 'expired'.", "None")
    if status is not None and status not in _STATUSES:
        raise wrapped(400, "Invalid status value. Supported: 'active', 'expired', 'revoked', 'deleted'.", "None")
    sort_by = query.get("sort_by", "created_at")
    if sort_by not in SORTABLE:
        raise wrapped(400, f"Invalid sort column. Must be one of: {', '.join(SORTABLE)}", "None")
    return Wanted(
        user_id=query.get("user_id"),
        team_id=query.get("team_id"),
        token=query.get("key_hash"),
        alias=query.get("key_alias"),
        substring=fields.query_flag(query, "substring_matching"),
        status=status,
        sort_by=sort_by,
        descending=query.get("sort_order", "desc").lower() != "asc",
    )
