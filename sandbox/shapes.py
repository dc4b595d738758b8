"""LiteLLM's representations of a key: every route formats the same row with other fields and another time format."""

from collections.abc import Callable
from datetime import datetime
from typing import Any

from sandbox.clock import with_offset, with_z
from sandbox.config import usd
from sandbox.records import Key, User, money

Json = dict[str, Any]
_Spell = Callable[[datetime | None], str | None]

_NULLS_OF_GENERATE = (
    "agent_id budget_limits model_rpm_limit model_tpm_limit mcp_rpm_limit tag_rpm_limit guardrails policies prompts "
    "object_permission tpd_limit default_estimated_output_tokens default_estimated_output_tokens_per_model budget_id "
    "end_user_budget_id tags disable_global_guardrails enable_prompt_caching throttle_on_budget_exceeded "
    "enforced_params allowed_passthrough_routes denied_passthrough_routes allowed_vector_store_indexes rpm_limit_type "
    "tpm_limit_type organization_id project_id litellm_budget_table"
)
_NULLS_OF_ROW = (
    "agent_id project_id tpd_limit budget_id object_permission_id object_permission rotation_interval "
    "last_rotation_at key_rotation_at budget_limits litellm_budget_table"
)
_NULLS_OF_INFO = "organization_id litellm_organization_table litellm_project_table jwt_key_mappings"
_NULLS_OF_LIST = (
    "team_spend team_alias team_tpm_limit team_rpm_limit team_tpd_limit team_max_budget team_soft_budget "
    "team_model_max_budget soft_budget team_model_aliases team_member team_metadata team_object_permission_id "
    "organization_alias organization_max_budget project_alias user_email user_spend user_max_budget user_role user "
    "created_by_user api_key last_refreshed_at org_id"
)
_ADMIN = "default_user_id"  # LiteLLM's user of its master key


def _nulls(names: str) -> Json:
    return dict.fromkeys(names.split())


def routes_of(key: Key) -> list[str]:
    """Return the groups of routes that the key may call; an empty list means all."""
    return {"llm_api": ["llm_api_routes"], "management": ["management_routes"], "read_only": ["info_routes"]}.get(
        key.key_type, []
    )


def _settings(key: Key) -> Json:
    return {
        "key_name": key.key_name,
        "key_alias": key.alias,
        "user_id": key.user_id,
        "team_id": key.team_id,
        "key_type": key.key_type,
        "allowed_routes": routes_of(key),
        "models": list(key.models),
        "metadata": key.metadata,
        "max_budget": money(key.max_budget),
        "budget_duration": key.budget_duration,
        "rpm_limit": key.rpm_limit,
        "tpm_limit": key.tpm_limit,
        "max_parallel_requests": key.max_parallel_requests,
        "blocked": key.blocked,
        "aliases": {},
        "config": {},
        "permissions": {},
        "allowed_cache_controls": [],
        "access_group_ids": [],
        "model_max_budget": {},
        "budget_fallbacks": {},
        "created_by": _ADMIN,
        "updated_by": _ADMIN,
    }


def generated(key: Key, secret: str, expires_at: datetime | None) -> Json:
    """Format the response of `/key/generate`, the only one with the secret."""
    return {
        **_nulls(_NULLS_OF_GENERATE),
        **_settings(key),
        "duration": None,
        "spend": usd(key.spend_pusd),
        "key": secret,
        "token": key.token,
        "token_id": key.token,
        "expires": with_z(expires_at),
        "router_settings": {},
        "created_at": with_z(key.created_at),
        "updated_at": with_z(key.updated_at),
    }


def _row(key: Key, spell: _Spell) -> Json:
    return {
        **_nulls(_NULLS_OF_ROW),
        **_settings(key),
        "spend": usd(key.seen_pusd),
        "total_spend": usd(key.total_pusd),
        "expires": spell(key.expires_at),
        "budget_reset_at": spell(key.budget_reset_at),
        "created_at": spell(key.created_at),
        "updated_at": spell(key.updated_at),
        "settings_updated_at": spell(key.settings_updated_at),
        "last_active": spell(key.last_active_at),
        "model_spend": {},
        "router_settings": {},
        "soft_budget_cooldown": False,
        "rotation_count": 0,
        "auto_rotate": False,
    }


def described(key: Key, now: datetime) -> Json:
    """Format the `info` of `/key/info`."""
    row = {**_row(key, with_offset), **_nulls(_NULLS_OF_INFO), "status": key.status(now)}
    if key.deleted_at is not None:
        row |= {"deleted_at": with_offset(key.deleted_at), "deleted_by": _ADMIN, "litellm_changed_by": None}
    else:
        row["policies"] = []
    return row


def updated(key: Key, named: str) -> Json:
    """Format the response of `/key/update`; `named` is the caller's name of the key."""
    return {"key": named, "token": key.token, **_row(key, with_offset), **_nulls(_NULLS_OF_INFO), "policies": []}


def listed(key: Key) -> Json:
    """Format one full object of `/key/list`; the block routes send it too."""
    return {
        "token": key.token,
        **_row(key, with_z),
        **_nulls(_NULLS_OF_LIST),
        "team_models": [],
        "team_blocked": False,
        "is_session_token": False,
    }


def person(user: User) -> Json:
    """Format the `user_info` of `/user/info`."""
    return {
        **_nulls("team_id sso_user_id organization_id object_permission_id max_parallel_requests"),
        **_nulls("tpm_limit rpm_limit budget_duration budget_reset_at organization_memberships"),
        "user_id": user.user_id,
        "user_email": user.user_email,
        "user_alias": user.user_alias,
        "user_role": user.user_role,
        "max_budget": money(user.max_budget),
        "spend": usd(user.spend_pusd),
        "models": list(user.models),
        "metadata": user.metadata,
        "teams": [],
        "created_at": with_z(user.created_at),
        "updated_at": with_z(user.updated_at),
    }
