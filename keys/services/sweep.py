"""Repair what crashes and lost answers left: no key at the gateway without a row, no row with a wrong state."""

import logging
from contextlib import suppress
from datetime import timedelta

from django.conf import settings
from django.db.models import F, Q
from django.utils import timezone

from accounts.audit import BY_THE_PORTAL
from accounts.models import AuditAction, AuditOutcome
from gateway import log_context
from gateway.django import get_gateway
from gateway.errors import GatewayNotFound
from gateway.types import KeyInfo
from keys.identity import identify_gateway
from keys.models import Intern, Key, PersonBudget, Token
from keys.services.claim import claimed
from keys.services.creation import give_up
from keys.services.delete import begin_deletion, delete_at_gateway, finish_deletion, mark_gone
from keys.services.forget import forget_intern, forget_key
from keys.services.gifts import finish_unowned
from keys.services.handover import move_key
from keys.services.leaves import note_leaves, stops_with_owner
from keys.services.person_budget import check_budget, delete_team, due_for_check
from keys.services.refusals import KeyRefused
from keys.services.renew import record_end
from keys.services.restore import adopt_answer, adopt_unanswered
from keys.services.rounds import each
from keys.services.stay import end_with_stay
from keys.services.trail import audit, problem_code
from web.metrics import SWEEP_REPAIRS

logger = logging.getLogger(__name__)

BUDGETS_A_RUN = 100  # people whose budget at the gateway is compared: one call each


def sweep_keys() -> int:
    """Finish or repair all abandoned operations; return how many.

    May run twice at once: every step is a conditional update, and a second deletion is harmless.
    Raises GatewayUnavailable when the gateway failed on some of them; the others are done. Raises GatewayChanged, and
    nothing is done, at a gateway that the portal does not know.
    """
    if identify_gateway():
        adopt_unanswered()
    note_leaves()
    now = timezone.now()
    overdue = now - timedelta(seconds=settings.KEY_ANSWER_DEADLINE_S)
    lapsed = now - timedelta(days=settings.KEY_RENEW_AFTER_DAYS)
    untried_first = F("tried_at").asc(nulls_first=True)
    tokens = Token.objects.select_related("key__owner", "key__intern").order_by(untried_first, "since")
    keys = Key.objects.select_related("owner", "intern").order_by(untried_first, "created_at")
    people = keys.filter(state=Key.State.ACTIVE, team=None)
    unanswered = Q(state=Token.State.ISSUING) & (Q(answer_lost=True) | Q(since__lt=overdue))
    rounds = [
        each(repair_issuing, tokens.filter(unanswered)),
        each(repair_renewal, keys.filter(state=Key.State.ACTIVE, renewing_since__lt=overdue)),
        each(end_with_stay, keys.filter(state=Key.State.ACTIVE, expires_at__date__gt=F("intern__stay_ends_on"))),
        each(move_key, keys.to_move()),
        each(_end_grace, tokens.filter(state=Token.State.RETIRING, retires_at__lte=now)),
        each(_end_lapsed, people.filter(expires_at__lt=lapsed).exclude(kind=Key.Kind.EXTERNAL)),
        each(forget_key, keys.filter(state=Key.State.ACTIVE, owner__anonymised_at__isnull=False)),
        each(forget_intern, Intern.objects.to_forget()),
        each(_block, keys.filter(stops_with_owner(), state=Key.State.ACTIVE, blocked=False, owner__is_active=False)),
        each(_unblock, keys.filter(state=Key.State.ACTIVE, blocked_by_portal=True, owner__is_active=True)),
        each(delete_at_gateway, tokens.filter(state=Token.State.DELETING)),
        each(finish_deletion, keys.filter(state__in=(Key.State.DELETING, Key.State.ISSUING))),
        finish_unowned(),
        each(delete_team, PersonBudget.objects.to_forget().select_related("owner")),
        each(check_budget, due_for_check(BUDGETS_A_RUN)),
    ]
    repaired = sum(done for done, _ in rounds)
    SWEEP_REPAIRS.inc(repaired)
    failure = next((failure for _, failure in rounds if failure), None)
    if failure:
        raise failure
    return repaired


