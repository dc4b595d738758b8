"""Delete a key, and confirm it by asking the gateway again."""

from uuid import UUID

from django.db import transaction
from django.utils import timezone

from accounts.audit import BY_THE_PORTAL, Actor
from accounts.models import AuditAction, AuditOutcome
from gateway.django import get_gateway
from gateway.errors import GatewayError, GatewayNotFound, GatewayUnavailable
from keys.models import Key, PersonBudget, Team, Token
from keys.services.refusals import KeyRefused
from keys.services.trail import audit, problem_code

AT_THE_GATEWAY = (Token.State.LIVE, Token.State.RETIRING)
UNDER_WAY = (Token.State.ISSUING, Token.State.DELETING)


def delete_key(*, key: Key, actor: Actor, problem: Key.Problem = Key.Problem.NONE, by_owner: bool = False) -> None:
    """Delete `key` with all its secrets, at the gateway and here; a second call retries.

    Its owner cannot delete a course's key that somebody else has blocked: another could follow it (KeyRefused).
    Raises GatewayUnavailable or GatewayRejected: the key then stays "being deleted", and the sweep retries.
    """
    begin_deletion(key, problem, by_owner=by_owner)
    try:
        for token in Token.objects.filter(key=key, state=Token.State.DELETING):
            delete_at_gateway(token)
    except GatewayError as error:
        audit(actor, AuditAction.DELETE, AuditOutcome.UNKNOWN, key, error)
        raise
    finish_deletion(key, actor)


def begin_deletion(key: Key, problem: Key.Problem, *, by_owner: bool = False) -> None:
    """Commit that `key` and its tokens will be deleted. This is irreversible."""
    with transaction.atomic():
        locked = Key.objects.select_for_update().get(pk=key.pk)
        if locked.state == Key.State.ISSUING:
            raise KeyRefused("state.issuing")
        if locked.state not in Key.LIVE_STATES:
            raise KeyRefused("state.deleted")
        if by_owner and locked.is_kept_while_blocked:
            raise KeyRefused("blocked.course")
        locked.state, locked.problem = Key.State.DELETING, problem or locked.problem
        locked.save(update_fields=["state", "problem"])
        Token.objects.filter(key=key, state__in=AT_THE_GATEWAY).update(
            state=Token.State.DELETING, since=timezone.now(), retires_at=None
        )


def delete_at_gateway(token: Token) -> None:
    """Delete one token at the gateway, verify it, and record that it is deleted. Idempotent.

    Raises GatewayUnavailable (also if the gateway confirms and still has it) or GatewayRejected.
    """
    keys = get_gateway().keys
    try:
        keys.delete([token.token or ""])
        gone = keys.info(token.token or "").deleted
    except GatewayNotFound:
        gone = True
    if not gone:
        raise GatewayUnavailable("The gateway said that it had deleted a key, and still has it.")
    Token.objects.move(token, to=Token.State.DELETED)


def finish_deletion(key: Key, actor: Actor = BY_THE_PORTAL) -> bool:
    """Close a key in deletion, or one that was never created, when none of its tokens is left or in progress."""
    with transaction.atomic():
        locked = Key.objects.select_for_update().get(pk=key.pk)
        if locked.state not in (Key.State.DELETING, Key.State.ISSUING):
            return False
        if Token.objects.filter(key=key, state__in=(*AT_THE_GATEWAY, *UNDER_WAY)).exists():
            return False
        made = locked.state == Key.State.DELETING
        locked.state = Key.State.DELETED if made else Key.State.FAILED
        locked.problem = locked.problem if made else Key.Problem.ANSWER_LOST
        locked.request_id = locked.request_id if made else None  # the form had no effect: it may be sent again
        locked.ended_at = timezone.now()
        locked.save(update_fields=["state", "problem", "request_id", "ended_at"])
        if made:
            audit(actor, AuditAction.DELETE, AuditOutcome.DONE, locked, problem_code(locked.problem))
        else:
            audit(actor, AuditAction.SWEEP, AuditOutcome.REPAIRED, locked, problem_code(locked.problem))
    return True


def mark_gone(token: Token) -> None:
    """Record that `token` is missing at the gateway, though nobody deleted it here; a live one ends its key too.

    Nothing is deleted there: an old secret lives to the end of its grace, and one that reappears is revived (sync).
    """
    with transaction.atomic():
        lock_team_of(token.key_id)
        key = Key.objects.select_for_update().get(pk=token.key_id)
        was_live = token.state == Token.State.LIVE
        if not Token.objects.move(token, to=Token.State.GONE) or not was_live or key.state != Key.State.ACTIVE:
            return
        key.state, key.problem = Key.State.DELETING, Key.Problem.GONE
        key.save(update_fields=["state", "problem"])
        look_at_team_again(key)  # deleting a team deletes its keys
        audit(BY_THE_PORTAL, AuditAction.SYNC, AuditOutcome.DONE, key, problem_code(Key.Problem.GONE))
    finish_deletion(key)


def lock_team_of(key_id: UUID) -> None:
    """Lock the course's team of a key, before the key and for the caller's transaction, as changes of teams do.

    For what changes both: in the other order two of them could deadlock.
    """
    Team.objects.select_for_update(of=("self",), no_key=True).filter(keys=key_id).first()


def look_at_team_again(key: Key) -> None:
    """Have the team in which a key counts, a course's or its owner's, checked soon: it may be missing."""
    if key.team is not None:
        Team.objects.look_again(key.team)
    else:
        PersonBudget.objects.look_again(key.owner)
