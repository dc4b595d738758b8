"""Block the keys of people in a group over budget (ADR 32), or over budget at a gateway without teams (ADR 24).

The usage app, a layer above, knows who they are. After each step the next run can continue with a key.
"""

from collections.abc import Collection, Iterable, Iterator
from contextlib import suppress

from django.db.models import Q

from accounts.audit import BY_THE_PORTAL
from accounts.models import AuditAction, AuditOutcome
from gateway.django import get_gateway
from gateway.errors import GatewayNotFound
from keys.models import Key, Token
from keys.services.claim import claimed
from keys.services.delete import AT_THE_GATEWAY, mark_gone
from keys.services.refusals import KeyRefused
from keys.services.rounds import each
from keys.services.trail import audit

AT_ONCE = 500  # people looked up in one query: SQLite takes 999 values


def hold_keys_of(over_budget: Collection[int]) -> int:
    """Block all keys of these people, by their numbers, and unblock those of everybody else; return how many changed.

    A key that an administrator has blocked at the gateway stays blocked. Idempotent. Raises GatewayUnavailable
    at the end when the gateway failed on some.
    """
    held = Key.objects.filter(blocked_for_budget=True, state=Key.State.ACTIVE, owner__is_active=True)
    rounds = [
        each(_block, _free_keys_of(sorted(over_budget))),
        each(_unblock, _but(held.select_related("owner"), over_budget)),
    ]
    if failure := next((failure for _done, failure in rounds if failure), None):
        raise failure
    return sum(done for done, _failure in rounds)


def are_any_held() -> bool:
    """Tell whether any key is blocked because a budget is used up."""
    return Key.objects.filter(blocked_for_budget=True, state=Key.State.ACTIVE).exists()


def _free_keys_of(owners: list[int]) -> Iterator[Key]:
    free = Q(blocked=False) | Q(paused_at__isnull=False, blocked_for_budget=False)
    keys = Key.objects.of_people().filter(free, state=Key.State.ACTIVE).exclude(kind=Key.Kind.EXTERNAL)
    for start in range(0, len(owners), AT_ONCE):
        yield from keys.filter(owner__in=owners[start : start + AT_ONCE]).select_related("owner")


def _but(keys: Iterable[Key], owners: Collection[int]) -> Iterator[Key]:
    return (key for key in keys if key.owner_id not in owners)


def _block(key: Key) -> bool:
    """Block a key, unless somebody else is changing it: then the next run does."""
    with suppress(KeyRefused), claimed(key) as fresh:
        if not fresh.blocked or fresh.is_paused:
            _block_claimed(fresh)
            return True
    return False


def _block_claimed(key: Key) -> None:
    """Block a key. The actor is recorded before: a key that was blocked at the gateway already stays so afterwards."""
    if key.is_paused:  # it cannot be resumed meanwhile
        Key.objects.filter(pk=key.pk).update(blocked_for_budget=True)
        return
    tokens, keys = _tokens_of(key), get_gateway().keys
    by_portal = key.blocked_for_budget or not any(_is_blocked(token) for token in tokens)
    Key.objects.filter(pk=key.pk).update(blocked_for_budget=by_portal)
    for token in tokens:
        try:
            keys.block(token.token or "")
        except GatewayNotFound:
            mark_gone(token)
    Key.objects.filter(pk=key.pk).update(blocked=True)
    audit(BY_THE_PORTAL, AuditAction.SWEEP, AuditOutcome.DONE, key, "over_budget")


def _is_blocked(token: Token) -> bool:
    try:
        return bool(get_gateway().keys.info(token.token or "").blocked)
    except GatewayNotFound:
        return False


def _unblock(key: Key) -> bool:
    """Unblock a key, unless somebody else is changing it, or an admin has taken over the block."""
    with suppress(KeyRefused), claimed(key) as fresh:
        if fresh.blocked_for_budget and fresh.owner.is_active:
            _unblock_claimed(fresh)
            return True
    return False


def _unblock_claimed(key: Key) -> None:
    """Unblock a key, unless its owner has paused it."""
    if key.is_paused:
        Key.objects.filter(pk=key.pk).update(blocked_for_budget=False)
        return
    for token in _tokens_of(key):
        try:
            get_gateway().keys.unblock(token.token or "")
        except GatewayNotFound:
            mark_gone(token)
    Key.objects.filter(pk=key.pk).update(blocked=False, blocked_for_budget=False)
    audit(BY_THE_PORTAL, AuditAction.SWEEP, AuditOutcome.DONE, key, "within_budget")


def _tokens_of(key: Key) -> list[Token]:
    return list(Token.objects.filter(key=key, state__in=AT_THE_GATEWAY))
