"""Helpers about the keys of a course's team: make one, look at the gateway, check that both sides agree."""

from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from django.utils import timezone

from accounts.audit import Actor
from accounts.models import User
from keys import services
from keys.models import Key, Team
from tests.sandbox_process import Sandbox


def make_team(**values: Any) -> Team:
    """Return a team of a course that runs for a week; 40 USD in all, 1 USD each."""
    about = {"budget_usd": 40, "key_budget_usd": 1, "ends_at": timezone.now() + timedelta(days=7), **values}
    return Team.objects.get(pk=services.create_team(**about).pk)


def issue_in(team: Team, owner: User, **about: Any) -> services.FreshKey:
    """Issue a key of the team as its owner would."""
    actor = Actor(user=owner, address="192.0.2.1")
    return services.issue_team_key(team=team, owner=owner, actor=actor, label="INF-201", **about)


def rows_at(sandbox: Sandbox, team: Team) -> list[dict[str, Any]]:
    """Return the team's keys at the gateway."""
    return [row for row in sandbox.live_keys() if row["team_id"] == team.gateway_id]


def team_at(sandbox: Sandbox, team: Team) -> dict[str, Any] | None:
    """Return the team at the gateway; None if it is not there."""
    answer = sandbox.call("GET", "/team/info", params={"team_id": team.gateway_id})
    row: dict[str, Any] | None = answer.json()["team_info"] if answer.ok else None
    return row


def assert_as_wanted(sandbox: Sandbox, team: Team) -> None:
    """Check that the gateway has the team and its keys as the row wants, and no others."""
    team.refresh_from_db()
    rows, there = rows_at(sandbox, team), team_at(sandbox, team)
    ours = Key.objects.filter(team=team, state=Key.State.ACTIVE).prefetch_related("tokens")
    assert services.count_differing(team) == 0
    assert not Key.objects.filter(team=team, state__in=(Key.State.ISSUING, Key.State.DELETING)).exists()
    assert {row["token"] for row in rows} == {key.live_token.token for key in ours if key.live_token}
    if team.ended_at is not None:
        assert (rows, there, team.state) == ([], None, Team.State.DELETED)
        return
    for row in rows:
        assert bool(row["blocked"]) == (team.frozen_at is not None)
        assert abs(datetime.fromisoformat(row["expires"]) - team.ends_at) < timedelta(minutes=2)
        is_playground = row["metadata"]["passerelle_kind"] == Key.Kind.PLAYGROUND
        budget_usd = team.playground_budget_usd if is_playground else team.key_budget_usd
        assert Decimal(str(row["max_budget"])) == budget_usd
    if there is not None and rows:
        assert Decimal(str(there["max_budget"])) == team.budget_usd
