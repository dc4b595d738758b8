"""Helpers about keys: create one, look at the gateway, compare both sides."""

import uuid
from dataclasses import replace
from datetime import timedelta
from typing import Any

from django.utils import timezone

from accounts.audit import Actor
from accounts.models import User
from accounts.policies import Allowance, policy_of
from gateway.django import get_gateway
from gateway.secret import token_of
from keys import services
from keys.models import Intern, Key, KeyGift, LimitOverride, PersonBudget, Token
from keys.services.person_budget import team_id_of
from tests.sandbox_process import Sandbox

BY_TEST = Actor(address="192.0.2.1")


def issue(owner: User, label: str = "thesis", kind: str = Key.Kind.TEMPORARY, **key_request: Any) -> services.FreshKey:
    """Issue a key as its owner would, for the `intern` or the one whom `intern_name` and its like describe."""
    about = {"name": "intern_name", "email": "intern_email", "stay_ends_on": "stay_ends_on"}
    described = {name: key_request.pop(key) for name, key in about.items() if key in key_request}
    if described.get("name"):
        key_request["intern"] = Intern(**described)
    requested = services.KeyRequest(label=label, kind=kind, request_id=uuid.uuid4(), **key_request)
    return services.issue_key(owner=owner, actor=Actor(user=owner, address="192.0.2.1"), key_request=requested)


def without_models(owner: User, kind: str) -> Allowance:
    """Return what the person may have, were there no model for a key of this kind."""
    allowance = policy_of(owner)
    rule = replace(allowance.rules[kind], allowed=True, models=())
    return replace(allowance, rules={**allowance.rules, kind: rule})


def again(key: Key) -> Key:
    """Read a key anew, with its tokens."""
    return Key.objects.select_related("owner", "intern").prefetch_related("tokens").get(pk=key.pk)


def being_given(*, to: User, by: User) -> dict[str, Any]:
    """Return the values of a row of a key without an owner that is being given."""
    gift = KeyGift.objects.create(owner=to, given_by=by)
    return {"intent": "give", "gift": gift, "intended_at": timezone.now(), "intended_by": by}


def tokens_at(sandbox: Sandbox) -> set[str]:
    """Return the tokens of the keys that live at the gateway."""
    return {str(row["token"]) for row in sandbox.live_keys()}


def tokens_here() -> set[str]:
    """Return the tokens that our rows say live at the gateway."""
    living = Token.objects.filter(state__in=(Token.State.LIVE, Token.State.RETIRING))
    return {token.token or "" for token in living}


def works(sandbox: Sandbox, secret: str) -> bool:
    """Tell whether the gateway accepts a secret."""
    return token_of(secret) in tokens_at(sandbox)


def assert_at_rest(sandbox: Sandbox) -> None:
    """Check what holds after a sweep: no key without a row, no row without its key, nothing under way."""
    rows = {str(row["token"]): row for row in sandbox.live_keys()}
    tokens = list(Token.objects.select_related("key"))
    living = {token.token or "": token for token in tokens if token.state in (Token.State.LIVE, Token.State.RETIRING)}
    assert rows.keys() == living.keys()
    assert {token.state for token in tokens}.isdisjoint({Token.State.ISSUING, Token.State.DELETING})
    keys = list(Key.objects.prefetch_related("tokens"))
    assert {key.state for key in keys}.isdisjoint({Key.State.ISSUING, Key.State.DELETING})
    assert [key for key in keys if key.renewing_since] == []
    counted = {token for token, row in rows.items() if row["team_id"]}
    assert {token for token, row in living.items() if row.in_team} == counted
    for key in keys:
        assert (key.state == Key.State.ACTIVE) == (key.live_token is not None)
    assert_own_limits_at_rest(rows, living)
    assert_budgets_at_rest(sandbox)


def assert_own_limits_at_rest(rows: dict[str, dict[str, Any]], living: dict[str, Token]) -> None:
    """Check that what owners chose for their keys is at the gateway."""
    chosen = LimitOverride.objects.filter(within_policy=True, key__state=Key.State.ACTIVE).values_list("key", flat=True)
    with_limits = set(chosen)
    for name, token in living.items():
        if (key := token.key).pk in with_limits:
            budget_usd = None if key.budget_usd is None else float(key.budget_usd)
            assert (rows[name]["max_budget"], rows[name]["models"]) == (budget_usd, key.model_names or [])


def teams_at(sandbox: Sandbox) -> dict[str, tuple[float | None, str]]:
    """Return budget and period of the teams of people at the gateway, by their ids."""
    rows = sandbox.call("GET", "/v2/team/list", params={"page": 1, "page_size": 1000}).json()["teams"]
    teams = {row["team_id"]: (row["max_budget"], row["budget_duration"] or "") for row in rows}
    return {team_id: budget for team_id, budget in teams.items() if "-person-" in team_id}


def assert_budgets_at_rest(sandbox: Sandbox) -> None:
    """Check that there is no team without a person, and no person with keys and without their budget."""
    teams, rows = teams_at(sandbox), list(PersonBudget.objects.select_related("owner"))
    assert teams.keys() <= {team_id_of(row.owner) for row in rows}
    with_keys = set(Key.objects.live().values_list("owner", flat=True))
    for row in rows:
        assert not (row.owner.anonymised_at and row.owner_id not in with_keys)
        if row.owner_id in with_keys:
            assert row.state != PersonBudget.State.UNDER_WAY
        if row.state == PersonBudget.State.WRITTEN and row.budget_usd is not None:
            assert teams[team_id_of(row.owner)] == (float(row.team_budget_usd or 0), row.budget_period)


def without_pauses() -> None:
    """Let the client ask again at once, until a setting of the gateway changes: there is nothing to wait for."""
    get_gateway()._transport.retry_pauses_s = (0.0, 0.0)


def set_at_gateway(sandbox: Sandbox, token: str | None, **settings: object) -> None:
    """Change a key at the gateway, behind the portal's back."""
    sandbox.call("POST", "/key/update", body={"key": token, **settings}).raise_for_status()


def delete_at_gateway(sandbox: Sandbox, key: Key) -> None:
    """Delete a key at the gateway, behind the portal's back."""
    sandbox.call("POST", "/key/delete", body={"keys": [live_token(key)]}).raise_for_status()


def live_token(key: Key) -> str:
    """Return the token of a key that works."""
    token = again(key).live_token
    assert token is not None
    return token.token or ""


def ending_in(key: Key, sandbox: Sandbox, *, days: int) -> Key:
    """Let the end of a key of 30 days be so far off, here and there; at the gateway one that is past is past now."""
    set_at_gateway(sandbox, live_token(key), duration=f"{days}d" if days > 0 else "0d")
    end = timezone.now() + timedelta(days=days)
    Key.objects.filter(pk=key.pk).update(expires_at=end, lifetime_started_at=end - timedelta(days=30))
    return again(key)
