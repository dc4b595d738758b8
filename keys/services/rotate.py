"""Replace the secret of a key: same settings; the old one works for a grace period, or ends at once."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from functools import partial

from django.db import IntegrityError, transaction
from django.utils import timezone
from django.views.decorators.debug import sensitive_variables

from accounts.audit import Actor
from accounts.mails import LATEST_S
from accounts.models import AuditAction, AuditOutcome
from accounts.policies import Allowance, policy_of
from gateway.django import get_gateway
from gateway.errors import GatewayError, GatewayNotFound, GatewayUnavailable
from gateway.types import IssuedKey, KeyInfo
from keys.models import Key, Token
from keys.services.claim import is_claimed
from keys.services.creation import create_at_gateway, delete_unseen, mark_answer_lost, record_token
from keys.services.delete import delete_at_gateway, mark_gone
from keys.services.derive import chosen_secret
from keys.services.group_budget import budget_refusal
from keys.services.issue import FreshKey
from keys.services.key_limits import follow_limits, limits_now, limits_on, override_of, usable_limits
from keys.services.lifetimes import as_duration, is_expired
from keys.services.person_budget import ceiling_of, claim_and_join
from keys.services.refusals import KeyRefused
from keys.services.team_writes import check_running, lock_running
from keys.services.trail import audit
from web.tasks import send_task


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplacedKey(FreshKey):
    """A key with the secret that replaces a leaked one."""

    old_last_four: str
    old_ended: bool  # False: the gateway has not confirmed it yet, and the sweep retries


def rotate_key(*, key: Key, actor: Actor) -> FreshKey:
    """Give `key` a new secret with the rest of its lifetime and budget; the old one ends after the grace period.

    Both get the policy's present limits, and both count in their owner's budget. In a course the old one ends at once.
    Raises as `issue_key` does; the old secret keeps working whenever this fails.
    """
    _old, issued = _replace(key, actor, AuditAction.ROTATE)
    if key.team_id:
        _end_replaced(key, actor)
    return FreshKey(key=Key.objects.get(pk=key.pk), secret=issued.secret)


def derive_again(*, key: Key, actor: Actor) -> None:
    """Give a Playground key a secret of the present PLAYGROUND_KEY_SECRET, as `rotate_key` does; it raises as that."""
    _replace(key, actor, AuditAction.ROTATE, kinds=(Key.Kind.PLAYGROUND,))
    if key.team_id:
        _end_replaced(key, actor)


def replace_leaked_secret(*, key: Key, actor: Actor) -> ReplacedKey:
    """Give `key` a new secret as `rotate_key` does, and end every older one at once, also that of a rotation.

    Raises as `rotate_key` does, and then the leaked secret still works: the caller reports it. Once the new one is
    recorded the old ones will be deleted, even if this process dies.
    """
    old, issued = _replace(key, actor, AuditAction.LEAK)
    ended = _end_replaced(key, actor)
    details = {"who": actor.user.display_name if actor.user else "", "old_last_four": old.last_four, "ended": ended}
    transaction.on_commit(
        lambda: send_task("keys.mail_leak", (str(key.pk), timezone.now().isoformat(), details), expires=LATEST_S),
        robust=True,
    )
    return ReplacedKey(
        key=Key.objects.get(pk=key.pk), secret=issued.secret, old_last_four=old.last_four, old_ended=ended
    )


def _end_replaced(key: Key, actor: Actor) -> bool:
    """Delete the replaced secrets; False where the gateway has not confirmed it, and the sweep retries."""
    ended = True
    for token in Token.objects.filter(key=key, state=Token.State.DELETING):
        try:
            delete_at_gateway(token)
        except GatewayError as error:
            audit(actor, AuditAction.END_OLD, AuditOutcome.UNKNOWN, key, error)
            ended = False
    return ended


@sensitive_variables("issued")
def _replace(
    key: Key, actor: Actor, action: AuditAction, *, kinds: tuple[str, ...] = Key.KINDS_FOR_PROGRAMS
) -> tuple[Token, IssuedKey]:
    """Create and record a new secret; return the token before it, and the gateway's answer."""
    allowance = None if key.team_id else policy_of(key.owner)
    at_once = allowance is None or action == AuditAction.LEAK  # in a course both would have a whole budget
    grace = None if at_once or allowance is None else timedelta(hours=allowance.grace_hours)
    try:
        old = _rotatable_token(key, action, kinds)
        _bring_to_policy(old, actor, allowance)
        before = _as_it_is(old)
        token = _reserve(old, while_retiring=grace is None)
        issued = create_at_gateway(
            token, allowance, duration=_time_left(before), spend_usd=before.spend_usd, secret=chosen_secret(token)
        )
    except KeyRefused as refusal:
        audit(actor, action, AuditOutcome.REFUSED, key, refusal)
        raise
    except GatewayError as error:
        unknown = isinstance(error, GatewayUnavailable) and error.may_have_happened
        audit(actor, action, AuditOutcome.UNKNOWN if unknown else AuditOutcome.FAILED, key, error)
        raise
    _hand_over(old, token, issued, grace, partial(audit, actor, action, AuditOutcome.DONE, old.key))
    return old, issued


def end_old_secret(*, key: Key, actor: Actor) -> None:
    """End the grace of a rotation now. Raises GatewayUnavailable: then the sweep ends it as soon as it can."""
    old = key.retiring
    if old is None or not Token.objects.move(old, to=Token.State.DELETING):
        raise KeyRefused("no_old")
    try:
        delete_at_gateway(old)
    except GatewayError as error:
        audit(actor, AuditAction.END_OLD, AuditOutcome.UNKNOWN, key, error)
        raise
    audit(actor, AuditAction.END_OLD, AuditOutcome.DONE, key)