def repair_issuing(token: Token) -> None:
    """Find the result of a creation without an answer: an existing key is deleted, since nobody has seen its secret.

    The lines of the log, and the calls at the gateway, have the id of the request that began it.
    """
    with log_context.scope(**{**log_context.noted(), "request_id": token.reference or log_context.request_id()}):
        _repair_issuing(token)
        logger.info("keys.sweep: key %s, whose creation was not answered, is repaired", token.key_id)


def _repair_issuing(token: Token) -> None:
    alias = token.alias or ""
    found = next((info for info in get_gateway().keys.list(alias=alias) if info.alias == alias), None)
    if found is None:
        give_up(token, Key.Problem.ANSWER_LOST)
        audit(BY_THE_PORTAL, AuditAction.SWEEP, AuditOutcome.REPAIRED, token.key, problem_code(Key.Problem.ANSWER_LOST))
    elif found.last_active_at is not None:  # somebody uses it: its answer was shown, and our row is from an old copy
        adopt_answer(token, found)
    elif Token.objects.move(token, to=Token.State.DELETING, token=found.token, last_four=found.last_four):
        audit(BY_THE_PORTAL, AuditAction.SWEEP, AuditOutcome.REPAIRED, token.key, problem_code(Key.Problem.ANSWER_LOST))
        delete_at_gateway(token)


def repair_renewal(key: Key) -> None:
    """Read from the gateway the end of a key whose renewal or block was not answered; its secrets agree afterwards."""
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
    _level_old_secret(key, info)
    record_end(key, info)
    audit(BY_THE_PORTAL, AuditAction.SWEEP, AuditOutcome.REPAIRED, key)


def _level_old_secret(key: Key, live: KeyInfo) -> None:
    """Block or unblock the old secret of a rotation as the live one is: a block may have reached only one of them."""
    keys = get_gateway().keys
    for old in key.in_state(Token.State.RETIRING):
        with suppress(GatewayNotFound):  # it may be deleted by now
            if keys.info(old.token or "").blocked != live.blocked:
                (keys.block if live.blocked else keys.unblock)(old.token or "")


def _end_grace(token: Token) -> bool:
    """Retire the old secret of a rotation when its grace is over; the round of deletions follows."""
    return Token.objects.move(token, to=Token.State.DELETING)


def _block(key: Key) -> bool:
    """Block the keys of a deactivated person; they are not deleted, since people may come back.

    Not a key that somebody else is changing, or has blocked meanwhile: the next run looks again.
    """
    with suppress(KeyRefused), claimed(key) as fresh:
        if not (fresh.blocked or fresh.owner.is_active):
            _block_claimed(fresh)
            return True
    return False


def _block_claimed(key: Key) -> None:
    """Block a key. The actor is recorded before: a key that was blocked at the gateway already stays so later."""
    tokens = [token.token or "" for token in key.in_state(Token.State.LIVE, Token.State.RETIRING)]
    keys = get_gateway().keys
    by_portal = key.blocked_by_portal or not any(keys.info(token).blocked for token in tokens)
    Key.objects.filter(pk=key.pk).update(blocked_by_portal=by_portal)
    for token in tokens:
        keys.block(token)
    Key.objects.filter(pk=key.pk).update(blocked=True)
    audit(BY_THE_PORTAL, AuditAction.SWEEP, AuditOutcome.DONE, key, "owner_inactive")


def _unblock(key: Key) -> bool:
    """Unblock the keys of a reactivated person, unless an admin has taken over the block."""
    with suppress(KeyRefused), claimed(key) as fresh:
        if fresh.blocked_by_portal and fresh.owner.is_active:
            _unblock_claimed(fresh)
            return True
    return False


def _unblock_claimed(key: Key) -> None:
    """Unblock a key, unless its course is frozen: then a thaw does."""
    if key.team is not None and key.team.frozen_at is not None:
        Key.objects.filter(pk=key.pk).update(blocked_by_portal=False, blocked_for_team=True)
        return
    for token in key.in_state(Token.State.LIVE, Token.State.RETIRING):
        get_gateway().keys.unblock(token.token or "")
    Key.objects.filter(pk=key.pk).update(blocked=False, blocked_by_portal=False)
    audit(BY_THE_PORTAL, AuditAction.SWEEP, AuditOutcome.DONE, key, "owner_active")


def _end_lapsed(key: Key) -> None:
    """Delete a key that expired and was not renewed in time, so that it no longer counts."""
    begin_deletion(key, Key.Problem.LAPSED)
