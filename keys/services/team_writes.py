"""A course's team at the gateway: created before its first key, deleted after its last (ADR 34)."""

from contextlib import suppress
from uuid import UUID

from django.utils import timezone

from gateway.django import get_gateway
from gateway.errors import GatewayNotFound, GatewayRateLimited, GatewayRejected, GatewayUnavailable
from keys.models import Team
from keys.services.refusals import KeyRefused


def check_running(team: Team) -> None:
    """Refuse new secrets of a team that is frozen or over. Raises KeyRefused."""
    if team.is_over:
        raise KeyRefused("team.ended")
    if team.frozen_at is not None:
        raise KeyRefused("team.frozen")


def lock_running(team_id: UUID) -> Team:
    """Lock a team's row for the caller's transaction and refuse as `check_running` does.

    So a freeze or an end, which locks it too, comes before a new secret and refuses it, or after, and finds it.
    """
    team = Team.objects.select_for_update().get(pk=team_id)
    check_running(team)
    return team


def ensure_team(team: Team) -> Team:
    """Write the team, unless the gateway has it as the row wants; return the row. Raises as `write_team` does.

    No call, and one query, when nothing is to be done.
    """
    team = Team.objects.get(pk=team.pk)
    return team if team.state == Team.State.WRITTEN else write_team(team)


def write_team(team: Team) -> Team:
    """Set budget and models of the team at the gateway, or create it; return the row. Idempotent.

    Raises GatewayUnavailable, never with `may_have_happened`, since no key was touched; or KeyRefused ("team.none")
    at a gateway without teams.
    """
    Team.objects.existing().filter(pk=team.pk).update(state=Team.State.UNDER_WAY, checked_at=timezone.now())
    team = Team.objects.get(pk=team.pk)
    if team.state == Team.State.DELETED:
        raise KeyRefused("team.ended")
    try:
        _write(team)
    except GatewayRateLimited as error:
        raise GatewayUnavailable(str(error), may_have_happened=False) from error
    except GatewayRejected as error:
        raise KeyRefused("team.none") from error
    except GatewayUnavailable as error:
        if error.no_route:
            raise KeyRefused("team.none") from error
        raise GatewayUnavailable(str(error), may_have_happened=False) from error
    written = Team.objects.filter(pk=team.pk, revision=team.revision, state=Team.State.UNDER_WAY)
    written.update(
        state=Team.State.WRITTEN, checked_at=timezone.now()
    )  # else it changed meanwhile: the next run writes
    team.refresh_from_db()
    return team


def check_team(team: Team) -> bool:
    """Compare the team at the gateway with its row, and correct it; tell whether it was another. Idempotent.

    Raises as `write_team` does.
    """
    try:
        found = get_gateway().people.team(team.gateway_id)
        as_written = found.budget_usd == team.budget_usd and list(found.models) == (team.model_names or [])
    except GatewayNotFound:
        as_written = False
    if as_written and team.state == Team.State.WRITTEN:
        Team.objects.filter(pk=team.pk, revision=team.revision).update(checked_at=timezone.now())
        return False
    write_team(team)
    return True


def delete_team(team: Team) -> None:
    """Delete an ended team without keys. Idempotent. Raises GatewayUnavailable or GatewayRejected."""
    with suppress(GatewayNotFound):
        get_gateway().people.delete_team(team.gateway_id)
    Team.objects.filter(pk=team.pk).update(state=Team.State.DELETED, checked_at=timezone.now())


def _write(team: Team) -> None:
    """Set the limits of an existing team, or create it."""
    people, team_id = get_gateway().people, team.gateway_id
    try:
        people.update_team(team_id, budget_usd=team.budget_usd, models=team.model_names)
    except GatewayNotFound:
        try:
            people.new_team(team_id=team_id, alias=team_id, budget_usd=team.budget_usd, models=team.model_names)
        except GatewayRejected:  # it exists: another process was faster
            people.update_team(team_id, budget_usd=team.budget_usd, models=team.model_names)
