"""Change what a team's row wants, and bring its keys to it, one after another (ADR 34).

A change is one commit; `follow_team` then does what still differs. Run again it continues, twice at once it does no
harm, and without differences it makes no call.
"""

from collections.abc import Iterable
from contextlib import suppress
from datetime import datetime, timedelta
from functools import partial
from typing import Any, Final
from uuid import UUID

from django.db import transaction
from django.db.models import F, QuerySet, prefetch_related_objects
from django.utils import timezone

from accounts.audit import BY_THE_PORTAL
from accounts.models import AuditAction, AuditOutcome
from gateway.django import get_gateway
from gateway.errors import GatewayError, GatewayNotFound, GatewayUnavailable
from gateway.types import UNSET
from keys.identity import identify_gateway
from keys.models import Key, LimitOverride, Team, Token
from keys.services.claim import claim, claimed, release
from keys.services.delete import AT_THE_GATEWAY, begin_deletion, finish_deletion, mark_gone
from keys.services.key_limits import Limits, follow_limits, limits_of_team, overridden
from keys.services.lifetimes import as_duration
from keys.services.person_budget import give_to
from keys.services.refusals import KeyRefused
from keys.services.rounds import each, each_at_once, is_away
from keys.services.team_writes import check_team, delete_team, write_team
from keys.services.trail import audit
from web.tasks import QueueUnavailable, send_task

EXACT: Final = timedelta(minutes=2)  # smaller differences of an end are ignored
CHECKED_AFTER: Final = timedelta(minutes=15)
CHECKED_AT_ONCE: Final = 50  # teams of a run that are compared at the gateway: one call each
DELETED_AT_ONCE: Final = 50  # keys of one call, which takes the gateway 14 ms for each
LATEST_S: Final = 50  # after which the schedule has sent another task


def create_team(**values: Any) -> Team:
    """Create the row of a team; the gateway gets it before its first key."""
    return Team.objects.create(**values)


@transaction.atomic
def change_team(team_id: UUID, **values: Any) -> Team:
    """Change what the team wants, unless it has ended, and send the task that brings its keys to it.

    Joins the caller's transaction. Raises KeyRefused.
    """
    team = Team.objects.select_for_update().get(pk=team_id)
    if team.ended_at is not None:
        raise KeyRefused("team.ended")
    for name, value in values.items():
        setattr(team, name, value)
    team.revision += 1
    team.state, team.checked_at = Team.State.UNDER_WAY, None
    team.save(update_fields=[*values, "revision", "state", "checked_at"])
    follow_soon(team)
    return team


def freeze_team(team_id: UUID) -> Team:
    """Block all keys of the team, in a task; new ones are refused from now on."""
    return change_team(team_id, frozen_at=timezone.now())


def thaw_team(team_id: UUID) -> Team:
    """Unblock the keys of the team that only the freeze blocks, in a task."""
    return change_team(team_id, frozen_at=None)


def end_team(team_id: UUID) -> Team:
    """Delete all keys of the team, then the team, in a task. It cannot be undone."""
    return change_team(team_id, ended_at=timezone.now())


def follow_soon(team: Team) -> None:
    """Send the task for a team when the transaction is committed; otherwise the schedule does within a minute."""

    def send() -> None:
        with suppress(QueueUnavailable):
            send_task("keys.follow_team", (str(team.pk),), expires=LATEST_S)

    transaction.on_commit(send, robust=True)


def count_differing(team: Team) -> int:
    """Return how many keys are not as the team's row wants; three queries."""
    return len(_differing(team))


def follow_team(team_id: UUID) -> int:
    """Bring the team and its keys to its row, at the gateway and here; return how many of them were changed.

    Raises GatewayUnavailable at the end when the gateway failed on some, and GatewayChanged, before anything is done,
    at a gateway that the portal does not know.
    """
    team = Team.objects.filter(pk=team_id).first()
    if team is None or team.state == Team.State.DELETED:
        return 0
    if _is_as_wanted(team):
        return 0
    identify_gateway()
    return _end(team) if team.ended_at else _follow(team)


def follow_teams() -> int:
    """Do as `follow_team` does for all teams, and compare some with the gateway; return how many were changed."""
    done, failure = 0, None
    for team_id in list(Team.objects.existing().order_by("created_at").values_list("pk", flat=True)):
        try:
            done += follow_team(team_id)
        except GatewayUnavailable as error:
            failure = error
            if not error.may_have_happened:
                break
    if failure is None:
        due = Team.objects.filter(state=Team.State.WRITTEN, checked_at__lt=timezone.now() - CHECKED_AFTER)
        _checked, failure = each(check_team, due.order_by("checked_at")[:CHECKED_AT_ONCE])
    if failure:
        raise failure
    return done


def _is_as_wanted(team: Team) -> bool:
    has_keys = team.keys.exists()
    if team.ended_at is not None:
        return False  # it is to be deleted
    return (team.state == Team.State.WRITTEN or not has_keys) and not _differing(team)


