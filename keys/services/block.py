"""Block a key until an admin unblocks it, or its owner resumes it. Unlike the portal's own blocks, no task ends it."""

from contextlib import suppress
from typing import Any, Final

from django.utils import timezone

from accounts.audit import Actor
from accounts.models import AuditAction, AuditOutcome
from gateway.django import get_gateway
from gateway.errors import GatewayError, GatewayNotFound, GatewayUnavailable
from keys.models import Key, Token
from keys.services.claim import claim, release
from keys.services.delete import mark_gone
from keys.services.group_budget import budget_refusal
from keys.services.refusals import KeyRefused
from keys.services.trail import audit

_NOBODYS: Final = {
    "blocked_by_portal": False,
    "blocked_for_budget": False,
    "blocked_for_team": False,
    "blocked_by_teacher": False,
    "paused_at": None,
}


def block_key(*, key: Key, actor: Actor, as_teacher: bool = False) -> None:
    """Block `key` at the gateway, with all its secrets, until it is unblocked; an admin takes over a teacher's block.

    Raises KeyRefused, GatewayUnavailable or GatewayRejected. With `may_have_happened` the sweep checks the gateway.
    """
    _switch(key, actor, AuditAction.BLOCK, as_teacher=as_teacher)


def unblock_key(*, key: Key, actor: Actor, as_teacher: bool = False) -> None:
    """Unblock `key`; not while its owner is inactive, nor `as_teacher` if an admin blocks it. Raises likewise."""
    _switch(key, actor, AuditAction.UNBLOCK, as_teacher=as_teacher)


def pause_key(*, key: Key, actor: Actor) -> None:
    """Pause `key` for its owner: block it until they resume it. Raises as `block_key` does."""
    _switch(key, actor, AuditAction.PAUSE)


def resume_key(*, key: Key, actor: Actor) -> None:
    """Unblock a key that its owner has paused; not one that the portal or an admin has blocked. Raises likewise."""
    _switch(key, actor, AuditAction.RESUME)


def is_blocked_by_admin(key: Key) -> bool:
    """Tell whether only an admin can end the block of `key`. They can take over one of the portal or the owner."""
    return key.is_blocked_by_others and not key.blocked_by_teacher


def _switch(key: Key, actor: Actor, action: AuditAction, *, as_teacher: bool = False) -> None:
    """Block or unblock at the gateway, then here. Whose block it is, is recorded before: the answer may be lost."""
    blocks = action in (AuditAction.BLOCK, AuditAction.PAUSE)
    try:
        _check(key, action, as_teacher=as_teacher)
        key, token = _claimed(key, action, as_teacher=as_teacher)
    except KeyRefused as refusal:
        audit(actor, action, AuditOutcome.REFUSED, key, refusal)
        raise
    row, before = Key.objects.filter(pk=key.pk), {name: getattr(key, name) for name in _NOBODYS}
    whose: dict[str, Any] = {**_NOBODYS, "paused_at": timezone.now() if action == AuditAction.PAUSE else None}
    whose["blocked_by_teacher"] = blocks and as_teacher
    if blocks:
        row.update(**whose)
    try:
        _block(key, token) if blocks else _unblock(key, token)
    except GatewayError as error:
        unknown = isinstance(error, GatewayUnavailable) and error.may_have_happened
        if blocks and not unknown:
            row.update(**before)
        half_done = key.retiring is not None and not isinstance(error, GatewayNotFound)
        release(key, repair=unknown or half_done)
        audit(actor, action, AuditOutcome.UNKNOWN if unknown else AuditOutcome.FAILED, key, error)
        if isinstance(error, GatewayNotFound):
            mark_gone(token)
            raise KeyRefused("gone") from error
        raise
    row.update(blocked=blocks, renewing_since=None, **whose)
    audit(actor, action, AuditOutcome.DONE, key)


def _claimed(key: Key, action: AuditAction, *, as_teacher: bool) -> tuple[Key, Token]:
    """Claim a key and read it again: somebody may have blocked it, or replaced its secret, since it was read."""
    claim(key)
    fresh = Key.objects.select_related("owner", "intern", "team").prefetch_related("tokens").get(pk=key.pk)
    try:
        _check(fresh, action, as_teacher=as_teacher)
        if fresh.live_token is None:
            raise KeyRefused("busy")
    except KeyRefused:
        release(key, repair=False)
        raise
    return fresh, fresh.live_token


def _check(key: Key, action: AuditAction, *, as_teacher: bool) -> None:
    if key.state != Key.State.ACTIVE:
        raise KeyRefused("state.issuing" if key.state == Key.State.ISSUING else "state.deleted")
    if action == AuditAction.BLOCK:
        if key.is_blocked_by_others and (as_teacher or is_blocked_by_admin(key)):
            raise KeyRefused("blocked.already")
    elif action == AuditAction.PAUSE:
        if key.blocked:
            raise KeyRefused("paused.already" if key.is_paused else "paused.blocked")
    elif as_teacher and is_blocked_by_admin(key):
        raise KeyRefused("blocked.by_admin")
    else:
        _check_unblock(key, action)


def _check_unblock(key: Key, action: AuditAction) -> None:
    is_resume = action == AuditAction.RESUME
    if not key.blocked:
        raise KeyRefused("paused.not" if is_resume else "blocked.not")
    if is_resume and not key.is_paused:
        raise KeyRefused("blocked")
    if not key.owner.is_active:
        raise KeyRefused("blocked.owner")
    if key.blocked_for_budget:
        raise budget_refusal(key.owner, of_person="blocked.budget")
    if key.team is not None and key.team.frozen_at is not None:
        raise KeyRefused("team.frozen")


def _block(key: Key, token: Token) -> None:
    """Block the old secret of a rotation first: the row shows the state of the live one."""
    keys = get_gateway().keys
    for old in key.in_state(Token.State.RETIRING):
        with suppress(GatewayNotFound):  # it may be deleted by now
            keys.block(old.token or "")
    keys.block(token.token or "")


def _unblock(key: Key, token: Token) -> None:
    """Unblock the live secret first: while the row says "blocked", no other works."""
    keys = get_gateway().keys
    keys.unblock(token.token or "")
    for old in key.in_state(Token.State.RETIRING):
        with suppress(GatewayNotFound):
            keys.unblock(old.token or "")
