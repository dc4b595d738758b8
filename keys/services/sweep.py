"""Heal what crashes and lost answers left: after it no key lives at the gateway without a row, and no row lies."""

import logging
from collections.abc import Callable, Iterable
from datetime import timedelta
from typing import TypeVar

from django.conf import settings
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts.audit import BY_THE_PORTAL
from accounts.models import AuditAction, AuditOutcome
from gateway.django import get_gateway
from gateway.errors import GatewayError, GatewayNotFound, GatewayUnavailable
from gateway.types import KeyInfo
from keys.models import Key, Token
from keys.services.delete import begin_deletion, erase, mark_gone, settle
from keys.services.mint import give_up
from keys.services.renew import record_end
from keys.services.trail import trace

logger = logging.getLogger(__name__)

MAX_FAILURES = 3  # so many gateway errors in a round, and the rest of it waits for the next run

Row = TypeVar("Row", Key, Token)


def sweep_keys() -> int:
    """Bring to rest what nobody waits for any more; return how many things were healed or finished.

    May run twice at once: every step is a conditional update, and deleting what is deleted is harmless.
    Raises GatewayUnavailable when the gateway failed on some of them; the others are done.
    """
    now = timezone.now()
    overdue = now - timedelta(seconds=settings.KEY_ANSWER_DEADLINE_S)
    lapsed = now - timedelta(days=settings.KEY_RENEW_AFTER_DAYS)
    tokens = Token.objects.select_related("key__owner").order_by("since")
    keys = Key.objects.select_related("owner")
    unanswered = Q(state=Token.State.ISSUING) & (Q(answer_lost=True) | Q(since__lt=overdue))
    rounds = [
        _each(heal_issuing, tokens.filter(unanswered)),
        _each(heal_renewal, keys.filter(state=Key.State.ACTIVE, renewing_since__lt=overdue)),
        _each(_end_grace, tokens.filter(state=Token.State.RETIRING, retires_at__lte=now)),
        _each(_end_lapsed, keys.filter(state=Key.State.ACTIVE, expires_at__lt=lapsed).exclude(kind=Key.Kind.OUTSIDE)),
        _each(_block, keys.filter(state=Key.State.ACTIVE, blocked=False, owner__is_active=False)),
        _each(_unblock, keys.filter(state=Key.State.ACTIVE, blocked_by_portal=True, owner__is_active=True)),
        _each(erase, tokens.filter(state=Token.State.DELETING)),
        _each(settle, keys.filter(state__in=(Key.State.DELETING, Key.State.ISSUING))),
    ]
    failure = next((failure for _, failure in rounds if failure), None)
    if failure:
        raise failure
    return sum(done for done, _ in rounds)


def _each(step: Callable[[Row], bool | None], rows: Iterable[Row]) -> tuple[int, GatewayUnavailable | None]:
    """Take `step` with every row; return how many did something, and the failure of a gateway that was away."""
    done, failures, failure = 0, 0, None
    for row in rows:
        try:
            done += step(row) is not False
        except GatewayError as error:
            logger.warning("sweep: %s failed for %s %s: %s", step.__name__, type(row).__name__, row.pk, error)
            failure = error if isinstance(error, GatewayUnavailable) else failure
            failures += 1
            if failures == MAX_FAILURES:
                break
    return done, failure


def heal_issuing(token: Token) -> None:
    """Find out what became of a key whose answer nobody got: what is there goes, for nobody has seen its secret."""
    alias = token.alias or ""
    found = next((info for info in get_gateway().keys.list(alias=alias) if info.alias == alias), None)
    if found is None:
        give_up(token, Key.Problem.ANSWER_LOST)
        trace(BY_THE_PORTAL, AuditAction.SWEEP, AuditOutcome.HEALED, token.key, Key.Problem.ANSWER_LOST.label)
    elif Token.objects.move(token, to=Token.State.DELETING, token=found.token, last_four=found.last_four):
        trace(BY_THE_PORTAL, AuditAction.SWEEP, AuditOutcome.HEALED, token.key, Key.Problem.ANSWER_LOST.label)
        erase(token)


def heal_renewal(key: Key) -> None:
    """Ask the gateway which end a key has whose renewal was not answered."""
    token = key.live_token
    if token is None:
        return
    try:
        info: KeyInfo = get_gateway().keys.info(token.token or "")
    except GatewayNotFound:
        mark_gone(token)
        return
    if info.deleted:
        mark_gone(token)
        return
    record_end(key, info)
    trace(BY_THE_PORTAL, AuditAction.SWEEP, AuditOutcome.HEALED, key)


def _end_grace(token: Token) -> bool:
    """Let the old secret of a rotation go when its grace is over; the round of deletions follows."""
    return Token.objects.move(token, to=Token.State.DELETING)


def _block(key: Key) -> None:
    """Stop the keys of somebody who was deactivated; blocked, not deleted, since people come back."""
    Key.objects.filter(pk=key.pk).update(
        blocked_by_portal=True
    )  # first: what the gateway blocks by itself stays blocked
    for token in key.in_state(Token.State.LIVE, Token.State.RETIRING):
        get_gateway().keys.block(token.token or "")
    Key.objects.filter(pk=key.pk).update(blocked=True)
    trace(BY_THE_PORTAL, AuditAction.SWEEP, AuditOutcome.DONE, key, _("blocked: the owner’s account is not active"))


def _unblock(key: Key) -> None:
    """Let the keys work again of somebody whose account is active again."""
    for token in key.in_state(Token.State.LIVE, Token.State.RETIRING):
        get_gateway().keys.unblock(token.token or "")
    Key.objects.filter(pk=key.pk).update(blocked=False, blocked_by_portal=False)
    trace(BY_THE_PORTAL, AuditAction.SWEEP, AuditOutcome.DONE, key, _("unblocked: the owner’s account is active again"))


def _end_lapsed(key: Key) -> None:
    """Let a key go that expired and was not renewed in time, so that it no longer counts."""
    begin_deletion(key, Key.Problem.LAPSED)
