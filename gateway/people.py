"""Users and teams of LiteLLM: read only. The portal makes none (they would take its SSO seats)."""

from gateway import reading
from gateway.errors import GatewayNotFound
from gateway.transport import Transport
from gateway.types import TeamInfo, UserInfo


class People:
    """The verbs on users and teams, as admin."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def user(self, user_id: str) -> UserInfo:
        """Look a user row up. GatewayNotFound also for ids that keys carry without a row."""
        answer = self._transport.get("/user/info", {"user_id": user_id})
        told = reading.fields(answer.body, "answer").get("user_info")
        if told is None:
            raise GatewayNotFound("The gateway has no such user.", status=404)
        row = reading.fields(told, "user_info")
        return UserInfo(
            user_id=reading.text(row, "user_id"),
            email=reading.optional_text(row, "user_email"),
            alias=reading.optional_text(row, "user_alias"),
            role=reading.optional_text(row, "user_role"),
            budget_usd=reading.optional_money(row, "max_budget"),
            spend_usd=reading.money(row, "spend"),
            models=reading.names(row, "models"),
            teams=reading.names(row, "teams"),
            created_at=reading.optional_time(row, "created_at"),
        )

    def team(self, team_id: str) -> TeamInfo:
        """Look a team up. Raises GatewayNotFound."""
        answer = self._transport.get("/team/info", {"team_id": team_id})
        row = reading.fields(reading.fields(answer.body, "answer").get("team_info"), "team_info")
        members = reading.items(row.get("members_with_roles"), "members_with_roles")
        ids = [reading.optional_text(reading.fields(member, "member"), "user_id") for member in members]
        return TeamInfo(
            team_id=reading.text(row, "team_id"),
            alias=reading.optional_text(row, "team_alias"),
            budget_usd=reading.optional_money(row, "max_budget"),
            spend_usd=reading.money(row, "spend"),
            models=reading.names(row, "models"),
            member_ids=tuple(user_id for user_id in ids if user_id),  # invited by e-mail: no id yet
            blocked=reading.flag(row, "blocked"),
        )
