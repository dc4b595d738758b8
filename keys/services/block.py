"""Block a key until an admin unblocks it. Unlike the portal's own blocks, no task ends it."""

from contextlib import suppress

from accounts.audit import Actor
from accounts.models import AuditAction, AuditOutcome
from gateway.django import get_gateway
from gateway.errors import GatewayError, GatewayNotFound, GatewayUnavailable
from keys.models import Key, Token
from keys.services.claim import claim, release
from keys.services.delete import mark_gone
from keys.services.refusals import KeyRefused
from keys.services.trail import audit


def block_key(*, key: Key, actor: Actor) -> None:
    """Block `key` at the gateway, with all its secrets, until it is unblocked.

    Raises KeyRefused, GatewayUnavailable or GatewayRejected. With `may_have_happened` the sweep checks the gateway.
    """
    _switch(key, actor, AuditAction.BLOCK)


def unblock_key(*, key: Key, actor: Actor) -> None:
    """Unblock `key`; not while its owner is inactive. Raises as `block_key` does."""
    _switch(key, actor, AuditAction.UNBLOCK)


def is_blocked_by_admin(key: Key) -> bool:
    """Tell whether `key` stays blocked until somebody unblocks it. An admin can take over a block of the portal."""
    return key.blocked and not (key.blocked_by_portal or key.blocked_for_budget)


def _switch(key: Key, actor: Actor, action: AuditAction) -> None:
    """Block or unblock at the gateway, then here."""
    try:
        _check(key, action)
        token = claim(key)
    except KeyRefused as refusal:
        audit(actor, action, AuditOutcome.REFUSED, key, refusal)
        raise
    try:
        _block(key, token) if action == AuditAction.BLOCK else _unblock(key, token)
    except GatewayError as error:
        unknown = isinstance(error, GatewayUnavailable) and error.may_have_happened
        release(key, repair=unknown)
        audit(actor, action, AuditOutcome.UNKNOWN if unknown else AuditOutcome.FAILED, key, error)
        if isinstance(error, GatewayNotFound):
            mark_gone(token)
            raise KeyRefused("gone") from error
        raise
    by_portal = {"blocked_by_portal": False, "blocked_for_budget": False}
    Key.objects.filter(pk=key.pk).update(blocked=action == AuditAction.BLOCK, renewing_since=None, **by_portal)
    audit(actor, action, AuditOutcome.DONE, key)


def _check(key: Key, action: AuditAction) -> None:
    if key.state != Key.State.ACTIVE:
        raise KeyRefused("state.issuing" if key.state == Key.State.ISSUING else "state.deleted")
    if action == AuditAction.BLOCK:
        if is_blocked_by_admin(key):
            raise KeyRefused("blocked.already")
    elif not key.blocked:
        raise KeyRefused("blocked.not")
    elif not key.owner.is_active:
        raise KeyRefused("blocked.owner")
    elif key.blocked_for_budget:
        raise KeyRefused("blocked.budget")


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