def _follow(team: Team) -> int:
    """Block or unblock first: that is what somebody waits for."""
    keys = _keys_of(team)
    if team.frozen_at:
        switch, differing = partial(_switch, frozen=True), keys.filter(blocked=False)
    else:
        switch, differing = partial(_switch, frozen=False), keys.filter(blocked_for_team=True)
    rounds = [switch(differing), each(_write, [team])]
    rounds.append(each(partial(_join, team), _outside(team).select_related("key__owner")))
    others = [pk for pk, step in _differing(team) if step == "limit"]
    rounds.append(each(partial(limit_team_key, team), _with(keys, others)))
    return _sum(rounds)


def _end(team: Team) -> int:
    """Delete the keys, then the team, whose deletion deletes all keys in it that we do not know."""
    keys = Key.objects.filter(team=team, state__in=Key.LIVE_STATES).select_related("owner", "team")
    keys = keys.order_by(F("tried_at").asc(nulls_first=True), "created_at")
    ended = [key for key in keys.prefetch_related("tokens") if key.state != Key.State.ISSUING]
    rounds = []
    for start in range(0, len(ended), DELETED_AT_ONCE):  # one that fails keeps none of the others
        rounds.append(_end_keys(ended[start : start + DELETED_AT_ONCE]))
        if (failure := rounds[-1][1]) and is_away(failure):
            break
    done = _sum(rounds)
    if not Key.objects.filter(team=team, state__in=Key.LIVE_STATES).exists():
        done += _sum([each(delete_team, [team])])
    return done


def _sum(rounds: Iterable[tuple[int, GatewayUnavailable | None]]) -> int:
    rounds = list(rounds)
    if failure := next((failure for _done, failure in rounds if failure), None):
        raise failure
    return sum(done for done, _failure in rounds)


def _keys_of(team: Team) -> QuerySet[Key]:
    """Return the active keys of a team, as its steps need them."""
    keys = Key.objects.filter(team=team, state=Key.State.ACTIVE).order_by(
        F("tried_at").asc(nulls_first=True), "created_at"
    )
    return keys.select_related("owner", "team", "intern").prefetch_related("tokens")


def _with(keys: QuerySet[Key], ids: list[UUID]) -> list[Key]:
    return [key for start in range(0, len(ids), 500) for key in keys.filter(pk__in=ids[start : start + 500])]


def _differing(team: Team) -> list[tuple[UUID, str]]:
    """Return the keys that are not as the team's row wants, with the next step of each: delete, block, limit, join."""
    if team.ended_at is not None:
        left = Key.objects.filter(team=team, state__in=Key.LIVE_STATES)
        return [(pk, "delete") for pk in left.values_list("pk", flat=True)]
    overrides = {each.key_id: each for each in LimitOverride.objects.filter(key__team=team)}
    names = ("pk", "kind", "blocked", "blocked_for_team", "expires_at", *Limits._fields)
    rows = Key.objects.filter(team=team, state=Key.State.ACTIVE).values_list(*names)
    outside = set(_outside(team).values_list("key", flat=True))
    found: list[tuple[UUID, str]] = []
    for pk, kind, blocked, blocked_for_team, expires_at, *limits in rows:
        if (not blocked) if team.frozen_at else blocked_for_team:
            found.append((pk, "block"))
        elif Limits(*limits) != _wanted(team, kind, overrides.get(pk), Limits(*limits)) or _is_another(
            team.ends_at, expires_at
        ):
            found.append((pk, "limit"))
        elif pk in outside:
            found.append((pk, "join"))
    return found


def _outside(team: Team) -> QuerySet[Token]:
    """Return the secrets of active keys of a team that are not in it at the gateway."""
    return Token.objects.filter(key__team=team, key__state=Key.State.ACTIVE, state__in=AT_THE_GATEWAY, in_team=False)


def _wanted(team: Team, kind: str, override: LimitOverride | None, now: Limits) -> Limits:
    """Return the limits of a key of this kind; `now` where the team no longer has any for it."""
    try:
        return overridden(limits_of_team(team, kind), override)
    except KeyRefused:
        return now


def _is_another(end: datetime, expires_at: datetime | None) -> bool:
    """Tell whether a key ends at another time than its team; one that is over stays as it is."""
    if expires_at is None:
        return True
    if abs(expires_at - end) <= EXACT:
        return False
    return max(end, expires_at) > timezone.now()


def _write(team: Team) -> bool:
    """Write the team, unless it is; the gateway needs none without keys."""
    fresh = Team.objects.get(pk=team.pk)
    if fresh.state == Team.State.WRITTEN or not fresh.keys.exists():
        return False
    write_team(fresh)
    return True


def _join(team: Team, token: Token) -> bool:
    """Put a key back into the team that it was taken out of at the gateway, and give it to its owner there."""
    try:
        with claimed(token.key) as key:
            give_to(key.owner, token, team.gateway_id)
            return _record_joined(token, key)
    except KeyRefused:  # it is being changed
        return False
    except GatewayNotFound:
        mark_gone(token)
        return True


@transaction.atomic
def _record_joined(token: Token, key: Key) -> bool:
    """Record that the key is in its team; False if it was handed over meanwhile: the next run gives it to its owner."""
    owner_id = Key.objects.select_for_update().values_list("owner", flat=True).get(pk=key.pk)
    return owner_id == key.owner_id and bool(Token.objects.filter(pk=token.pk).update(in_team=True))


