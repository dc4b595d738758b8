"""LiteLLM's users, read only: the portal creates none (they would use up its SSO seats). Teams, which use none."""

from collections.abc import Mapping, Sequence
from decimal import Decimal

from gateway.parsing import Body, Fields, Moment, Money, Name, read
from gateway.transport import Transport
from gateway.types import UNSET, TeamInfo, Unset


class People:
    """The verbs on users and teams, as admin."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def team(self, team_id: str) -> TeamInfo:
        """Look a team up. Raises GatewayNotFound."""
        answer = self._transport.get("/team/info", {"team_id": team_id})
        return _team(read(answer.body, _TeamAnswer).team_info)

    def new_team(
        self,
        *,
        team_id: str,
        alias: str,
        budget_usd: Decimal | None = None,
        budget_duration: str | None = None,
        models: Sequence[str] | None = None,
        metadata: Mapping[str, object] | None = None,
    ) -> TeamInfo:
        """Create a team with an id of ours. None: no limit, all models.

        Not idempotent: an id that exists is GatewayRejected, status 400. Raises GatewayUnavailable (`team` tells
        whether it was created).
        """
        body = {
            "team_id": team_id,
            "team_alias": alias,
            "max_budget": budget_usd,
            "budget_duration": budget_duration,
            "models": list(models) if models else None,
            "metadata": None if metadata is None else dict(metadata),
        }
        sent = {name: value for name, value in body.items() if value is not None}
        return _team(read(self._transport.post("/team/new", sent).body, _TeamRow))

    def update_team(
        self,
        team_id: str,
        *,
        budget_usd: Decimal | None | Unset = UNSET,
        budget_duration: str | None | Unset = UNSET,
        models: Sequence[str] | None | Unset = UNSET,
        metadata: Mapping[str, object] | Unset = UNSET,
    ) -> TeamInfo:
        """Change what is given and nothing else; None clears (no limit, all models). Metadata is replaced, not merged.

        Repeating is harmless. Raises GatewayNotFound.
        """
        body = {
            "team_id": team_id,
            "max_budget": budget_usd,
            "budget_duration": budget_duration,
            "models": models if models is UNSET else list(models or ()),
            "metadata": metadata if metadata is UNSET else dict(metadata),
        }
        sent = {name: value for name, value in body.items() if value is not UNSET}
        return _team(read(self._transport.post("/team/update", sent).body, _UpdateAnswer).data)

    def delete_team(self, team_id: str) -> None:
        """Delete a team, and the keys that are in it. Raises GatewayNotFound."""
        self._transport.post("/team/delete", {"team_ids": [team_id]})


class _Member(Body):
    user_id: str | None = None  # none yet, of who was invited by e-mail


class _TeamRow(Body):
    team_id: Name
    team_alias: str | None = None
    max_budget: Money | None = None
    budget_duration: str | None = None
    budget_reset_at: Moment | None = None
    spend: Money | None = None
    models: tuple[Name, ...] | None = None
    members_with_roles: tuple[_Member, ...] | None = None
    blocked: bool | None = None
    metadata: Fields = {}


class _TeamAnswer(Body):
    team_info: _TeamRow


class _UpdateAnswer(Body):
    data: _TeamRow


def _team(row: _TeamRow) -> TeamInfo:
    return TeamInfo(
        team_id=row.team_id,
        alias=row.team_alias,
        budget_usd=row.max_budget,
        budget_duration=row.budget_duration,
        budget_reset_at=row.budget_reset_at,
        spend_usd=row.spend or Decimal(0),
        models=row.models or (),
        member_ids=tuple(member.user_id for member in row.members_with_roles or () if member.user_id),
        blocked=row.blocked or False,
        metadata=row.metadata,
    )
