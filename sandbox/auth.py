"""Authentication and authorisation: the checks in LiteLLM's order, with its messages."""

from dataclasses import dataclass

from starlette.requests import Request

from sandbox.config import usd
from sandbox.errors import RefusalError, detail, error, unknown_team
from sandbox.holds import budgets_of
from sandbox.keyring import token_of
from sandbox.records import Key, User
from sandbox.state import State, state_of

LLM_ROUTES = frozenset(
    ("/chat/completions", "/completions", "/embeddings", "/moderations", "/models", "/model/info", "/model_group/info")
)
_KEY_HEADERS = ("x-litellm-api-key", "x-api-key", "api-key")


@dataclass(frozen=True, slots=True, kw_only=True)
class Caller:
    """The key of a request; `key` is None for the admin key."""

    key: Key | None
    last_four: str


def route_of(request: Request) -> str:
    """Return the path without the sandbox's prefix and without /v1."""
    path = request.url.path.removeprefix(state_of(request).config.prefix)
    return path.removeprefix("/v1") or "/"


def _secret(request: Request) -> str:
    given = request.headers.get("authorization")
    if given is None:
        others = [request.headers[name] for name in _KEY_HEADERS if name in request.headers]
        if not others:
            raise error(401, "Authentication Error, No api key passed in.", "auth_error", "None")
        return others[0]
    scheme, _, secret = given.partition(" ")
    if scheme != "Bearer" or not secret.strip():
        message = "Authentication Error, Malformed API Key passed in. Ensure Key has `Bearer ` prefix."
        raise error(401, message, "auth_error", "None")
    return secret.strip()


def unknown_key(secret: str) -> RefusalError:
    """Build the refusal of an unknown key."""
    shown = f"sk-...{secret[-4:]}" if len(secret) > 8 else "sk-..."
    message = (
        f"Authentication Error, Invalid proxy server token passed. Received API Key = {shown}, "
        f"Key Hash (Token) ={token_of(secret)}. Unable to find token in cache or `LiteLLM_VerificationTokenTable`"
    )
    return error(401, message, "token_not_found_in_db", "key")


def authenticate(request: Request) -> Caller:
    """Return the caller, who needs a live key that may call this route."""
    state = state_of(request)
    secret = _secret(request)
    if secret == state.config.admin_key:
        return Caller(key=None, last_four=secret[-4:])
    if not secret.startswith("sk-"):
        message = "LiteLLM Virtual Key expected. Received=****, expected to start with 'sk-'."
        raise error(401, message, "auth_error", "None")
    key = state.keys.live(token_of(secret))
    if key is None:
        raise unknown_key(secret)
    _refuse_dead(key, state)
    _refuse_route(key, request)
    return Caller(key=key, last_four=secret[-4:])


def _refuse_dead(key: Key, state: State) -> None:
    if key.blocked:
        message = "Authentication Error, Key is blocked. Update via `/key/unblock` if you're an admin."
        raise error(401, message, "auth_error", "None")
    now = state.clock.now()
    if key.expired(now):
        message = f"Authentication Error - Expired Key. Key Expiry time {key.expires_at} and current time {now}"
        raise error(401, message, "expired_key", key.key_name)


def _refuse_route(key: Key, request: Request) -> None:
    if key.key_type == "default":
        return
    is_llm = route_of(request) in LLM_ROUTES
    if is_llm != (key.key_type == "llm_api"):
        groups = ["llm_api_routes"] if key.key_type == "llm_api" else ["management_routes"]
        raise detail(
            403,
            f"Virtual key is not allowed to call this route. Only allowed to call routes: {groups}. "
            f"Tried to call route: {request.url.path.removeprefix(state_of(request).config.prefix)}",
        )


def require_admin(request: Request) -> Caller:
    """Return the caller, who needs the admin key."""
    caller = authenticate(request)
    if caller.key is not None:
        raise admins_only(request, caller.key)
    return caller


def admins_only(request: Request, key: Key) -> RefusalError:
    """Build the refusal of a management route that this key may not call."""
    user = state_of(request).people.user(key.user_id)
    role = (user and user.user_role) or "unknown"
    route = request.url.path.removeprefix(state_of(request).config.prefix)
    message = (
        "Authentication Error, Only proxy admin can be used to generate, delete, update info for new keys/users/teams. "
        f"Route={route}. Your role={role}. Your user_id={_masked(user)}"
    )
    return error(401, message, "auth_error", "None")


def _masked(user: User | None) -> str:
    if user is None or len(user.user_id) < 9:
        return "*" * 7
    return f"{user.user_id[:6]}***{user.user_id[-2:]}"


def allow_spending(request: Request, caller: Caller, *models: str) -> None:
    """Refuse models that the key or its team may not use, and keys, teams or users without budget."""
    key = caller.key
    if key is None:
        return
    state = state_of(request)
    _refuse_models(key, state, models)
    team = state.people.team(key.team_id) if route_of(request) != "/models" else None  # lists cost a team nothing
    user = state.people.user(key.user_id)
    if user is not None and state.people.over_budget(user):
        message = f"ExceededBudget: User={user.user_id} over budget. Spend={usd(user.spend_pusd)}"
        raise error(422, f"{message}, Budget={float(user.max_budget or 0)}", "budget_exceeded")
    for budget in budgets_of(key, team):
        if state.holds.spent(budget) >= budget.max_pusd:
            cost, most = usd(state.holds.spent(budget)), usd(budget.max_pusd)
            message = f"Budget has been exceeded! {budget.holder} Current cost: {cost}, Max budget: {most}"
            raise error(422, message, "budget_exceeded")


def _refuse_models(key: Key, state: State, models: tuple[str, ...]) -> None:
    team_models: tuple[str, ...] = ()
    if key.team_id is not None:
        team = state.people.team(key.team_id)
        if team is None:
            raise unknown_team(key.team_id)
        team_models = team.models
    for holder, allowed in (("key", key.models), ("team", team_models)):
        for model in models:
            if allowed and model not in allowed:
                raise _denied(holder, model)


def _denied(holder: str, model: str) -> RefusalError:
    message = (
        f"The requested model '{model}' is not available for this API key, or the model name is invalid. "
        "Check the models available to you and try again."
    )
    return error(403, message, f"{holder}_model_access_denied", "model")
