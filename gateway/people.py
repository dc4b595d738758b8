"""Users of LiteLLM, read only: the portal makes none (they would take its SSO seats). Teams, which take none."""

from collections.abc import Mapping, Sequence
from decimal import Decimal

from gateway import reading
from gateway.transport import Transport
from gateway.types import UNSET, TeamInfo, Unset


class People:
    """The verbs on users and teams, as admin."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def team(self, team_id: str) -> TeamInfo:
        """Look a team up. Raises GatewayNotFound."""
        answer = self._transport.get("/team/info", {"team_id": team_id})
        return _team(reading.fields(answer.body, "answer").get("team_info"))

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
        """Make a team with an id of ours. None: no limit, all models.

        Not idempotent: an id that exists is GatewayRejected, status 400. Raises GatewayUnavailable (`team` tells
        whether it was made).
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
        return _team(self._transport.post("/team/new", sent).body)

    def update_team(
        self,
        team_id: str,
        *,
        budget_usd: Decimal | None | Unset = UNSET,
        budget_duration: str | None | Unset = UNSET,
        metadata: Mapping[str, object] | Unset = UNSET,
    ) -> TeamInfo:
        """Change what is given and nothing else; None clears. Metadata is replaced, not merged.

        Again is harmless. Raises GatewayNotFound.
        """
        body = {
            "team_id": team_id,
            "max_budget": budget_usd,
            "budget_duration": budget_duration,
            "metadata": metadata if metadata is UNSET else dict(metadata),
        }
        sent = {name: value for name, value in body.items() if value is not UNSET}
        answer = self._transport.post("/team/update", sent)
        return _team(reading.fields(answer.body, "answer").get("data"))


def _team(value: object) -> TeamInfo:
    """Read a team's row, in any of the answers that have one."""
    row = reading.fields(value, "team_info")
    members = reading.items(row.get("members_with_roles"), "members_with_roles")
    ids = [reading.optional_text(reading.fields(member, "member"), "user_id") for member in members]
    return TeamInfo(
        team_id=reading.text(row, "team_id"),
        alias=reading.optional_text(row, "team_alias"),
        budget_usd=reading.optional_money(row, "max_budget"),
        budget_duration=reading.optional_text(row, "budget_duration"),
        budget_reset_at=reading.optional_time(row, "budget_reset_at"),
        spend_usd=reading.money(row, "spend"),
        models=reading.names(row, "models"),
        member_ids=tuple(user_id for user_id in ids if user_id),  # invited by e-mail: no id yet
        blocked=reading.flag(row, "blocked"),
        metadata=reading.fields(row.get("metadata") or {}, "metadata"),
    )
