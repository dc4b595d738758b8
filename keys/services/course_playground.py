"""A student's key for the Playground that their course pays for: of its team, with a derived secret (ADR 34).

Freeze, thaw, end and new limits reach it as the other keys of the team. Whether a person is a student is known above.
"""

from functools import partial
from uuid import UUID

from accounts.audit import Actor
from accounts.models import User
from gateway.secret import Secret
from keys.models import Key, Team, Token
from keys.services.delete import delete_key
from keys.services.issue import being_made
from keys.services.key_limits import limits_now, limits_of_team, limits_on
from keys.services.lifetimes import is_expired
from keys.services.limits import count_action
from keys.services.person_budget import claim_and_join
from keys.services.playground import (
    LABEL,
    WAIT_S,
    BudgetStatus,
    info_of,
    is_ours,
    refusal_of_blocked,
    secret_when_ready,
    status_of,
)
from keys.services.refusals import KeyRefused
from keys.services.sweep import repair_renewal
from keys.services.team_keys import issue_team_key
from keys.services.team_writes import check_running
from keys.services.teams import limit_team_key

PLAYGROUND = Key.Kind.PLAYGROUND


def course_playground_secret(*, owner: User, team_id: UUID, actor: Actor, wait_s: float = WAIT_S) -> Secret:
    """Return the secret of the person's Playground key of a course's team; create or change the key first if needed.

    Four queries when nothing is to be done. Like `playground_secret`, it calls nothing under outdated limits, and
    waits for another thread. Raises KeyRefused ("team.frozen", "team.ended", "team.playground", "blocked",
    "being_made", "custom_keys_forbidden"), GatewayUnavailable or GatewayRejected.
    """
    return secret_when_ready(
        partial(_usable_token, owner, team_id),
        _is_ready,
        partial(_reconcile, owner=owner, team_id=team_id, actor=actor),
        wait_s=wait_s,
    )


def course_playground_budget(owner: User, team_id: UUID) -> BudgetStatus | None:
    """Read from the gateway what is left for the person in the course's Playground; None without a key.

    Raises GatewayUnavailable or GatewayRejected.
    """
    token = _tokens(owner, team_id).get(PLAYGROUND)
    info = token and info_of(token)
    return status_of(info) if info else None


def recheck_course_playground_key(owner: User, team_id: UUID) -> None:
    """Read a key that the gateway has just refused, and take over its state; the next use then acts on it.

    Raises GatewayUnavailable or GatewayRejected.
    """
    token = _tokens(owner, team_id).get(PLAYGROUND)
    if token and token.key.team:
        Team.objects.look_again(token.key.team)
        repair_renewal(token.key)


def _tokens(owner: User, team_id: UUID) -> dict[str, Token]:
    """Return the live tokens of the person's keys of a team, by kind; at most one each: keys_one_course_key."""
    found = Token.objects.select_related("key__owner", "key__team").filter(
        key__owner=owner,
        key__team=team_id,
        key__handed_out=False,
        key__state=Key.State.ACTIVE,
        state=Token.State.LIVE,
    )
    return {token.key.kind: token for token in found}


def _usable_token(owner: User, team_id: UUID) -> Token | None:
    """Return the token of the Playground key, if there is one. Raises KeyRefused where the team pays for none now."""
    team = Team.objects.get(pk=team_id)
    check_running(team)
    limits_of_team(team, PLAYGROUND)
    tokens = _tokens(owner, team_id)
    of_course = tokens.get(Key.Kind.COURSE)
    if of_course and of_course.key.is_blocked_by_others:
        raise KeyRefused("blocked.team_playground")
    return tokens.get(PLAYGROUND)


def _is_ready(token: Token) -> bool:
    """Tell whether the key can be used as it is, and counts in the budget of its course."""
    usable = not token.key.blocked and not is_expired(token.key) and is_ours(token) and token.in_team
    return usable and limits_on(token.key) == limits_now(token.key)


def _reconcile(token: Token | None, *, owner: User, team_id: UUID, actor: Actor) -> None:
    """Do the next step that the key needs before it can be used."""
    if token is None:
        count_action(owner, "playground:key")
        issue_team_key(team=Team.objects.get(pk=team_id), owner=owner, actor=actor, label=LABEL, kind=PLAYGROUND)
    elif token.key.blocked_for_team:  # thawed, and the task has not come to it yet
        raise being_made()
    elif token.key.blocked:
        raise refusal_of_blocked(token.key)
    elif not is_ours(token):
        delete_key(key=token.key, actor=actor, problem=Key.Problem.REPLACED)
    elif token.key.team is not None and not token.in_team:
        claim_and_join(token, token.key.team.gateway_id)
    elif token.key.team is not None and not limit_team_key(token.key.team, token.key):
        raise KeyRefused("busy")