def limit_team_key(team: Team, key: Key) -> bool:
    """Give a key the team's limits, and its end; False while it is being changed."""
    override = LimitOverride.objects.filter(key=key).first()
    limits = _wanted(team, key.kind, override, Limits(*(getattr(key, name) for name in Limits._fields)))
    left = as_duration(max(team.ends_at - timezone.now(), timedelta(seconds=1)))
    with suppress(KeyRefused):  # it is being changed
        duration = left if _is_another(team.ends_at, key.expires_at) else UNSET
        return follow_limits(key, BY_THE_PORTAL, limits, duration=duration, why="team.ends")
    return False


def _read_again(key: Key) -> None:
    """Read a key and its secrets as they are now, so that its calls need no database; two queries."""
    key.refresh_from_db(from_queryset=Key.objects.select_related("owner", "team"))
    prefetch_related_objects([key], "tokens")


# --- Freeze and thaw --------------------------------------------------------------------------------
def _switch(keys: QuerySet[Key], *, frozen: bool) -> tuple[int, GatewayUnavailable | None]:
    """Block these keys, or unblock them."""
    call = _block if frozen else _unblock
    prepare, finish = partial(_begin_switch, frozen=frozen), partial(_finish_switch, frozen=frozen)
    return each_at_once(list(keys), prepare=prepare, call=call, finish=finish)


def _begin_switch(key: Key, *, frozen: bool) -> bool:
    """Claim a key, and record that it is the freeze that blocks it; False where nothing is to be called."""
    try:
        claim(key)
    except KeyRefused:  # it is being changed: the next run does
        return False
    _read_again(key)
    is_wanted = key.team is not None and (key.team.frozen_at is not None) == frozen
    row = Key.objects.filter(pk=key.pk)
    if is_wanted and frozen and not key.blocked:
        row.update(blocked_for_team=True)
        return True
    if is_wanted and not frozen and key.blocked_for_team:
        if key.owner.is_active:
            return True
        row.update(blocked_for_team=False, blocked_by_portal=key.blocked)
    release(key, repair=False)
    return False


def _block(key: Key) -> None:
    for token in key.in_state(*AT_THE_GATEWAY):
        get_gateway().keys.block(token.token or "")


def _unblock(key: Key) -> None:
    for token in key.in_state(*AT_THE_GATEWAY):
        get_gateway().keys.unblock(token.token or "")


def _finish_switch(key: Key, error: GatewayError | None, *, frozen: bool) -> bool:
    """Record the result, and release the key."""
    if error is not None:
        release(key, repair=isinstance(error, GatewayUnavailable) and error.may_have_happened)
        if isinstance(error, GatewayNotFound) and key.live_token is not None:
            mark_gone(key.live_token)
        return False
    Key.objects.filter(pk=key.pk).update(blocked=frozen, blocked_for_team=frozen, renewing_since=None)
    audit(BY_THE_PORTAL, AuditAction.SWEEP, AuditOutcome.DONE, key, "team.frozen" if frozen else "team.thawed")
    return True


# --- End --------------------------------------------------------------------------------------------
def _end_keys(keys: list[Key]) -> tuple[int, GatewayUnavailable | None]:
    """Delete these keys at the gateway with one call, then confirm each; one that is still there is deleted alone."""
    for key in keys:
        _begin_end(key)
    try:
        get_gateway().keys.delete([token.token or "" for key in keys for token in _to_delete(key)])
    except GatewayError as error:  # refused, or its answer is lost: the confirmation finds out what was done
        if isinstance(error, GatewayUnavailable) and is_away(error):
            return 0, error
    return each_at_once(keys, prepare=lambda _key: True, call=_confirm_end, finish=_finish_end)


def _begin_end(key: Key) -> None:
    """Commit the deletion of a key; one that is being deleted already goes on."""
    if key.state == Key.State.ACTIVE:
        with suppress(KeyRefused):  # it ended meanwhile
            begin_deletion(key, Key.Problem.COURSE_ENDED)
    _read_again(key)


def _to_delete(key: Key) -> list[Token]:
    return key.in_state(*AT_THE_GATEWAY, Token.State.DELETING)


def _confirm_end(key: Key) -> None:
    """Confirm that the gateway has none of a key's secrets; delete those that it still has."""
    keys = get_gateway().keys
    for token in _to_delete(key):
        with suppress(GatewayNotFound):
            if keys.info(token.token or "").deleted:
                continue
            keys.delete([token.token or ""])
            if not keys.info(token.token or "").deleted:
                raise GatewayUnavailable("The gateway said that it had deleted a key, and still has it.")


def _finish_end(key: Key, error: GatewayError | None) -> bool:
    if error is not None:
        return False
    seen = [token.pk for token in _to_delete(key)]
    deleting = Token.objects.filter(pk__in=seen, state=Token.State.DELETING)
    deleting.update(state=Token.State.DELETED, since=timezone.now())
    return finish_deletion(key)