def _rotatable_token(key: Key, action: AuditAction, kinds: tuple[str, ...]) -> Token:
    """Return the working token, if the key's state allows another."""
    token = Token.objects.select_related("key__owner", "key__team").filter(key=key, state=Token.State.LIVE).first()
    if token is None or key.kind not in kinds or token.key.state != Key.State.ACTIVE:
        raise KeyRefused("state.replacement")
    if is_expired(token.key) and action == AuditAction.LEAK:  # a renewal would revive the leaked secret
        raise KeyRefused("expired.leaked")
    if token.key.team is not None:
        check_running(token.key.team)
    if is_expired(token.key):
        raise KeyRefused("expired")
    if token.key.is_paused and not token.key.blocked_for_budget and action == AuditAction.LEAK:
        return token
    if token.key.is_paused:
        raise KeyRefused("paused.replacement")
    if token.key.blocked:
        raise budget_refusal(key.owner) if token.key.blocked_for_budget else KeyRefused("blocked")
    return token


def _bring_to_policy(old: Token, actor: Actor, allowance: Allowance | None) -> None:
    """Apply the present limits to the old secret and count it in its owner's budget, before there are two."""
    try:
        if allowance is None:
            follow_limits(old.key, actor, limits_now(old.key))
            return
        follow_limits(old.key, actor, usable_limits(old.key.kind, allowance, override_of(old.key)))
        ceiling = ceiling_of(old.key.owner, allowance)
        if ceiling.team_id:
            claim_and_join(old, ceiling.team_id)
    except GatewayUnavailable as error:  # nothing has happened to the new secret
        raise GatewayUnavailable(str(error), may_have_happened=False) from error


def _as_it_is(old: Token) -> KeyInfo:
    """Read the key's present end and spend from the gateway; a key that is missing there is marked as gone."""
    try:
        info: KeyInfo = get_gateway().keys.info(old.token or "")
        if not info.deleted:
            return info
    except GatewayUnavailable as error:  # a read: nothing can have happened
        raise GatewayUnavailable(str(error), may_have_happened=False) from error
    except GatewayNotFound:
        pass
    mark_gone(old)
    raise KeyRefused("gone")


def _time_left(info: KeyInfo) -> str | None:
    """Return the rest of the key's lifetime, so that a rotation does not extend it; None: no end."""
    return None if info.expires_at is None else as_duration(info.expires_at - timezone.now())


def _reserve(old: Token, *, while_retiring: bool) -> Token:
    """Create the row of the new token; the database allows one in progress, and one that retires."""
    hindering = ("issuing",) if while_retiring else ("issuing", "retiring", "deleting")
    busy = KeyRefused("replacing")
    try:
        with transaction.atomic():
            key = Key.objects.select_for_update().get(pk=old.key_id)
            key.team = old.key.team
            was_handed_over = key.owner_id != old.key.owner_id  # meanwhile: the new secret would be the former owner's
            if key.state != Key.State.ACTIVE or key.in_state(*hindering) or was_handed_over:
                raise busy
            if is_claimed(key):  # a renewal would be lost, or a pause
                raise KeyRefused("busy")
            key.owner = old.key.owner
            return Token.objects.create(key=key)
    except IntegrityError as error:
        raise busy from error


@sensitive_variables("issued")
def _hand_over(old: Token, token: Token, issued: IssuedKey, grace: timedelta | None, note: Callable[[], None]) -> None:
    """Record the new secret and retire the old one, after the `grace` or (None) at once; in one transaction."""
    try:
        with transaction.atomic():
            if old.key.team_id:
                lock_running(old.key.team_id)
            key = Key.objects.select_for_update().get(pk=old.key_id)
            works = not key.blocked or _is_still_paused(key, old.key)
            still = key.state == Key.State.ACTIVE and works and not is_claimed(key) and _is_as_read(key, old, token)
            recorded = still and _let_go(old, grace) and record_token(token, issued)
            if not recorded:
                transaction.set_rollback(True)
            else:
                Key.objects.filter(pk=key.pk).update(expires_at=issued.expires_at, blocked=False, paused_at=None)
                note()
    except GatewayUnavailable:
        mark_answer_lost(token)
        raise
    except KeyRefused:  # its course ended, or was frozen
        delete_unseen(issued)
        mark_answer_lost(token)
        raise
    if not recorded:
        delete_unseen(issued)
        mark_answer_lost(token)
        raise KeyRefused("overtaken.replacement")


def _is_as_read(key: Key, old: Token, token: Token) -> bool:
    """Tell whether a key has the end and the limits that the new secret was made with; it may have been renewed.

    The end to the second: the gateway answers in microseconds and stores milliseconds.
    """
    end, as_read = key.expires_at, old.key.expires_at
    has_same_end = end == as_read or (end and as_read and abs(end - as_read) < timedelta(seconds=1))
    return bool(has_same_end) and limits_on(key) == limits_on(token.key)


def _is_still_paused(key: Key, as_read: Key) -> bool:
    """Tell whether only the pause of before blocks a key: it ends with the leaked secret."""
    return key.is_paused and key.paused_at == as_read.paused_at and not key.blocked_for_budget


def _let_go(old: Token, grace: timedelta | None) -> bool:
    """Retire a secret for the grace period; or delete it, and any before it, in this process or by the sweep."""
    if grace is not None:
        return Token.objects.move(old, to=Token.State.RETIRING, retires_at=timezone.now() + grace)
    before = Token.objects.filter(key=old.key_id, state=Token.State.RETIRING)
    before.update(state=Token.State.DELETING, since=timezone.now(), retires_at=None)
    return Token.objects.move(old, to=Token.State.DELETING)
